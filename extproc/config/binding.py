"""Whether rules can ever bind, beside those with a longer window."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from extproc.config.limits import (
    AnyRule,
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Mode,
    Period,
    RateLimit,
    Rolling,
    Window,
)
from extproc.config.mistakes import Mistakes

_HOUR, _DAY = 3600, 86_400
_SHORTEST = {
    Period.HOUR: _HOUR,
    Period.DAY: _DAY - _HOUR,  # where clocks are put forward
    Period.WEEK: 7 * _DAY - _HOUR,
    Period.MONTH: 28 * _DAY - _HOUR,
    Period.QUARTER: 90 * _DAY - _HOUR,
    Period.YEAR: 365 * _DAY - _HOUR,
}
_LONGEST = {
    Period.HOUR: _HOUR,
    Period.DAY: _DAY + _HOUR,
    Period.WEEK: 7 * _DAY + _HOUR,
    Period.MONTH: 31 * _DAY + _HOUR,
    Period.QUARTER: 92 * _DAY + _HOUR,
    Period.YEAR: 366 * _DAY + _HOUR,
}


def check_binding(rules: Iterable[tuple[str, AnyRule]], mistakes: Mistakes) -> None:
    """A rule that another one with a longer window never lets bind is a mistake: its amount was meant otherwise.

    `rules` come with where they stand.
    """
    groups: defaultdict[tuple[object, ...], list[tuple[str, AnyRule]]] = defaultdict(list)
    for path, rule in rules:
        groups[_what_is_counted(rule)].append((path, rule))
    for group in groups.values():
        for path, rule in group:
            _check_one(path, rule, group, mistakes)


def _check_one(path: str, rule: AnyRule, group: Iterable[tuple[str, AnyRule]], mistakes: Mistakes) -> None:
    for where, other in group:
        if other.mode is Mode.ENFORCE and _never_binds(rule, other):
            mistakes.add(path, f"can never bind: {other.name!r} ({where}) allows no more in a longer window")
            return


def _what_is_counted(rule: AnyRule) -> tuple[object, ...]:
    measure = None if isinstance(rule, ConcurrencyLimit) else rule.measure
    return type(rule), rule.scope, rule.subject, frozenset(rule.models), measure


def _never_binds(shorter: AnyRule, longer: AnyRule) -> bool:
    match shorter, longer:
        case RateLimit(), RateLimit():
            return _rate_never_binds(shorter, longer)
        case BudgetRule(), BudgetRule():
            return _budget_never_binds(shorter, longer)
    return False


def _rate_never_binds(shorter: RateLimit, longer: RateLimit) -> bool:
    """A bucket that is no smaller and fills no slower is never empty first."""
    return (
        shorter.seconds < longer.seconds
        and shorter.burst >= longer.burst
        and shorter.amount * longer.seconds >= longer.amount * shorter.seconds
    )


def _budget_never_binds(shorter: BudgetRule, longer: BudgetRule) -> bool:
    """A window may lie across two periods of a calendar, and so have the longer budget twice."""
    if _length(shorter.window, _LONGEST) >= _length(longer.window, _SHORTEST):
        return False
    times = 1 if _lies_within(shorter.window, longer.window) else 2
    return shorter.amount >= times * longer.amount


def _length(window: Window, of_periods: Mapping[Period, int]) -> float:
    """Seconds."""
    match window:
        case Rolling(seconds):
            return seconds
        case Calendar(period):
            return of_periods[period]
        case _:
            return float("inf")


def _lies_within(shorter: Window, longer: Window) -> bool:
    """Whether each of the shorter windows is within one of the longer ones."""
    if not isinstance(longer, Calendar):
        return True
    if not isinstance(shorter, Calendar) or shorter.time_zone != longer.time_zone:
        return False
    return shorter.period is not Period.WEEK
