"""A provider's error as OpenAI has it: read off its HTTP status, for providers whose errors carry no types, or off its
type and code, where the status says 200.

Reference: https://platform.openai.com/docs/guides/error-codes (seen 2026-11-21).
"""

from typing import NamedTuple

from extproc.apischema.openai_response import ErrorDetail
from extproc.errors import UpstreamError


class _OpenAIError(NamedTuple):
    status: int
    type: str
    code: str | None = None


_INVALID_REQUEST = _OpenAIError(400, "invalid_request_error")
# Our credential, our bill: a caller must not take these for a fault of their own key.
_OUR_CREDENTIAL = _OpenAIError(502, "upstream_error", "upstream_authentication")
_BY_STATUS = {
    400: _INVALID_REQUEST,
    401: _OUR_CREDENTIAL,
    402: _OpenAIError(502, "upstream_error", "upstream_billing"),
    403: _OUR_CREDENTIAL,
    404: _OpenAIError(404, "invalid_request_error", "model_not_found"),
    413: _OpenAIError(413, "invalid_request_error", "request_too_large"),
    422: _INVALID_REQUEST,
    429: _OpenAIError(429, "rate_limit_error", "rate_limit_exceeded"),
    498: _OUR_CREDENTIAL,  # Cohere's status of an invalid token
    503: _OpenAIError(503, "upstream_error", "overloaded"),
    504: _OpenAIError(504, "upstream_error", "timeout"),
    529: _OpenAIError(503, "upstream_error", "overloaded"),
}
_STATUS_OF_CODE = {
    "invalid_request_error": 400,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "overloaded": 503,
    "overloaded_error": 503,
    "timeout": 504,
}
_UNKNOWN = _OpenAIError(502, "upstream_error")


def upstream_error(status: int, message: str, *, param: str | None = None) -> UpstreamError:
    """The error of a provider that answered `status`; no `message` stands for a body that could not be read.

    `param` is the field at fault, as a path in the caller's request.
    """
    known = _BY_STATUS.get(status, _UNKNOWN)
    text = message or f"The provider answered {status} without a readable error."
    return UpstreamError(text, status=known.status, type=known.type, code=known.code, param=param)


def error_inside(error: ErrorDetail | str) -> UpstreamError:
    """The error of OpenAI's format that a stream or a 200 carries."""
    detail = ErrorDetail(message=error) if isinstance(error, str) else error
    code = None if detail.code is None else str(detail.code)
    status = _STATUS_OF_CODE.get(code or "") or _STATUS_OF_CODE.get(detail.type or "") or 502
    message = detail.message or "The provider failed."
    return UpstreamError(message, status=status, type=detail.type, code=code, param=detail.param)
