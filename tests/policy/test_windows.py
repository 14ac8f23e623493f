"""Calendar windows: where they begin and end, in any zone and over changes of the clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from extproc.config.limits import Calendar, Period
from extproc.policy.windows import span


def at(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        (Period.HOUR, "2026-11-21T10:59:59", "2026-11-21T10:00:00", "2026-11-21T11:00:00"),
        (Period.DAY, "2026-11-21T00:00:00", "2026-11-21T00:00:00", "2026-11-22T00:00:00"),
        (Period.WEEK, "2026-11-22T23:59:59", "2026-11-16T00:00:00", "2026-11-23T00:00:00"),
        (Period.WEEK, "2026-11-23T00:00:00", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        (Period.MONTH, "2028-02-29T12:00:00", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        (Period.MONTH, "2026-12-31T23:59:59", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        (Period.QUARTER, "2026-11-21T00:00:00", "2026-10-01T00:00:00", "2027-01-01T00:00:00"),
        (Period.QUARTER, "2026-03-31T00:00:00", "2026-01-01T00:00:00", "2026-04-01T00:00:00"),
        (Period.YEAR, "2026-06-01T00:00:00", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_a_window_is_that_of_the_zones_calendar(period: Period, now: str, start: str, end: str, zone: str) -> None:
    found = span(Calendar(period, zone), at(now, zone))
    assert (found.start, found.end) == (at(start, zone), at(end, zone))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-21", 24)])
def test_a_day_is_as_long_as_its_clock_says(day: str, hours: int) -> None:
    found = span(Calendar(Period.DAY, "Europe/Berlin"), at(f"{day}T12:00:00", "Europe/Berlin"))
    assert found.end - found.start == hours * 3600


def test_the_hour_that_comes_twice_is_two_windows() -> None:
    berlin = Calendar(Period.HOUR, "Europe/Berlin")
    first = span(berlin, at("2026-10-25T00:30:00", "UTC"))  # 02:30 in summer time
    second = span(berlin, at("2026-10-25T01:30:00", "UTC"))  # 02:30 again
    assert first.end == second.start
    assert second.end - second.start == 3600
