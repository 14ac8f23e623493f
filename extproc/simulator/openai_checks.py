"""What OpenAI refuses in a request (https://platform.openai.com/docs/api-reference/chat/create and the errors guide,
seen 2026-11-21). Unknown fields are let through: servers that only speak OpenAI's format accept many more."""

from typing import Any

import msgspec

from extproc.simulator.format import Call, Json, Rejected, read_object
from extproc.simulator.shapes import ChatRequest, mistake

_KIND = "invalid_request_error"
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def credential(call: Call) -> None:
    """401 as OpenAI gives it: no `Authorization: Bearer`, or a key it does not know."""
    key = call.bearer()
    if not key:
        raise Rejected(401, "You didn't provide an API key in an Authorization header using Bearer auth.", kind=_KIND)
    if not call.accepts(key):
        raise Rejected(401, "Incorrect API key provided.", kind=_KIND, code="invalid_api_key")


def document(call: Call) -> Json:
    """The request's JSON object."""
    found = read_object(call.body)
    if found is None:
        raise Rejected(400, "We could not parse the JSON body of your request.", kind=_KIND)
    return found


def model(request: Json) -> str:
    name = request.get("model")
    if not name:
        raise Rejected(400, "you must provide a model parameter", kind=_KIND)
    if not isinstance(name, str):
        raise _invalid("Invalid type for 'model': expected a string.", "model", "invalid_type")
    return name


def chat(request: Json) -> None:
    """Refuses a chat completion request that OpenAI would."""
    shape(request, ChatRequest)
    if not request["messages"]:
        raise _invalid("Invalid 'messages': empty array. Expected a minimum length of 1.", "messages", "empty_array")
    for index, message in enumerate(request["messages"]):
        _message(message, f"messages[{index}]")
    _tool_turns(request["messages"])
    _functions(request)
    _parameters(request)


def shape(request: Json, kind: type[msgspec.Struct]) -> None:
    """Refuses fields of the wrong type."""
    wrong = mistake(request, kind)
    if wrong is None:
        return
    if wrong.missing:
        raise _missing(wrong.place)
    if not wrong.got:
        raise _invalid(f"Invalid value for '{wrong.place}': it is out of bounds.", wrong.place, "invalid_value")
    text = f"Invalid type for '{wrong.place}': expected {wrong.expected}, but got {wrong.got} instead."
    raise _invalid(text, wrong.place, "invalid_type")


def _parameters(request: Json) -> None:
    if request.get("stream_options") is not None and not request.get("stream"):
        raise _invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if request.get("max_tokens") is not None and request.get("max_completion_tokens") is not None:
        raise _invalid("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if request.get("tool_choice") is not None and not request.get("tools"):
        raise _invalid("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    temperature = request.get("temperature")
    if temperature is not None and not 0 <= temperature <= 2:
        raise _invalid(f"Invalid 'temperature': {temperature} is not between 0 and 2.", "temperature")


def _functions(request: Json) -> None:
    for index, tool in enumerate(request.get("tools") or ()):
        if tool["type"] == "function" and tool.get("function") is None:
            raise _missing(f"tools[{index}].function")
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] == "function" and choice.get("function") is None:
        raise _missing("tool_choice.function")
    wanted = request.get("response_format") or {}
    if wanted.get("type") == "json_schema" and wanted.get("json_schema") is None:
        raise _missing("response_format.json_schema")


def _message(message: Json, path: str) -> None:
    role = message["role"]
    if role not in _ROLES:
        raise _invalid(f"Invalid value: '{role}'. Supported values are: {_listed(_ROLES)}.", f"{path}.role")
    if message.get("content") is None and role != "assistant":
        raise _missing(f"{path}.content")


def _tool_turns(messages: list[Json]) -> None:
    """Every tool message answers a call of the assistant message before it, and every call is answered."""
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                raise _invalid("messages with role 'tool' must answer a preceding message with 'tool_calls'.",
                               f"messages[{index}].role")  # fmt: skip
            open_calls.remove(message["tool_call_id"])
            continue
        _all_answered(open_calls)
        open_calls = {call["id"] for call in message.get("tool_calls") or ()}
    _all_answered(open_calls)


def _all_answered(open_calls: set[str]) -> None:
    if open_calls:
        raise _invalid(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. These have no response: {', '.join(sorted(open_calls))}",
            "messages",
        )


def required(request: Json, name: str) -> Any:
    """The field's value, of any type."""
    if request.get(name) is None:
        raise _missing(name)
    return request[name]


def _missing(name: str) -> Rejected:
    return _invalid(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


def _invalid(message: str, param: str | None = None, code: str | None = None) -> Rejected:
    return Rejected(400, message, kind=_KIND, param=param, code=code)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
