"""Anthropic's Messages format on Google's Vertex AI.

Sources, seen 2026-11-21: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude,
https://cloud.google.com/apis/design/errors (errors of Google's own front; those of the model are Anthropic's).
"""

import re

from extproc.simulator import anthropic, anthropic_checks
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
)

_PATH = re.compile(
    r"/v1/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/(?P<model>[^/:]+):"
    r"(?P<operation>rawPredict|streamRawPredict)"
)
# Google's own name of the first version, and later ones by Anthropic's.
_VERSIONS = {"vertex-2023-10-16": "2023-06-01", "2026-10-21": "2026-10-21"}
_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_FAULTS = {
    404: "Publisher Model was not found or your project does not have access to it.",
    429: "Resource exhausted. Please try again later.",
    503: "The service is currently unavailable.",
}


def owns(call: Call) -> bool:
    return "/publishers/anthropic/models/" in call.path


def answer(call: Call, directives: Directives) -> Reply:
    """Raises Rejected."""
    if not call.accepts(call.bearer()):
        raise Rejected(401, "Request had invalid authentication credentials.")
    match = _PATH.fullmatch(call.path)
    if match is None or call.method != "POST":
        raise Rejected(404, "The requested URL was not found on this server.")
    message = anthropic.compose(_request(call, match["model"]), directives, call.token)
    if match["operation"] == "streamRawPredict":
        return Reply(200, EVENT_STREAM_HEADERS, events=anthropic.events(message))
    return Reply(200, JSON_HEADERS, encode(anthropic.document(message)))


def _request(call: Call, model: str) -> Json:
    """The request as Anthropic's own API would have it."""
    request = anthropic_checks.document(call)
    version = _VERSIONS.get(str(request.pop("anthropic_version", None)))
    if version is None:
        raise _invalid("anthropic_version: Field required")
    for name in ("model", "service_tier", "cache_control"):
        if name in request:
            raise _invalid(f"{name}: Extra inputs are not permitted")
    if b'"type":"url"' in call.body:
        raise _invalid("messages: URL sources are not supported")
    request["model"] = model
    anthropic_checks.message(request, version, beta="anthropic-beta" in call.headers)
    return request


def failure(call: Call, rejected: Rejected) -> Reply:
    """What the model refuses is said by Anthropic, the rest by Google."""
    if rejected.status == 400:
        return anthropic.failure(call, rejected)
    status = _STATUSES.get(rejected.status, "INTERNAL")
    error = {"error": {"code": rejected.status, "message": rejected.message, "status": status}}
    return Reply(rejected.status, JSON_HEADERS, encode(error))


def fault(status: int) -> Rejected:
    return Rejected(status, _FAULTS.get(status, "Internal error encountered." if status >= 500 else "Invalid request"))


def _invalid(text: str) -> Rejected:
    return Rejected(400, text)


FORMAT = Format(
    name="anthropic_vertex",
    owns=owns,
    subject=anthropic.subject,
    answer=answer,
    failure=failure,
    fault=fault,
    error_event=Event("error", anthropic.FORMAT.error_event.data),
)
