"""What the admin API refuses a request with, besides what `extproc.errors` has."""

from collections.abc import Iterable

from extproc.config.mistakes import nearest
from extproc.errors import GatewayError, NotFound

_MOST_NAMES = 1000  # finding the nearest of many takes long


class InvalidField(GatewayError):
    """A field says what cannot be: 422. `param` names the field."""

    status = 422
    type = "invalid_request_error"
    code = "invalid_field"


class Conflicting(GatewayError):
    """It is there already, is used by something else, or was changed at the same time: 409."""

    status = 409
    type = "invalid_request_error"
    code = "conflict"


class AdminUnauthenticated(GatewayError):
    """No token of the document's `admin.tokens`: 401."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_admin_token"

    def __init__(self) -> None:
        message = "Send a token of admin.tokens as 'Authorization: Bearer <token>'."
        super().__init__(message, headers={"www-authenticate": "Bearer"})


class AdminOff(NotFound):
    """The document does not want this part of the API: 404."""

    code = "admin_off"


def no_such(what: str, name: str, names: Iterable[str], param: str) -> NotFound:
    """`what` is a key, a team, …; the nearest of `names` is told."""
    return NotFound(f"There is no {what} {name!r}{_hint(name, names)}.", param=param, code=f"{what}_not_found")


def unknown_name(what: str, name: str, names: Iterable[str], param: str) -> InvalidField:
    """A field names something that is not there."""
    return InvalidField(f"There is no {what} {name!r}{_hint(name, names)}.", param=param)


def _hint(name: str, names: Iterable[str]) -> str:
    known = list(names)
    meant = nearest(name, known) if len(known) <= _MOST_NAMES else ""
    return f" (did you mean {meant!r}?)" if meant else ""
