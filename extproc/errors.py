"""What can go wrong, and whose fault it is.

Every error that a caller may see is a `GatewayError`: it carries the HTTP status, the OpenAI error `type` and `code`,
and a message that is safe to show. An error that is not a `GatewayError` is a defect of ours; the servicer turns it
into `InternalError` and logs it once.
"""

from collections.abc import Mapping
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_DETAILS: Mapping[str, str | int | None] = MappingProxyType({})


class GatewayError(Exception):
    """An answer that the gateway itself gives.

    `status` is an HTTP status, `type` and `code` are the OpenAI error object's fields
    (https://platform.openai.com/docs/guides/error-codes), `param` names the request field at fault,
    `headers` are added to the answer (lower-case names). `details` are further fields of the error object: JSON values.
    """

    status = 500
    type = "api_error"
    code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] = _NOTHING,
        details: Mapping[str, str | int | None] = _NO_DETAILS,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code if code is not None else type(self).code
        self.headers = headers
        self.details = details


class InvalidRequest(GatewayError):
    """The caller's request cannot be understood: 400."""

    status = 400
    type = "invalid_request_error"


class Unauthenticated(GatewayError):
    """No virtual key, or one that is unknown, expired or revoked: 401."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class KeyRefused(Unauthenticated):
    """A key of ours that is blocked or has expired: 401."""


class PermissionDenied(GatewayError):
    """The key is good but may not use this model or endpoint: 403."""

    status = 403
    type = "permission_error"
    code = "model_not_allowed"


class NotFound(GatewayError):
    """Unknown model or path: 404."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class BudgetExceeded(GatewayError):
    """A budget of money or tokens is spent, or what is left does not pay for the request: 402.

    Never to be tried again by itself, whatever `status` an operator prefers.
    """

    status = 402
    type = "insufficient_quota"
    code = "budget_exceeded"

    def __init__(
        self, message: str, *, status: int = 402, details: Mapping[str, str | int | None] = _NO_DETAILS
    ) -> None:
        super().__init__(message, headers={"x-should-retry": "false"}, details=details)
        self.status = status


class RateLimited(GatewayError):
    """Too many requests or tokens in a time, or too many requests at once: 429."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class StoreUnavailable(GatewayError):
    """A policy that fails closed cannot be decided, because the store does not answer: 503."""

    status = 503
    type = "api_error"
    code = "store_unavailable"

    def __init__(self) -> None:
        super().__init__("The gateway cannot check limits and budgets now.", headers={"retry-after": "1"})


class RecogniserUnavailable(GatewayError):
    """A recogniser that a privacy policy needs does not answer, and the policy is to let nothing pass without: 503."""

    status = 503
    type = "api_error"
    code = "recogniser_unavailable"

    def __init__(self) -> None:
        message = "The gateway cannot look for personal data in the request now."
        super().__init__(message, headers={"retry-after": "1"})


class RequestTooLarge(GatewayError):
    """The body is over the limit: 413."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class ContentFiltered(InvalidRequest):
    """A guardrail or a privacy policy refuses what a request holds: 400. The message names the rule, never the text."""

    code = "content_filter"


class Unsupported(InvalidRequest):
    """The target's wire format cannot express what the request asks for, and the backend is set to refuse: 400."""

    code = "unsupported_parameter"


class UpstreamError(GatewayError):
    """A provider answered with an error, or with something that is not its own format."""

    status = 502
    type = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        status: int = 502,
        type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(message, param=param, code=code, headers=headers)
        self.status = status
        if type is not None:
            self.type = type


class NoBackendAvailable(GatewayError):
    """Every backend of the model's chain is down or cooling: 503."""

    status = 503
    type = "api_error"
    code = "no_backend_available"


class CredentialUnavailable(GatewayError):
    """What a provider would know the gateway by could not be fetched yet, or has expired: 503."""

    status = 503
    type = "api_error"
    code = "credential_unavailable"


class InternalError(GatewayError):
    """A defect of ours: 500. The message never carries detail; the log does."""

    status = 500
    code = "internal_error"


class ConfigError(Exception):
    """The operator's mistake: where it is and what was meant.

    `source` is the file, `path` the place in the document (`models[2].targets[0].backend`), `hint` a nearest name.
    """

    def __init__(self, message: str, *, source: str = "", path: str = "", hint: str = "") -> None:
        self.message, self.source, self.path, self.hint = message, source, path, hint
        where = ": ".join(part for part in (source, path) if part)
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text} (did you mean {hint!r}?)" if hint else text)
