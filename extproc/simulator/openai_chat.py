"""OpenAI chat completions: request document to answer document or chunk documents.

Sources, seen 2026-11-21: https://platform.openai.com/docs/api-reference/chat/create (request, answer),
https://platform.openai.com/docs/api-reference/chat-streaming (chunks).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from extproc.simulator import answer
from extproc.simulator.answer import Answer, Finish, Prompt, Tool, ToolCall, ToolMode
from extproc.simulator.directives import Directives
from extproc.simulator.format import Json

FINGERPRINT = "fp_5150fa7e00"
REASONING = {"none": 0, "minimal": 8, "low": 16, "medium": 32, "high": 64, "xhigh": 128, "max": 256}
"""The tokens of reasoning for each `reasoning_effort`."""

_FINISH = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.REFUSAL: "stop",
}
_ARGUMENT_PIECE = 7


@dataclass(frozen=True, slots=True)
class Chunk:
    """One streamed document and how many tokens of the answer it carries."""

    document: Json
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A chat completion that is decided but not yet written in either form."""

    request: Json
    answers: Sequence[Answer]
    usage: Json | None
    token: str
    created: int
    directives: Directives

    def head(self, kind: str) -> Json:
        """The fields every document of this completion begins with."""
        return {
            "id": f"chatcmpl-{self.token}",
            "object": kind,
            "created": self.created,
            "model": self.request["model"],
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }


def complete(request: Json, directives: Directives, token: str, created: int) -> Completion:
    """Decides the answer to a checked request."""
    prompt = read(request)
    count = request.get("n") or 1
    answers = [answer.compose(prompt, directives, alternative) for alternative in range(count)]
    usage = None if directives.no_usage else usage_of(prompt, answers, directives)
    return Completion(request, answers, usage, token, created, directives)


# The request


def read(request: Json) -> Prompt:
    messages = request["messages"]
    tools = tuple(_tool(tool["function"]) for tool in request.get("tools") or () if tool.get("type") == "function")
    mode, forced = _tool_choice(request.get("tool_choice"))
    stop = request.get("stop") or ()
    return Prompt(
        text=last_user_text(messages),
        tool_results=_tool_results(messages),
        tools=tools,
        tool_mode=mode,
        forced=forced,
        parallel=request.get("parallel_tool_calls") is not False,
        json_schema=_json_schema(request.get("response_format")),
        reasoning_tokens=REASONING.get(request.get("reasoning_effort") or "none", 0),
        max_tokens=request.get("max_completion_tokens") or request.get("max_tokens"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        input_tokens=sum(_message_tokens(message) for message in messages) + _tool_tokens(request.get("tools")),
    )


def _tool(function: Json) -> Tool:
    return Tool(function["name"], function.get("parameters") or {"type": "object"})


def _tool_choice(choice: Any) -> tuple[ToolMode, str | None]:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return ToolMode.REQUIRED, choice["function"]["name"]
    modes = {"none": ToolMode.NONE, "required": ToolMode.REQUIRED}
    return (modes.get(choice, ToolMode.AUTO) if isinstance(choice, str) else ToolMode.AUTO), None


def _json_schema(response_format: Any) -> Any:
    kind = (response_format or {}).get("type")
    if kind == "json_schema":
        return response_format["json_schema"].get("schema") or {}
    return {} if kind == "json_object" else None


def last_user_text(messages: Any) -> str:
    """The text of the last user message; never raises, for directives are looked for before the request is checked."""
    found: list[Any] = messages if isinstance(messages, list) else []
    for message in reversed(found):
        if isinstance(message, dict) and message.get("role") == "user":
            return content_text(message.get("content"))
    return ""


def content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict) and "text" in part)


def _tool_results(messages: list[Json]) -> tuple[str, ...]:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, content_text(message.get("content")))
    return tuple(results)


def _message_tokens(message: Json) -> int:
    content = message.get("content")
    images = sum(part.get("type") == "image_url" for part in content) if isinstance(content, list) else 0
    calls = message.get("tool_calls") or ()
    spoken = sum(answer.words(call["function"]["arguments"]) + 1 for call in calls if call.get("function"))
    return answer.words(content_text(content)) + images * answer.IMAGE_TOKENS + spoken


def _tool_tokens(tools: Any) -> int:
    return answer.words(answer.json_text(tools)) if tools else 0


# The answer


def usage_of(prompt: Prompt, answers: Sequence[Answer], directives: Directives) -> Json:
    output = sum(one.output_tokens for one in answers)
    cached = min(directives.cached_tokens or 0, prompt.input_tokens)
    return {
        "prompt_tokens": prompt.input_tokens,
        "completion_tokens": output,
        "total_tokens": prompt.input_tokens + output,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(one.reasoning_tokens for one in answers),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def document(completion: Completion) -> Json:
    """The `chat.completion` object."""
    choices = [_choice(completion, index, one) for index, one in enumerate(completion.answers)]
    whole = completion.head("chat.completion") | {"choices": [] if completion.directives.empty_choices else choices}
    return whole if completion.usage is None else whole | {"usage": completion.usage}


def _choice(completion: Completion, index: int, one: Answer) -> Json:
    refused = one.finish is Finish.REFUSAL
    message: Json = {
        "role": "assistant",
        "content": None if refused or one.calls else one.text,
        "refusal": one.text if refused else None,
        "annotations": [],
    }
    if one.calls:
        message["tool_calls"] = [_call(completion, index, n, call) for n, call in enumerate(one.calls)]
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(completion.request, one.pieces),
        "finish_reason": _FINISH[one.finish],
    }


