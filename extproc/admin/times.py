"""Times of the admin API's fields."""

from datetime import UTC, datetime

from extproc.admin.refusals import InvalidField
from extproc.config.rules import duration

_LONGEST_SECONDS = 36_500 * 86_400  # a hundred years: no calendar goes on for ever


def until(now: float, length: str | None, when: str | None, param: str) -> float | None:
    """The end of a duration from `now`, or a moment, as Unix seconds; None without either.

    `param` is the field that has the moment. Raises InvalidField, also for what is past.
    """
    if length is not None and when is not None:
        raise InvalidField(f"Give either duration or {param}.", param=param)
    if length is not None:
        return now + seconds(length, "duration")
    if when is None:
        return None
    moment = _moment(when, param)
    if moment <= now:
        raise InvalidField("This time is past.", param=param)
    return moment


def seconds(length: str, param: str) -> int:
    """Raises InvalidField."""
    try:
        counted = duration(length)
    except ValueError as error:
        raise InvalidField(f"{error}.", param=param) from None
    if counted > _LONGEST_SECONDS:
        raise InvalidField(f"{param}: must be at most {_LONGEST_SECONDS // 86_400}d.", param=param)
    return counted


def shown(moment: float) -> str:
    """Unix seconds as RFC 3339, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown_if_any(moment: float | None) -> str | None:
    return None if moment is None else shown(moment)


def _moment(when: str, param: str) -> float:
    try:
        moment = datetime.fromisoformat(when.upper())
    except ValueError:
        raise InvalidField("There is no such date or time.", param=param) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
