"""The answers that Envoy gives itself, as OpenAI error objects.

The server's own immediate responses pass through the same place in Envoy. They carry `llm:immediate` in dynamic
metadata, and are left as they are; so are the answers of providers, which never come here.
"""

import json

from extproc.envoyconfig import names
from extproc.envoyconfig.names import Json

# status, type, code, message: of behaviour, not of Envoy's internals, which the access log has
_ANSWERS = (
    (404, "invalid_request_error", "not_found", "There is nothing at this address."),
    (408, "invalid_request_error", "request_timeout", "The request did not arrive in time."),
    (413, "invalid_request_error", "request_too_large", "The request body is too large."),
    (431, "invalid_request_error", "request_too_large", "The request headers are too large."),
    (502, "upstream_error", "upstream_error", "The provider's answer could not be understood."),
    (503, "api_error", "no_backend_available", "No provider could be reached. Try again later."),
    (504, "api_error", "timeout", "No provider answered in time. Try again later."),
)


def config() -> Json:
    """The first mapper that matches counts: the server's answers, then each status, then classes of statuses."""
    return {
        "mappers": [
            {"filter": _ours()},
            *(_mapper(_status("EQ", status), kind, code, message) for status, kind, code, message in _ANSWERS),
            _mapper(_status("GE", 500), "api_error", "internal_error", "The gateway failed to handle the request."),
            _mapper(_status("GE", 400), "invalid_request_error", None, "The request was refused."),
        ]
    }


def _mapper(matches: Json, kind: str, code: str | None, message: str) -> Json:
    error = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return {
        "filter": matches,
        "body_format_override": {
            "text_format_source": {"inline_string": json.dumps(error)},
            "content_type": "application/json",
        },
    }


def _status(operator: str, status: int) -> Json:
    value = {"default_value": status, "runtime_key": f"llm.local_reply.{operator.lower()}_{status}"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _ours() -> Json:
    present = {"filter": names.NAMESPACE, "path": [{"key": "immediate"}], "value": {"present_match": True}}
    return {"metadata_filter": {"matcher": present, "match_if_key_not_found": False}}
