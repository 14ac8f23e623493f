"""Cohere's format: chat, embed and rerank.

Sources, read in the SDKs' types and in excerpts, 2026-11-21: https://docs.cohere.com/reference/chat,
https://docs.cohere.com/v2/docs/streaming, https://docs.cohere.com/v2/docs/tool-use-streaming (events),
https://docs.cohere.com/reference/embed, https://docs.cohere.com/reference/rerank,
https://docs.cohere.com/reference/errors.
"""

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from extproc.simulator import answer, cohere_checks
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
from extproc.simulator.openai_chat import content_text, last_user_text
from extproc.simulator.openai_endpoints import vector

THOUGHT = "The question is simple, so a simulated answer will do."
PLAN = "I will look that up."
_PROMPT_TOKENS = 60  # what Cohere itself adds to a prompt: counted, not billed
_THINKING_TOKENS = 32
_DIMENSIONS = 8
_ARGUMENT_PIECE = 7
_MODES = {"REQUIRED": ToolMode.REQUIRED, "NONE": ToolMode.NONE}
_FINISH = {
    Finish.STOP: "COMPLETE",
    Finish.STOP_SEQUENCE: "STOP_SEQUENCE",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOL_CALLS: "TOOL_CALL",
    Finish.REFUSAL: "COMPLETE",
}
_FAULTS = {
    401: "invalid api token",
    404: "model not found, make sure the correct model ID was used and that you have access to the model.",
    429: "You are past the per minute request limit, please wait and try again later.",
    503: "service unavailable",
}


def owns(call: Call) -> bool:
    return call.path.startswith("/v2/") or call.path == "/v1/rerank"


def answer_call(call: Call, directives: Directives) -> Reply:
    """Raises Rejected."""
    cohere_checks.credential(call)
    respond = _ENDPOINTS.get(call.path) if call.method == "POST" else None
    if respond is None:
        raise Rejected(404, f"not found: {call.method} {call.path}")
    return respond(call, cohere_checks.document(call), directives)


# Chat


@dataclass(frozen=True, slots=True)
class Message:
    """An answer that is decided but not yet written in either form. `thinks`: with reasoning before it."""

    id: str
    token: str
    said: Answer
    thinks: bool
    usage: Json | None
    directives: Directives


def _chat(call: Call, request: Json, directives: Directives) -> Reply:
    cohere_checks.chat(request)
    message = compose(request, directives, call.token)
    if request.get("stream"):
        return Reply(200, _headers(call) | EVENT_STREAM_HEADERS, events=events(message))
    return _json(call, document(message))


def compose(request: Json, directives: Directives, token: str) -> Message:
    prompt = read(request)
    said = answer.compose(prompt, directives)
    usage = None if directives.no_usage else _usage(prompt, said, directives)
    thinks = prompt.reasoning_tokens > 0
    return Message(f"c14c80c3-{token}", token, said, thinks, usage, directives)


def read(request: Json) -> Prompt:
    messages = request["messages"]
    wanted = request.get("response_format") or {}
    mode = _MODES.get(request.get("tool_choice") or "", ToolMode.AUTO)
    tools = request.get("tools") or ()
    return Prompt(
        text=last_user_text(messages),
        tool_results=_tool_results(messages),
        tools=tuple(Tool(tool["function"]["name"], tool["function"]["parameters"]) for tool in tools),
        tool_mode=mode,
        json_schema=(wanted.get("json_schema") or {}) if wanted.get("type") == "json_object" else None,
        reasoning_tokens=_thinking_tokens(request.get("thinking") or {}),
        max_tokens=request.get("max_tokens"),
        stop=tuple(request.get("stop_sequences") or ()),
        input_tokens=sum(_message_tokens(message) for message in messages) + _tool_tokens(tools),
        preamble=PLAN if mode is ToolMode.AUTO else "",
    )


def _thinking_tokens(thinking: Json) -> int:
    if thinking.get("type") != "enabled":
        return 0
    return min(_THINKING_TOKENS, thinking.get("token_budget") or _THINKING_TOKENS)


def _tool_results(messages: list[Json]) -> tuple[str, ...]:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, content_text(message.get("content")))
    return tuple(results)


def _message_tokens(message: Json) -> int:
    content = message.get("content")
    images = sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0
    calls = sum(1 + answer.words(call["function"]["arguments"]) for call in message.get("tool_calls") or ())
    spoken = answer.words(content_text(content)) + answer.words(message.get("tool_plan") or "")
    return spoken + images * answer.IMAGE_TOKENS + calls


def _tool_tokens(tools: Any) -> int:
    return answer.words(answer.json_text(tools)) if tools else 0


def _usage(prompt: Prompt, said: Answer, directives: Directives) -> Json:
    return {
        "billed_units": {"input_tokens": prompt.input_tokens, "output_tokens": said.output_tokens},
        "tokens": {"input_tokens": prompt.input_tokens + _PROMPT_TOKENS, "output_tokens": said.output_tokens + 2},
        "cached_tokens": min(directives.cached_tokens or 0, prompt.input_tokens),
    }


def document(message: Message) -> Json:
    """The whole answer. It does not name its model."""
    whole = {"id": message.id, "finish_reason": _FINISH[message.said.finish], "message": _whole_message(message)}
    return whole if message.usage is None else whole | {"usage": message.usage}


def _whole_message(message: Message) -> Json:
    said, whole = message.said, {"role": "assistant"}
    if said.calls:
        plan = {"tool_plan": said.text} if said.text else {}
        return whole | plan | {"tool_calls": [_call(message, number) for number in range(len(said.calls))]}
    thought = [{"type": "thinking", "thinking": THOUGHT}] if message.thinks else []
    content = [] if message.directives.empty_choices else [*thought, {"type": "text", "text": said.text}]
    return whole | {"content": content}


