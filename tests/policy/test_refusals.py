"""What callers see of limits: errors and headers."""

import pytest

from extproc.config.limits import BudgetRule, ConcurrencyLimit, Measure, Mode, RateLimit, Scope, Total
from extproc.errors import BudgetExceeded, RateLimited
from extproc.policy.plan import Entry
from extproc.policy.refusals import duration, moment, rate_limit_headers, refusal
from extproc.store.base import Bucket, Budget, Hold, Position

BUCKET = Bucket("", "k", 100, 60, 60_000)
BUDGET = Budget("", "k", 1000)


def rate(measure: Measure = Measure.REQUESTS, mode: Mode = Mode.ENFORCE) -> RateLimit:
    return RateLimit(name="r", scope=Scope.TEAM, measure=measure, amount=60, seconds=60, burst=100, mode=mode)


def entry(rule: RateLimit | ConcurrencyLimit | BudgetRule) -> Entry:
    return Entry(rule, "search", "search", "acme")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0ms"),
        (20, "20ms"),
        (1000, "1s"),
        (1500, "1.5s"),
        (59_999, "59.999s"),
        (360_000, "6m0s"),
        (3_723_000, "1h2m3s"),
    ],
)
def test_durations_are_written_as_openai_does(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


def test_moments_are_in_utc() -> None:
    assert moment(1_796_083_200) == "2026-12-01T00:00:00Z"


def test_a_limit_on_tokens_says_so() -> None:
    error = refusal(
        entry(rate(Measure.TOKENS)), Hold(BUCKET, 50, 50), Position(wait_ms=12_345), status=402, resets_at=None
    )
    assert isinstance(error, RateLimited)
    assert error.message == (
        "Rate limit reached: team 'search' may have 60 tokens per minute (limit 'r'). Try again in 13 s."
    )
    assert error.headers == {"retry-after": "13", "retry-after-ms": "12345"}
    assert error.details["requested"] == 50


def test_a_budget_of_tokens_is_shown_in_tokens() -> None:
    rule = BudgetRule(name="b", scope=Scope.TEAM, measure=Measure.TOKENS, amount=1000, window=Total())
    position = Position(spent=600, reserved=300, remaining=100, refused=True)
    error = refusal(entry(rule), Hold(BUDGET, 200, 200), position, status=429, resets_at=None)
    assert isinstance(error, BudgetExceeded)
    assert error.status == 429
    assert error.details == {
        "budget": "b",
        "scope": "team",
        "limit": 1000,
        "spent": 600,
        "reserved": 300,
        "requested": 200,
        "currency": "tokens",
        "resets_at": None,
    }


def test_a_budget_of_everybody_has_no_name_to_tell() -> None:
    rule = BudgetRule(name="b", scope=Scope.GATEWAY, measure=Measure.MONEY, amount=1000, window=Total())
    error = refusal(Entry(rule, "", "", ""), Hold(BUDGET, 1, 1), Position(), status=402, resets_at=None)
    assert "of the gateway does not pay" in error.message


def test_the_limit_nearest_to_its_end_is_shown() -> None:
    parts = [
        (entry(rate()), BUCKET, Position(remaining=90, full_ms=10_000)),
        (entry(rate()), Bucket("", "k", 10, 1, 1000), Position(remaining=2, full_ms=8000)),
        (entry(rate(mode=Mode.SHADOW)), Bucket("", "k", 10, 1, 1000), Position(remaining=0)),
        (entry(rate(Measure.TOKENS)), BUCKET, Position(remaining=-5, full_ms=105_000)),
    ]
    assert rate_limit_headers(parts) == (
        ("x-ratelimit-limit-requests", "10"),
        ("x-ratelimit-remaining-requests", "2"),
        ("x-ratelimit-reset-requests", "8s"),
        ("x-ratelimit-limit-tokens", "100"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "1m45s"),
    )


def test_without_a_limit_there_is_nothing_to_show() -> None:
    assert rate_limit_headers([]) == ()
