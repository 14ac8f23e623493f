"""OpenAI's wire format (https://platform.openai.com/docs/api-reference, seen 2026-11-21)."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from extproc.simulator import openai_chat, openai_checks, openai_endpoints, openai_responses, openai_responses_input
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
from extproc.simulator.openai_chat import Chunk
from extproc.simulator.shapes import CompletionRequest

DONE = Event(None, b"[DONE]")
_FAULTS = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("You are not allowed to do this.", "invalid_request_error", None),
    404: ("The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    503: ("The engine is currently overloaded, please try again later.", "server_error", None),
}


def owns(call: Call) -> bool:
    return call.path.startswith("/v1/")


def answer(call: Call, directives: Directives) -> Reply:
    """Dispatches on the path below `/v1`. Raises Rejected."""
    openai_checks.credential(call)
    return operation(call, directives, call.path.removeprefix("/v1"))


def operation(call: Call, directives: Directives, path: str) -> Reply:
    """Answers one API operation; `path` is relative to the API's root (`/chat/completions`)."""
    streaming = _STREAMING.get(path) if call.method == "POST" else None
    if streaming is None:
        return openai_endpoints.answer(call, directives, path)
    request = openai_checks.document(call)
    openai_checks.model(request)
    return streaming(call, request, directives)


def _chat(call: Call, request: Json, directives: Directives) -> Reply:
    openai_checks.chat(request)
    completion = openai_chat.complete(request, directives, call.token, call.now)
    if request.get("stream"):
        return stream(call, openai_chat.chunks(completion))
    return json_reply(call, openai_chat.document(completion))


def _completions(call: Call, request: Json, directives: Directives) -> Reply:
    openai_checks.shape(request, CompletionRequest)
    if request.get("stream"):
        return stream(call, openai_endpoints.completion_chunks(call, request, directives))
    return json_reply(call, openai_endpoints.completion(call, request, directives))


def _responses(call: Call, request: Json, directives: Directives) -> Reply:
    answered = openai_responses.compose(call, request, directives)
    if request.get("stream"):
        return Reply(200, headers(call) | EVENT_STREAM_HEADERS, events=openai_responses.events(answered))
    return json_reply(call, openai_responses.document(answered))


_STREAMING: Mapping[str, Callable[[Call, Json, Directives], Reply]] = {
    "/chat/completions": _chat,
    "/completions": _completions,
    "/responses": _responses,
}


def json_reply(call: Call, document: Json) -> Reply:
    return Reply(200, headers(call) | JSON_HEADERS, encode(document))


def stream(call: Call, chunks: Iterable[Chunk]) -> Reply:
    return Reply(200, headers(call) | EVENT_STREAM_HEADERS, events=events(chunks))


def events(chunks: Iterable[Chunk]) -> Iterator[Event]:
    """`data: {chunk}` for each, then `data: [DONE]`."""
    for chunk in chunks:
        yield Event(None, encode(chunk.document), chunk.tokens)
    yield DONE


def headers(call: Call) -> dict[str, str]:
    return {
        "x-request-id": f"req_{call.token}",
        "openai-version": "2020-10-01",
        "openai-organization": "simulated",
        "openai-processing-ms": "1",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6ms",
    }


def subject(call: Call) -> str:
    """Directives stand in the last user message of `messages` or `input`, or in `prompt`."""
    if call.headers.get("content-type", "").startswith("multipart/"):
        return openai_endpoints.form(call).get("prompt", b"").decode(errors="replace")
    request = read_object(call.body) or {}
    if "messages" in request:
        return openai_chat.last_user_text(request["messages"])
    if "input" in request:
        return openai_responses_input.last_user_text(request["input"])
    return openai_endpoints.input_text(request.get("prompt", ""))


def failure(call: Call, rejected: Rejected) -> Reply:
    return Reply(rejected.status, headers(call) | JSON_HEADERS, encode(error_document(rejected)))


def error_document(rejected: Rejected) -> Json:
    """https://platform.openai.com/docs/guides/error-codes (seen 2026-11-21)."""
    kind = rejected.kind or "invalid_request_error"
    return {"error": {"message": rejected.message, "type": kind, "param": rejected.param, "code": rejected.code}}


def fault(status: int) -> Rejected:
    default = ("The server had an error while processing your request.", "server_error", None)
    bad_request = ("This request was refused because a test asked for it.", "invalid_request_error", None)
    message, kind, code = _FAULTS.get(status, default if status >= 500 else bad_request)
    return Rejected(status, message, kind=kind, code=code)


FORMAT = Format(
    name="openai",
    owns=owns,
    subject=subject,
    answer=answer,
    failure=failure,
    fault=fault,
    error_event=Event(None, encode(error_document(fault(500)))),
)
