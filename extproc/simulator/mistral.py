"""Mistral's format: chat completions and embeddings under OpenAI's paths, so that it answers only where it is named.

Sources, read in the SDKs' types and in excerpts, 2026-11-21: https://docs.mistral.ai/api/endpoint/chat,
https://docs.mistral.ai/capabilities/reasoning (content in chunks), https://docs.mistral.ai/api/endpoint/embeddings.
"""

import base64
import struct
from collections.abc import Iterator
from typing import Any

from extproc.simulator import answer, mistral_checks, openai_chat
from extproc.simulator.answer import Answer, Finish, Prompt
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
from extproc.simulator.openai_endpoints import DIMENSIONS, input_text, vector

THOUGHT = "The question is simple, so a simulated answer will do."
_DONE = Event(None, b"[DONE]")
_FINISH = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.REFUSAL: "stop",
}
_FAULTS = {
    401: ("Unauthorized", None, None),
    404: ("no Route matched with those values", None, None),
    429: ("Requests rate limit exceeded", "rate_limited", "1300"),
    503: ("Service unavailable.", "unreachable_backend", "1100"),
}


def owns(call: Call) -> bool:
    return call.path.startswith("/v1/")


def answer_call(call: Call, directives: Directives) -> Reply:
    """Raises Rejected."""
    mistral_checks.credential(call)
    operation = (call.method, call.path)
    if operation == ("POST", "/v1/chat/completions"):
        return _chat(call, mistral_checks.document(call), directives)
    if operation == ("POST", "/v1/embeddings"):
        return _embeddings(call, mistral_checks.document(call), directives)
    raise Rejected(404, "no Route matched with those values")


# Chat


def _chat(call: Call, request: Json, directives: Directives) -> Reply:
    mistral_checks.chat(request)
    prompt = _prompt(request)
    answers = [answer.compose(prompt, directives, number) for number in range(request.get("n") or 1)]
    usage = None if directives.no_usage else _usage(prompt, answers, directives)
    if request.get("stream"):
        events = _events(_head(call, request, "chat.completion.chunk"), answers, usage, directives)
        return Reply(200, _headers(call) | EVENT_STREAM_HEADERS, events=events)
    choices = [] if directives.empty_choices else [_choice(index, one) for index, one in enumerate(answers)]
    whole = _head(call, request, "chat.completion") | {"choices": choices}
    return _json(call, whole if usage is None else whole | {"usage": usage})


def _prompt(request: Json) -> Prompt:
    """The same as OpenAI's, with a forced call under Mistral's name."""
    choice = request.get("tool_choice")
    return openai_chat.read({**request, "tool_choice": "required" if choice == "any" else choice})


def _head(call: Call, request: Json, kind: str) -> Json:
    return {"id": call.token, "object": kind, "created": call.now, "model": request["model"]}


