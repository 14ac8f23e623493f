"""Calendar windows of budgets: when the one that a moment falls into began, and when the next begins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from extproc.config.limits import Calendar, Period


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to `end`, Unix seconds."""

    start: int
    end: int


def span(window: Calendar, now: float) -> Span:
    """The period that Unix time `now` falls into, in the window's time zone; an hour is an hour of that zone's clock.

    Days are 23 or 25 hours long where clocks are changed.
    """
    zone = ZoneInfo(window.time_zone)
    local = datetime.fromtimestamp(now, zone)
    if window.period is Period.HOUR:  # not by the local calendar, in which an hour may come twice
        start = int(now) - local.minute * 60 - local.second
        return Span(start, start + 3600)
    first = _START[window.period](local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0))
    return Span(int(first.timestamp()), int(_NEXT[window.period](first).timestamp()))


def _month(moment: datetime, months: int) -> datetime:
    """The first of the month that many months later."""
    index = moment.year * 12 + moment.month - 1 + months
    return moment.replace(year=index // 12, month=index % 12 + 1, day=1)


_START: MappingProxyType[Period, Callable[[datetime], datetime]] = MappingProxyType(
    {
        Period.DAY: lambda day: day,
        Period.WEEK: lambda day: day - timedelta(days=day.weekday()),
        Period.MONTH: lambda day: _month(day, 0),
        Period.QUARTER: lambda day: _month(day, -((day.month - 1) % 3)),
        Period.YEAR: lambda day: day.replace(month=1, day=1),
    }
)
_NEXT: MappingProxyType[Period, Callable[[datetime], datetime]] = MappingProxyType(
    {
        Period.DAY: lambda day: day + timedelta(days=1),
        Period.WEEK: lambda day: day + timedelta(days=7),
        Period.MONTH: lambda day: _month(day, 1),
        Period.QUARTER: lambda day: _month(day, 3),
        Period.YEAR: lambda day: _month(day, 12),
    }
)
