"""Azure OpenAI: OpenAI's documents with content-filter results, below other paths.

Sources, seen 2026-11-21: https://learn.microsoft.com/azure/ai-foundry/openai/reference (paths, `api-key`,
`api-version`), https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-streaming (first chunk with
`prompt_filter_results` and no choices, filter results in every choice).
"""

import dataclasses
import re
from collections.abc import Iterator

from extproc.simulator import openai, openai_chat, openai_checks
from extproc.simulator.directives import Directives
from extproc.simulator.format import JSON_HEADERS, Call, Event, Format, Json, Rejected, Reply, encode, read_object
from extproc.simulator.openai_chat import Chunk

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)(/.+)")
_V1 = "/openai/v1"
_DENIED = "Access denied due to invalid subscription key or wrong API endpoint."
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_PROMPT_FILTER = [
    {"prompt_index": 0, "content_filter_results": _SAFE | {"jailbreak": {"filtered": False, "detected": False}}}
]
_FAULTS = {
    400: "This request was refused because a test asked for it.",
    401: _DENIED,
    404: "The API deployment for this resource does not exist.",
    429: "Requests have exceeded the call rate limit of your current tier. Please retry later.",
    500: "The server had an error while processing your request.",
}


def owns(call: Call) -> bool:
    return call.path.startswith("/openai/")


def answer(call: Call, directives: Directives) -> Reply:
    """Resolves deployment and operation, then answers as OpenAI does. Raises Rejected."""
    if not call.accepts(call.headers.get("api-key") or call.bearer()):
        raise Rejected(401, _DENIED, code="401")
    deployment, path = _target(call)
    call = _with_model(call, deployment)
    if path != "/chat/completions":
        return openai.operation(call, directives, path)
    request = openai_checks.document(call)
    openai_checks.model(request)
    openai_checks.chat(request)
    completion = openai_chat.complete(request, directives, call.token, call.now)
    if request.get("stream"):
        return openai.stream(call, _chunks(completion))
    return openai.json_reply(call, _document(openai_chat.document(completion)))


def _target(call: Call) -> tuple[str | None, str]:
    """The deployment (None below `/openai/v1`, where the body names the model) and OpenAI's path."""
    if call.path.startswith(_V1 + "/"):
        return None, call.path.removeprefix(_V1)
    match = _DEPLOYMENT.fullmatch(call.path)
    if match is None or not call.query.get("api-version"):
        raise Rejected(404, "Resource not found", code="404")
    return match[1], match[2]


def _with_model(call: Call, deployment: str | None) -> Call:
    """The deployment stands for the model, which the body need not name."""
    request = read_object(call.body) if deployment is not None else None
    return call if request is None else dataclasses.replace(call, body=encode(request | {"model": deployment}))


def _document(document: Json) -> Json:
    choices = [choice | {"content_filter_results": _SAFE} for choice in document["choices"]]
    return document | {"choices": choices, "prompt_filter_results": _PROMPT_FILTER}


def _chunks(completion: openai_chat.Completion) -> Iterator[Chunk]:
    yield Chunk(
        {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": _PROMPT_FILTER}
    )
    for chunk in openai_chat.chunks(completion):
        yield Chunk(chunk.document | {"choices": [_filtered(one) for one in chunk.document["choices"]]}, chunk.tokens)


def _filtered(choice: Json) -> Json:
    """A chunk without content has empty filter results."""
    return choice | {"content_filter_results": _SAFE if choice["delta"].get("content") else {}}


def failure(call: Call, rejected: Rejected) -> Reply:
    """Errors of Azure's own front have `code` and `message`; those of the model API are OpenAI's."""
    if rejected.kind is not None:
        return openai.failure(call, rejected)
    headers = {"apim-request-id": call.token, "x-ms-region": "East US"}
    return Reply(rejected.status, headers | JSON_HEADERS, encode(_error(rejected)))


def _error(rejected: Rejected) -> Json:
    return {"error": {"code": rejected.code or str(rejected.status), "message": rejected.message}}


def fault(status: int) -> Rejected:
    return Rejected(status, _FAULTS.get(status, "The service is not available."), code=str(status))


FORMAT = Format(
    name="azure",
    owns=owns,
    subject=openai.subject,
    answer=answer,
    failure=failure,
    fault=fault,
    error_event=Event(None, encode(_error(fault(500)))),
)