def _usage(prompt: Prompt, answers: list[Answer], directives: Directives) -> Json:
    output = sum(one.output_tokens for one in answers)
    cached = min(directives.cached_tokens or 0, prompt.input_tokens)
    return {
        "prompt_tokens": prompt.input_tokens,
        "completion_tokens": output,
        "total_tokens": prompt.input_tokens + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _choice(index: int, one: Answer) -> Json:
    content = [_thought(THOUGHT), {"type": "text", "text": one.text}] if one.reasoning_tokens else one.text
    message: Json = {"role": "assistant", "content": "" if one.calls else content, "tool_calls": _calls(index, one)}
    return {"index": index, "finish_reason": _FINISH[one.finish], "message": message}


def _thought(text: str) -> Json:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _calls(index: int, one: Answer) -> list[Json] | None:
    """Ids are nine letters or digits."""
    calls = [
        {
            "id": f"call{index:02}{number:03}",
            "function": {"name": call.name, "arguments": answer.json_text(call.arguments)},
            "index": number,
        }
        for number, call in enumerate(one.calls)
    ]
    return calls or None


def _events(head: Json, answers: list[Answer], usage: Json | None, directives: Directives) -> Iterator[Event]:
    """For each choice a chunk with the role, its pieces (a tool call is never cut), one with the finish reason; the
    usage rides on the last."""
    for index, one in enumerate(answers):
        yield _chunk(head, [_delta(index, {"role": "assistant", "content": ""})])
        if directives.empty_choices:
            yield _chunk(head, [])
        for piece in answer.pieces(THOUGHT) if one.reasoning_tokens else ():
            yield _chunk(head, [_delta(index, {"content": [_thought(piece)]})], tokens=1)
        for piece in one.pieces:
            yield _chunk(head, [_delta(index, {"content": piece})], tokens=1)
        last = {"content": "", "tool_calls": _calls(index, one)} if one.calls else {"content": ""}
        spent = usage if index + 1 == len(answers) else None
        yield _chunk(head, [_delta(index, last, _FINISH[one.finish])], usage=spent)
    yield _DONE


def _delta(index: int, delta: Json, finish: str | None = None) -> Json:
    return {"index": index, "delta": delta, "finish_reason": finish}


def _chunk(head: Json, choices: list[Json], *, usage: Json | None = None, tokens: int = 0) -> Event:
    spent = {} if usage is None else {"usage": usage}
    return Event(None, encode(head | {"choices": choices} | spent), tokens)


# Embeddings


def _embeddings(call: Call, request: Json, directives: Directives) -> Reply:
    mistral_checks.embeddings(request)
    given = request["input"]
    inputs = given if isinstance(given, list) else [given]
    size, encoded = request.get("output_dimension") or DIMENSIONS, request.get("encoding_format") == "base64"
    used = sum(answer.words(one) for one in inputs)
    data = [
        {"object": "embedding", "embedding": _packed(vector(one, size), encoded), "index": index}
        for index, one in enumerate(inputs)
    ]
    whole: Json = {"id": call.token, "object": "list", "data": data, "model": request["model"]}
    usage = {"prompt_tokens": used, "total_tokens": used, "completion_tokens": 0}
    return _json(call, whole if directives.no_usage else whole | {"usage": usage})


def _packed(values: list[float], encoded: bool) -> list[float] | str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode() if encoded else values


# Headers and errors


def _json(call: Call, found: Json) -> Reply:
    return Reply(200, _headers(call) | JSON_HEADERS, encode(found))


def _headers(call: Call) -> dict[str, str]:
    return {"mistral-correlation-id": call.token, "x-ratelimit-remaining-req-minute": "59"}


def subject(call: Call) -> str:
    """Directives stand in the last user message or in `input`."""
    request = read_object(call.body) or {}
    if "messages" in request:
        return openai_chat.last_user_text(request["messages"])
    return input_text(request.get("input", ""))


def failure(call: Call, rejected: Rejected) -> Reply:
    return Reply(rejected.status, _headers(call) | JSON_HEADERS, encode(_error(call, rejected)))


def _error(call: Call, rejected: Rejected) -> Json:
    """Each part of Mistral has its own form: the proxy before the API, the validator, the API itself."""
    if rejected.status in (401, 404):
        return {"message": rejected.message, "request_id": call.token}
    if rejected.status == 422:
        steps = (rejected.param or "body").split(".")
        place: list[Any] = [int(step) if step.isdigit() else step for step in steps]
        return {"detail": [{"type": rejected.kind, "loc": place, "msg": rejected.message}]}
    return _api_error(rejected)


def _api_error(rejected: Rejected) -> Json:
    kind, code = rejected.kind or "invalid_request_error", rejected.code
    return {"object": "error", "message": rejected.message, "type": kind, "param": rejected.param, "code": code}


def fault(status: int) -> Rejected:
    default = ("Internal server error", "internal_server_error", "1000")
    bad_request = ("This request was refused because a test asked for it.", "invalid_request_error", None)
    message, kind, code = _FAULTS.get(status, default if status >= 500 else bad_request)
    return Rejected(status, message, kind=kind, code=code)


FORMAT = Format(
    name="mistral",
    owns=owns,
    subject=subject,
    answer=answer_call,
    failure=failure,
    fault=fault,
    error_event=Event(None, encode(_api_error(fault(500)))),
)
