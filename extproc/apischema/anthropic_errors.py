"""Anthropic's error object, as a body and as the end of a stream.

Reference: https://platform.claude.com/docs/en/api/errors and the error types of the official Python SDK 2.11 (seen
2026-11-21). `code` and `param` are the gateway's own words, in fields that Anthropic does not have; they are there only
when they say something. A stream has no terminator after its `error` event.
"""

import msgspec

from extproc.errors import GatewayError
from extproc.wire import sse

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    """Anthropic's name for errors of an HTTP status; for one it does not use, the name for whose fault it is."""
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def error_body(error: GatewayError, request_id: str = "") -> bytes:
    """The JSON body of an error answer: `{"type": "error", "error": {"type", "message", …its details}, "request_id"}`,
    the last where there is one."""
    own = {name: value for name, value in (("code", error.code), ("param", error.param)) if value is not None}
    fields = {"type": error_type(error.status), "message": error.message, **own, **error.details}
    known = {"request_id": request_id} if request_id else {}
    return msgspec.json.encode({"type": "error", "error": fields, **known})


def error_event(error: GatewayError) -> bytes:
    """The end of a stream that has begun already: the error as its last event."""
    return sse.encode(error_body(error), "error")