def _call(message: Message, number: int, *, arguments: bool = True) -> Json:
    call = message.said.calls[number]
    written = answer.json_text(call.arguments) if arguments else ""
    function = {"name": call.name, "arguments": written}
    return {"id": f"{call.name}_{message.token[:12]}{number}", "type": "function", "function": function}


def events(message: Message) -> Iterator[Event]:
    """message-start; the plan and calls, or the content blocks; message-end with finish reason and usage."""
    opened = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield _event("message-start", id=message.id, delta={"message": opened})
    yield from _call_events(message) if message.said.calls else _content_events(message)
    usage = {} if message.usage is None else {"usage": message.usage}
    delta = {"finish_reason": _FINISH[message.said.finish]} | usage
    yield _event("message-end", id=message.id, delta=delta)


def _content_events(message: Message) -> Iterator[Event]:
    if message.directives.empty_choices:
        return
    blocks = [("text", message.said.pieces)]
    if message.thinks:
        blocks.insert(0, ("thinking", answer.pieces(THOUGHT)))
    for index, (kind, pieces) in enumerate(blocks):
        yield _event("content-start", index=index, delta={"message": {"content": {"type": kind, kind: ""}}})
        for piece in pieces:
            yield _event("content-delta", tokens=1, index=index, delta={"message": {"content": {kind: piece}}})
        yield _event("content-end", index=index)


def _call_events(message: Message) -> Iterator[Event]:
    for piece in message.said.pieces:
        yield _event("tool-plan-delta", tokens=1, delta={"message": {"tool_plan": piece}})
    for number, call in enumerate(message.said.calls):
        opening = _call(message, number, arguments=False)
        yield _event("tool-call-start", index=number, delta={"message": {"tool_calls": opening}})
        text = answer.json_text(call.arguments)
        for at in range(0, len(text), _ARGUMENT_PIECE):
            part = {"function": {"arguments": text[at : at + _ARGUMENT_PIECE]}}
            yield _event("tool-call-delta", tokens=1, index=number, delta={"message": {"tool_calls": part}})
        yield _event("tool-call-end", index=number)


def _event(name: str, /, *, tokens: int = 0, **fields: Any) -> Event:
    return Event(name, encode({"type": name} | fields), tokens)


# Embed and rerank


def _embed(call: Call, request: Json, directives: Directives) -> Reply:
    cohere_checks.embed(request)
    texts, size = request["texts"], request.get("output_dimension") or _DIMENSIONS
    vectors = [vector(text, size) for text in texts]
    found: Json = {"id": call.token, "response_type": "embeddings_by_type", "texts": texts}
    kinds = request.get("embedding_types") or ["float"]
    found["embeddings"] = {kind: [_written(one, kind) for one in vectors] for kind in kinds}
    billed = {"input_tokens": sum(answer.words(text) for text in texts)}
    return _json(call, found | _meta(billed, directives))


def _written(values: list[float], kind: str) -> list[float] | list[int] | str:
    if kind == "float":
        return values
    if kind == "base64":
        return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
    return [round(value * 127) for value in values]


def _rerank(call: Call, request: Json, directives: Directives) -> Reply:
    first_version = call.path == "/v1/rerank"
    cohere_checks.rerank(request, first_version=first_version)
    results = _ranked(request)
    if first_version and request.get("return_documents"):
        results = [result | {"document": _document(request["documents"][result["index"]])} for result in results]
    return _json(call, {"id": call.token, "results": results} | _meta({"search_units": 1}, directives))


def _ranked(request: Json) -> list[Json]:
    """Documents by the share of the query's words that they hold; among equals, as they came."""
    wanted = set(request["query"].lower().split())
    texts = [_document(document)["text"] for document in request["documents"]]
    scores = [len(wanted & set(text.lower().split())) / len(wanted) for text in texts]
    order = sorted(range(len(texts)), key=lambda index: -scores[index])
    return [{"index": index, "relevance_score": scores[index]} for index in order[: request.get("top_n") or len(texts)]]


def _document(document: Any) -> Json:
    return {"text": document if isinstance(document, str) else str(document.get("text", ""))}


def _meta(billed: Json, directives: Directives) -> Json:
    version = {"api_version": {"version": "2"}}
    return {"meta": version if directives.no_usage else version | {"billed_units": billed}}


_ENDPOINTS: Mapping[str, Callable[[Call, Json, Directives], Reply]] = {
    "/v2/chat": _chat,
    "/v2/embed": _embed,
    "/v2/rerank": _rerank,
    "/v1/rerank": _rerank,
}


# Headers and errors


def _json(call: Call, found: Json) -> Reply:
    return Reply(200, _headers(call) | JSON_HEADERS, encode(found))


def _headers(call: Call) -> dict[str, str]:
    return {"x-debug-trace-id": call.token, "x-trial-endpoint-call-limit": "20"}


def subject(call: Call) -> str:
    """Directives stand in the last user message, the query or the first text."""
    request = read_object(call.body) or {}
    if "messages" in request:
        return last_user_text(request["messages"])
    texts = request.get("query") or request.get("texts")
    return str(texts[0] if isinstance(texts, list) and texts else texts or "")


def failure(call: Call, rejected: Rejected) -> Reply:
    found = {"id": call.token, "message": rejected.message}
    return Reply(rejected.status, _headers(call) | JSON_HEADERS, encode(found))


def fault(status: int) -> Rejected:
    return Rejected(status, _FAULTS.get(status, "internal server error" if status >= 500 else "invalid request"))


FORMAT = Format(
    name="cohere",
    owns=owns,
    subject=subject,
    answer=answer_call,
    failure=failure,
    fault=fault,
    error_event=Event(None, encode({"message": "internal server error"})),
)
