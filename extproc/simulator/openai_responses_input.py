"""The request of OpenAI's Responses API: what it refuses, and what it asks of the simulated model.

Sources, 2026-11-21: the types of OpenAI's SDK 3.52 (every field there is: others are refused) and excerpts of
https://platform.openai.com/docs/api-reference/responses/create.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.simulator import answer, openai_checks
from extproc.simulator.answer import Prompt, Tool, ToolMode
from extproc.simulator.anthropic_checks import signature
from extproc.simulator.format import Json, Rejected
from extproc.simulator.openai_chat import REASONING, content_text
from extproc.simulator.openai_endpoints import input_text
from extproc.simulator.shapes import ResponseRequest

THOUGHT = "The question is simple, so a simulated answer will do."
ENCRYPTED = signature(THOUGHT)
"""The reasoning that a caller brings back; it is refused where it has changed."""

_FIELDS = frozenset(
    {
        "background",
        "context_management",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
_MODES = {"none": ToolMode.NONE, "required": ToolMode.REQUIRED}


def check(request: Json) -> None:
    """Refuses a request that OpenAI would."""
    for name in request:
        if name not in _FIELDS:
            raise _invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    openai_checks.shape(request, ResponseRequest)
    called: set[Any] = set()
    for index, item in enumerate(_items(request["input"])):
        _item(item, f"input[{index}]", called)
    for index, tool in enumerate(request.get("tools") or ()):
        if tool.get("type") == "function" and not tool.get("name"):
            raise _missing(f"tools[{index}].name")


def _item(item: Json, place: str, called: set[Any]) -> None:
    """`called` are the ids of the calls so far."""
    kind = item.get("type", "message")
    if kind == "message":
        if item.get("role") not in ("user", "assistant", "system", "developer"):
            raise _invalid(f"Invalid value: '{item.get('role')}'.", f"{place}.role", "invalid_value")
        _parts(item.get("content"), "output_text" if item["role"] == "assistant" else "input_text", f"{place}.content")
    elif kind == "function_call":
        called.add(openai_checks.required(item, "call_id"))
    elif kind == "function_call_output":
        if item.get("call_id") not in called:
            message = f"No tool call found for function call output with call_id {item.get('call_id')}."
            raise _invalid(message, "input")
    elif kind == "reasoning":
        if item.get("encrypted_content") not in (None, ENCRYPTED):
            raise _invalid("The encrypted content could not be verified.", None, "invalid_encrypted_content")
    else:
        raise _invalid(f"Invalid value: '{kind}'.", f"{place}.type", "invalid_value")


def _parts(content: Any, text: str, place: str) -> None:
    for index, part in enumerate(content if isinstance(content, list) else ()):
        kinds = (text, "refusal") if text == "output_text" else (text, "input_image", "input_file", "input_audio")
        if part.get("type") not in kinds:
            supported = ", ".join(f"'{kind}'" for kind in kinds)
            message = f"Invalid value: '{part.get('type')}'. Supported values are: {supported}."
            raise _invalid(message, f"{place}[{index}].type", "invalid_value")


def _items(given: Any) -> list[Json]:
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def read(request: Json) -> Prompt:
    """What a checked request asks."""
    given = request["input"]
    mode, forced = _tool_choice(request.get("tool_choice"))
    effort = (request.get("reasoning") or {}).get("effort")
    tools = [tool for tool in request.get("tools") or () if tool.get("type") == "function"]
    return Prompt(
        text=last_user_text(given),
        tool_results=_tool_results(given),
        tools=tuple(Tool(tool["name"], tool.get("parameters") or {"type": "object"}) for tool in tools),
        tool_mode=mode,
        forced=forced,
        parallel=request.get("parallel_tool_calls") is not False,
        json_schema=_json_schema((request.get("text") or {}).get("format") or {}),
        reasoning_tokens=REASONING.get(effort or "none", 0),
        max_tokens=request.get("max_output_tokens"),
        input_tokens=sum(_tokens(request)),
    )


def _tool_choice(choice: Any) -> tuple[ToolMode, str | None]:
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        return ToolMode.REQUIRED, choice["name"]
    return (_MODES.get(choice, ToolMode.AUTO) if isinstance(choice, str) else ToolMode.AUTO), None


def _json_schema(wanted: Json) -> Any:
    kind = wanted.get("type")
    if kind == "json_schema":
        return wanted.get("schema") or {}
    return {} if kind == "json_object" else None


def last_user_text(given: Any) -> str:
    """The text of the last user message of an `input`; of one without messages, all of it. Never raises."""
    items = _items(given)
    for item in reversed(items):
        if item.get("role") == "user":
            return content_text(item.get("content"))
    return "" if items else input_text(given)


def _tool_results(given: Any) -> tuple[str, ...]:
    results: list[str] = []
    for item in reversed(_items(given)):
        if item.get("type") != "function_call_output":
            break
        results.insert(0, content_text(item.get("output")))
    return tuple(results)


def _tokens(request: Json) -> Iterator[int]:
    yield answer.words(request.get("instructions") or "")
    tools = request.get("tools")
    yield answer.words(answer.json_text(tools)) if tools else 0
    if not isinstance(request["input"], list):
        yield answer.words(input_text(request["input"]))
    for item in _items(request["input"]):
        content = item.get("content")
        images = sum(part["type"] == "input_image" for part in content) if isinstance(content, list) else 0
        calls = 1 + answer.words(item.get("arguments") or "") if item.get("type") == "function_call" else 0
        yield answer.words(content_text(content or item.get("output"))) + images * answer.IMAGE_TOKENS + calls


def _missing(name: str) -> Rejected:
    return _invalid(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


def _invalid(message: str, param: str | None, code: str | None = None) -> Rejected:
    return Rejected(400, message, kind="invalid_request_error", param=param, code=code)