def _call(completion: Completion, index: int, number: int, call: ToolCall) -> Json:
    function = {"name": call.name, "arguments": answer.json_text(call.arguments)}
    return {"id": _call_id(completion, index, number), "type": "function", "function": function}


def _call_id(completion: Completion, index: int, number: int) -> str:
    return f"call_{completion.token[:20]}{index:02}{number:02}"


def _logprobs(request: Json, said: Sequence[str]) -> Json | None:
    """Every piece with log probability -0.25, and alternatives one apart."""
    if not request.get("logprobs"):
        return None
    return {"content": [_logprob(piece, request.get("top_logprobs") or 0) for piece in said], "refusal": None}


def _logprob(piece: str, alternatives: int) -> Json:
    def entry(token: str, logprob: float) -> Json:
        return {"token": token, "logprob": logprob, "bytes": list(token.encode())}

    top = [entry(piece if n == 0 else f"{piece}~{n}", -0.25 - n) for n in range(alternatives)]
    return entry(piece, -0.25) | {"top_logprobs": top}


# The stream


def chunks(completion: Completion) -> Iterator[Chunk]:
    """The `chat.completion.chunk` objects, in the order of the API reference: for each choice a chunk with the role,
    one for each piece, one with the finish reason; then the usage, if it was asked for."""
    for index, one in enumerate(completion.answers):
        yield from _choice_chunks(completion, index, one)
    if _wants_usage(completion) and not completion.directives.usage_in_last_chunk:
        yield Chunk(_chunk(completion, []) | {"usage": completion.usage})


def _choice_chunks(completion: Completion, index: int, one: Answer) -> Iterator[Chunk]:
    yield from _call_chunks(completion, index, one) if one.calls else _text_chunks(completion, index, one)
    last = _chunk(completion, [_delta(index, {}, _FINISH[one.finish])])
    if index + 1 == len(completion.answers) and completion.directives.usage_in_last_chunk:
        last["usage"] = completion.usage
    yield Chunk(last)


def _text_chunks(completion: Completion, index: int, one: Answer) -> Iterator[Chunk]:
    name = "refusal" if one.finish is Finish.REFUSAL else "content"
    opening = {"role": "assistant", "content": "" if name == "content" else None, "refusal": None}
    yield Chunk(_chunk(completion, [_delta(index, opening)]), tokens=one.reasoning_tokens)
    if completion.directives.empty_choices:
        yield Chunk(_chunk(completion, []))
    for piece in one.pieces:
        delta = _delta(index, {name: piece}, logprobs=_logprobs(completion.request, (piece,)))
        yield Chunk(_chunk(completion, [delta]), tokens=1)


def _call_chunks(completion: Completion, index: int, one: Answer) -> Iterator[Chunk]:
    """A single call opens in the chunk with the role; parallel calls each open in a chunk of their own."""
    opening: Json = {"role": "assistant", "content": None, "refusal": None}
    openings = [_call_opening(completion, index, number, call) for number, call in enumerate(one.calls)]
    if len(openings) == 1:
        opening["tool_calls"] = [openings[0]]
    yield Chunk(_chunk(completion, [_delta(index, opening)]), tokens=one.reasoning_tokens)
    for number, call in enumerate(one.calls):
        if len(openings) > 1:
            yield Chunk(_chunk(completion, [_delta(index, {"tool_calls": [openings[number]]})]), tokens=1)
        text = answer.json_text(call.arguments)
        for at in range(0, len(text), _ARGUMENT_PIECE):
            part = {"index": number, "function": {"arguments": text[at : at + _ARGUMENT_PIECE]}}
            yield Chunk(_chunk(completion, [_delta(index, {"tool_calls": [part]})]), tokens=1)


def _call_opening(completion: Completion, index: int, number: int, call: ToolCall) -> Json:
    function = {"name": call.name, "arguments": ""}
    return {"index": number, "id": _call_id(completion, index, number), "type": "function", "function": function}


def _delta(index: int, delta: Json, finish: str | None = None, logprobs: Json | None = None) -> Json:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def _chunk(completion: Completion, choices: list[Json]) -> Json:
    whole = completion.head("chat.completion.chunk") | {"choices": choices}
    return whole | {"usage": None} if _wants_usage(completion) else whole


def _wants_usage(completion: Completion) -> bool:
    asked = (completion.request.get("stream_options") or {}).get("include_usage")
    return bool(asked) and completion.usage is not None
