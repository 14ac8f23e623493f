"""Anthropic's Messages format.

Sources, seen 2026-11-21: https://platform.claude.com/docs/en/api/messages (request, answer),
/docs/en/build-with-claude/streaming (events), /docs/en/api/errors, /docs/en/build-with-claude/prompt-caching (usage).
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from extproc.simulator import answer, anthropic_checks
from extproc.simulator.answer import Answer, Finish, Prompt, Tool, ToolMode
from extproc.simulator.directives import Directives
from extproc.simulator.format import (
    EVENT_STREAM_HEADERS,
    JSON_HEADERS,
    Call,
    Event,
    Format,
    Json,
    Rejected,
    Reply,
    encode,
    read_object,
)

THOUGHT = "The question is simple, so a simulated answer will do."
PREAMBLE = "Let me look that up."
_EFFORT = {"low": 16, "medium": 32, "high": 64, "xhigh": 128, "max": 256}
_ARGUMENT_PIECE = 7
_STOP_REASON = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.REFUSAL: "refusal",
}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_FAULTS = {
    401: "invalid x-api-key",
    404: "model: not found",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your organization's rate limit.",
    529: "Overloaded",
}


def owns(call: Call) -> bool:
    """`/v1/models` is OpenAI's too; Anthropic's clients say so with `anthropic-version`."""
    named = call.path.startswith("/v1/models") and "anthropic-version" in call.headers
    return named or call.path.startswith("/v1/messages")


def answer_call(call: Call, directives: Directives) -> Reply:
    """Raises Rejected."""
    anthropic_checks.credential(call)
    version = anthropic_checks.version(call)
    operation = (call.method, call.path)
    if operation == ("POST", "/v1/messages"):
        return _create(call, directives, version)
    if operation == ("POST", "/v1/messages/count_tokens"):
        return _count(call, version)
    if operation == ("GET", "/v1/models"):
        return _json(call, _models(call))
    raise Rejected(404, f"Not found: {call.method} {call.path}")


def _create(call: Call, directives: Directives, version: str) -> Reply:
    request = anthropic_checks.document(call)
    anthropic_checks.message(request, version, beta="anthropic-beta" in call.headers)
    message = compose(request, directives, call.token)
    if request.get("stream"):
        return Reply(200, _headers(call) | EVENT_STREAM_HEADERS, events=events(message))
    return _json(call, document(message))


def _count(call: Call, version: str) -> Reply:
    request = anthropic_checks.document(call)
    anthropic_checks.count(request, version, beta="anthropic-beta" in call.headers)
    return _json(call, {"input_tokens": _input_tokens(request)})


def _models(call: Call) -> Json:
    models = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active"}
        for name in call.models
    ]
    first, last = (call.models[0], call.models[-1]) if call.models else (None, None)
    return {"data": models, "has_more": False, "first_id": first, "last_id": last}


# The request


def read(request: Json) -> Prompt:
    messages = request["messages"]
    mode, forced, parallel = _tool_choice(request.get("tool_choice") or {})
    output = (request.get("output_config") or {}).get("format") or {}
    return Prompt(
        text=last_user_text(messages),
        tool_results=_tool_results(messages[-1]),
        tools=tuple(Tool(tool["name"], tool.get("input_schema", {})) for tool in request.get("tools") or ()),
        tool_mode=mode,
        forced=forced,
        parallel=parallel,
        json_schema=output.get("schema"),
        reasoning_tokens=_thinking_tokens(request),
        max_tokens=request.get("max_tokens"),
        stop=tuple(request.get("stop_sequences") or ()),
        input_tokens=_input_tokens(request),
        preamble=PREAMBLE if mode is ToolMode.AUTO else "",
    )


def _tool_choice(choice: Json) -> tuple[ToolMode, str | None, bool]:
    modes = {"none": ToolMode.NONE, "any": ToolMode.REQUIRED, "tool": ToolMode.REQUIRED}
    kind = choice.get("type", "auto")
    return modes.get(kind, ToolMode.AUTO), choice.get("name"), not choice.get("disable_parallel_tool_use")


def _thinking_tokens(request: Json) -> int:
    if not _thinks(request):
        return 0
    effort = (request.get("output_config") or {}).get("effort")
    return _EFFORT.get(effort, 32) if effort else 32


def _thinks(request: Json) -> bool:
    return (request.get("thinking") or {}).get("type") in ("enabled", "adaptive", "between_tools")


def last_user_text(messages: Any) -> str:
    """The text of the last user message that has some (results of tools have none); never raises."""
    found: list[Any] = messages if isinstance(messages, list) else []
    for one in reversed(found):
        if isinstance(one, dict) and one.get("role") == "user" and (text := _text_of(one.get("content"))):
            return text
    return ""


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else ()
    return " ".join(str(b.get("text", "")) for b in blocks if isinstance(b, dict) and b.get("type") == "text")


def _tool_results(last: Json) -> tuple[str, ...]:
    blocks = last["content"] if isinstance(last["content"], list) else []
    return tuple(_text_of(block.get("content")) for block in blocks if block["type"] == "tool_result")


def _input_tokens(request: Json) -> int:
    return sum(tokens for tokens, _ in _parts(request))


def _cached_prefix(request: Json) -> int:
    """Tokens up to the last block marked with `cache_control`, in the order of the cache: tools, system, messages. The
    minimum length of a cached prefix is not simulated."""
    total = marked = 0
    for tokens, mark in _parts(request):
        total += tokens
        marked = total if mark else marked
    return total if request.get("cache_control") else marked


def _parts(request: Json) -> Iterator[tuple[int, bool]]:
    """The tokens of every part of a prompt, and whether it carries a cache mark."""
    for tool in request.get("tools") or ():
        yield answer.words(answer.json_text(tool)), "cache_control" in tool
    yield from _content_parts(request.get("system") or "")
    for one in request["messages"]:
        yield from _content_parts(one["content"])


def _content_parts(content: Any) -> Iterator[tuple[int, bool]]:
    if isinstance(content, str):
        yield answer.words(content), False
        return
    for block in content:
        yield _block_tokens(block), bool(block.get("cache_control"))


def _block_tokens(block: Json) -> int:
    kind = block["type"]
    if kind in ("image", "document"):
        return answer.IMAGE_TOKENS
    if kind == "tool_use":
        return 1 + answer.words(answer.json_text(block["input"]))
    if kind == "tool_result":
        return sum(tokens for tokens, _ in _content_parts(block.get("content") or ""))
    return answer.words(str(block.get("text") or block.get("thinking") or ""))


# The answer


@dataclass(frozen=True, slots=True)
class Block:
    """One content block: `start` as `content_block_start` has it, the deltas that fill it, and the whole."""

    start: Json
    deltas: Sequence[Json]
    whole: Json


@dataclass(frozen=True, slots=True)
class Message:
    """An answer that is decided but not yet written in either form."""

    id: str
    model: str
    blocks: Sequence[Block]
    said: Answer
    usage: Json | None
    directives: Directives


def compose(request: Json, directives: Directives, token: str) -> Message:
    prompt = read(request)
    said = answer.compose(prompt, directives)
    usage = None if directives.no_usage else _usage(request, prompt, directives)
    blocks = [] if directives.empty_choices else [*_thinking(request, directives), *_content(said, token)]
    return Message(f"msg_{token}", request["model"], blocks, said, usage, directives)


def _usage(request: Json, prompt: Prompt, directives: Directives) -> Json:
    """The three input counts exclude each other; `output_tokens` is filled in where it is known."""
    read_tokens = min(directives.cached_tokens or 0, prompt.input_tokens)
    created = max(0, _cached_prefix(request) - read_tokens)
    return {
        "input_tokens": prompt.input_tokens - read_tokens - created,
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": created, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _thinking(request: Json, directives: Directives) -> Iterator[Block]:
    if directives.redacted_thinking:
        redacted = {"type": "redacted_thinking", "data": base64.b64encode(b"simulated redacted thinking").decode()}
        yield Block(redacted, (), redacted)
    if not _thinks(request):
        return
    shown = "" if request["thinking"].get("display") == "omitted" else THOUGHT
    signature = anthropic_checks.signature(shown)
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in answer.pieces(shown)]
    yield Block(
        {"type": "thinking", "thinking": "", "signature": ""},
        [*deltas, {"type": "signature_delta", "signature": signature}],
        {"type": "thinking", "thinking": shown, "signature": signature},
    )


def _content(said: Answer, token: str) -> Iterator[Block]:
    """Text and tool calls; the model explains itself before calls that were not forced."""
    if said.pieces or not said.calls:
        yield _text(said.pieces)
    for number, call in enumerate(said.calls):
        head = {"type": "tool_use", "id": f"toolu_{token[:20]}{number:02}", "name": call.name}
        yield Block(head | {"input": {}}, _argument_deltas(call.arguments), head | {"input": call.arguments})


def _text(said: Sequence[str]) -> Block:
    deltas = [{"type": "text_delta", "text": piece} for piece in said]
    return Block({"type": "text", "text": ""}, deltas, {"type": "text", "text": "".join(said)})


def _argument_deltas(arguments: Json) -> list[Json]:
    """An empty first delta, as Anthropic sends it, then the JSON in small pieces."""
    text = answer.json_text(arguments)
    cuts = ["", *(text[at : at + _ARGUMENT_PIECE] for at in range(0, len(text), _ARGUMENT_PIECE))]
    return [{"type": "input_json_delta", "partial_json": cut} for cut in cuts]


def document(message: Message) -> Json:
    """The `message` object."""
    whole = _envelope(message, [block.whole for block in message.blocks]) | _ending(message)
    return whole if message.usage is None else whole | {"usage": message.usage | _output(message)}


def _envelope(message: Message, content: list[Json]) -> Json:
    return {"id": message.id, "type": "message", "role": "assistant", "model": message.model, "content": content}


def _ending(message: Message) -> Json:
    refused = {"type": "refusal", "category": None, "explanation": None}
    return {
        "stop_reason": _STOP_REASON[message.said.finish],
        "stop_sequence": message.said.stop_sequence,
        "stop_details": refused if message.said.finish is Finish.REFUSAL else None,
    }


def _output(message: Message) -> Json:
    thinking = message.said.reasoning_tokens
    details = {"output_tokens_details": {"thinking_tokens": thinking}} if thinking else {}
    return {"output_tokens": message.said.output_tokens} | details


# The stream


def events(message: Message) -> Iterator[Event]:
    """message_start; for each block content_block_start, content_block_delta …, content_block_stop, with a ping after
    the first block began; message_delta with the stop reason and cumulative usage; message_stop."""
    begun = _envelope(message, []) | {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield _event("message_start", message=begun if message.usage is None else begun | {"usage": message.usage})
    for index, block in enumerate(message.blocks):
        yield _event("content_block_start", index=index, content_block=block.start)
        if index == 0:
            yield _event("ping")
        for delta in block.deltas:
            yield _event("content_block_delta", tokens=1, index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    yield _message_delta(message)
    yield _event("message_stop")


def _message_delta(message: Message) -> Event:
    if message.usage is None:
        return _event("message_delta", delta=_ending(message))
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    usage = {name: message.usage[name] for name in names} | _output(message)
    return _event("message_delta", delta=_ending(message), usage=usage)


def _event(name: str, /, *, tokens: int = 0, **fields: Any) -> Event:
    return Event(name, encode({"type": name} | fields), tokens)


# Headers and errors


def _json(call: Call, document: Json) -> Reply:
    return Reply(200, _headers(call) | JSON_HEADERS, encode(document))


def _headers(call: Call) -> dict[str, str]:
    return {
        "request-id": f"req_{call.token}",
        "anthropic-organization-id": "simulated",
        "anthropic-ratelimit-requests-limit": "10000",
        "anthropic-ratelimit-requests-remaining": "9999",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
    }


def subject(call: Call) -> str:
    return last_user_text((read_object(call.body) or {}).get("messages"))


def failure(call: Call, rejected: Rejected) -> Reply:
    document = _error(rejected) | {"request_id": f"req_{call.token}"}
    return Reply(rejected.status, _headers(call) | JSON_HEADERS, encode(document))


def _error(rejected: Rejected) -> Json:
    default = "api_error" if rejected.status >= 500 else "invalid_request_error"
    kind = rejected.kind or _ERROR_TYPES.get(rejected.status, default)
    return {"type": "error", "error": {"type": kind, "message": rejected.message}}


def fault(status: int) -> Rejected:
    return Rejected(status, _FAULTS.get(status, "Internal server error" if status >= 500 else "Invalid request"))


FORMAT = Format(
    name="anthropic",
    owns=owns,
    subject=subject,
    answer=answer_call,
    failure=failure,
    fault=fault,
    error_event=Event("error", encode(_error(fault(529)))),
)
