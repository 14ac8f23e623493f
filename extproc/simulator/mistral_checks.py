"""What Mistral refuses in a request.

Sources, read in the SDKs' types and in excerpts, 2026-11-21: https://docs.mistral.ai/api/endpoint/chat,
https://docs.mistral.ai/api/endpoint/embeddings (fields; 422 for those that it does not know),
https://github.com/mistralai/mistral-common (order of roles: code 3230; ids of tool calls: code 3280).
"""

import re
from itertools import pairwise
from typing import Any

import msgspec

from extproc.simulator.format import Call, Json, Rejected, read_object
from extproc.simulator.openai_chat import content_text
from extproc.simulator.shapes import ChatMessage, FunctionTool, Positive, ResponseFormat, mistake

_ROLES: dict[str, frozenset[str]] = {
    "system": frozenset({"content", "role"}),
    "user": frozenset({"content", "role"}),
    "assistant": frozenset({"content", "prefix", "role", "tool_calls"}),
    "tool": frozenset({"content", "name", "role", "tool_call_id"}),
}
_BEFORE = {
    "user": ("system", "user", "assistant"),
    "assistant": ("system", "user", "assistant", "tool"),
    "tool": ("assistant", "tool"),
    "system": ("system", "user", "assistant", "tool"),
}
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_INVALID = "invalid_request_error"


class _Chat(msgspec.Struct):
    model: str
    messages: list[ChatMessage]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: Positive | None = None
    stream: bool | None = None
    stop: str | list[str] | None = None
    random_seed: int | None = None
    metadata: dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: Positive | None = None
    prediction: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    prompt_mode: str | None = None
    guardrails: list[Any] | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    safe_prompt: bool | None = None
    min_tokens: int | None = None
    repetition_penalty: float | None = None
    top_k: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    prompt_logprobs: bool | None = None
    top_prompt_logprobs: int | None = None


class _Embeddings(msgspec.Struct):
    model: str
    input: str | list[str]
    metadata: dict[str, Any] | None = None
    output_dimension: Positive | None = None
    output_dtype: str | None = None
    encoding_format: str | None = None


def credential(call: Call) -> None:
    """401 unless `Authorization: Bearer` holds a key it knows; the answer is the proxy's before the API."""
    if not call.accepts(call.bearer()):
        raise Rejected(401, "Unauthorized")


def document(call: Call) -> Json:
    found = read_object(call.body)
    if found is None:
        raise invalid(["body"], "JSON decode error", "json_invalid")
    return found


def chat(request: Json) -> None:
    """Refuses a chat request that Mistral would."""
    _shape(request, _Chat)
    for index, message in enumerate(request["messages"]):
        _message(message, index)
    _order(request["messages"])
    _tools(request)
    if not 0 <= (request.get("temperature") or 0) <= 1.5:
        raise invalid(["body", "temperature"], "Input should be less than or equal to 1.5", "less_than_equal")


def embeddings(request: Json) -> None:
    """Refuses an embeddings request that Mistral would."""
    _shape(request, _Embeddings)


def _shape(request: Json, kind: type[msgspec.Struct]) -> None:
    for name in request:
        if name not in kind.__struct_fields__:
            raise _unknown(["body", name])
    wrong = mistake(request, kind)
    if wrong is None:
        return
    place = ["body", *(int(step) if step.isdigit() else step for step in wrong.dotted.split("."))]
    if wrong.missing:
        raise invalid(place, "Field required", "missing")
    raise invalid(place, f"Input should be {wrong.expected}", "invalid_type")


def _message(message: Json, index: int) -> None:
    role = message["role"]
    if role not in _ROLES:
        expected = ", ".join(f"'{name}'" for name in _ROLES)
        text = f"Input tag '{role}' found using 'role' does not match any of the expected tags: {expected}"
        raise invalid(["body", "messages", index], text, "union_tag_invalid")
    for name in message:
        if name not in _ROLES[role]:
            raise _unknown(["body", "messages", index, role, name])
    named = [call["id"] for call in message.get("tool_calls") or ()]
    for name in [*named, message.get("tool_call_id", "000000000")]:
        if not _CALL_ID.fullmatch(name):
            text = f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9."
            raise Rejected(400, text, kind="invalid_function_call", code="3280")


def _order(messages: list[Json]) -> None:
    for before, message in pairwise(messages):
        if before["role"] not in _BEFORE[message["role"]]:
            raise _wrong_order(f"Unexpected role '{message['role']}' after role '{before['role']}'")
    last = messages[-1] if messages else {"role": "none"}
    if last["role"] not in ("user", "tool") and not last.get("prefix"):
        found = last["role"]
        raise _wrong_order(
            f"Expected last role User or Tool (or Assistant with prefix True) for serving but got {found}"
        )
    empty = [one for one in messages if one["role"] == "assistant" and not one.get("tool_calls") and not _says(one)]
    if empty:
        raise _wrong_order("Assistant message must have either content or tool_calls, but not none.")


def _says(message: Json) -> bool:
    content = message.get("content")
    return bool(content if isinstance(content, list) else content_text(content))


def _tools(request: Json) -> None:
    for index, tool in enumerate(request.get("tools") or ()):
        if tool["type"] == "function" and not (tool.get("function") or {}).get("parameters"):
            raise invalid(["body", "tools", index, "function", "parameters"], "Field required", "missing")


def _unknown(place: list[str | int]) -> Rejected:
    return invalid(place, "Extra inputs are not permitted", "extra_forbidden")


def invalid(place: list[str | int], text: str, kind: str) -> Rejected:
    """A fault that Mistral's validator finds: the message is its report."""
    return Rejected(422, text, kind=kind, param=".".join(str(step) for step in place))


def _wrong_order(text: str) -> Rejected:
    return Rejected(400, text, kind="invalid_request_message_order", code="3230")
