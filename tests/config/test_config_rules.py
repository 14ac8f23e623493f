"""Durations, amounts, and the rules that flat fields of the registry stand for."""

import contextlib
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config import limits
from extproc.config.limit_fields import LimitFields
from extproc.config.limits import (
    AnyRule,
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Measure,
    Period,
    RateLimit,
    Rolling,
    Scope,
    StoreAway,
    Total,
)
from extproc.config.rules import duration, key_rules, money, rolling
from extproc.store import base


def rules(**written: object) -> tuple[AnyRule, ...]:
    """The rules of the key k1 with these fields, as a record has them."""
    return key_rules(Scope.KEY, "k1", msgspec.convert(written, LimitFields))


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90m", 5400), ("24h", 86400), ("30d", 2592000), ("2w", 1209600)]
)
def test_a_duration_in_seconds(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5h", "1mo", "30 d", "30D", "٣d", "30d\n"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a whole number and its unit, one of s, m, h, d, w"):
        duration(text)


def test_how_long_a_rolling_window_may_be() -> None:
    assert (rolling("60s"), rolling("366d")) == (Rolling(60), Rolling(31622400))
    for text in ("59s", "367d", "999999999w"):
        with pytest.raises(ValueError, match=r"^a rolling window must be at least 1m and at most 366d long$"):
            rolling(text)


def test_money_is_nano_dollars() -> None:
    written: list[str | float] = ["500.00", "0.000000001", 0.1, 12, "4503599.627370496"]
    assert [money(each) for each in written] == [
        500_000_000_000,
        1,
        100_000_000,
        12_000_000_000,
        4_503_599_627_370_496,
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0", "must be more than 0 and at most 4503599.627370496 dollars"),
        (-1, "must be more than 0 and at most 4503599.627370496 dollars"),
        ("4503599.627370497", "must be more than 0 and at most 4503599.627370496 dollars"),
        (1e-10, "is finer than a nano-dollar"),
        ("ten", "is not an amount of dollars"),
        (float("inf"), "is not an amount of dollars"),
    ],
)
def test_what_is_no_budget(written: str | float, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        money(written)


def test_the_bounds_are_the_stores() -> None:
    assert limits.MOST == base.MOST
    assert limits.MOST_RATE * max(60_000, 86_400) < base.MOST


def test_no_fields_are_no_rules() -> None:
    assert rules() == ()


def test_a_budget_with_its_duration_and_its_soft_part() -> None:
    assert rules(max_budget="250.00", budget_duration="30d", soft_budget=200) == (
        BudgetRule(
            name="max_budget",
            scope=Scope.KEY,
            subject="k1",
            measure=Measure.MONEY,
            amount=250_000_000_000,
            window=Rolling(2592000),
            soft=(80,),
            store_away=StoreAway.DENY,
        ),
    )


@pytest.mark.parametrize(
    ("written", "window"), [(None, Total()), ("1mo", Calendar(Period.MONTH, "UTC")), ("24h", Rolling(86400))]
)
def test_the_window_of_a_budget(written: str | None, window: limits.Window) -> None:
    (rule,) = rules(max_budget=1, budget_duration=written)
    assert isinstance(rule, BudgetRule)
    assert rule.window == window


@pytest.mark.parametrize(("soft", "percent"), [("0.001", 1), ("3.34", 33), ("9.99", 99), ("10", 100)])
def test_a_soft_budget_is_a_percentage_rounded_down(soft: str, percent: int) -> None:
    (rule,) = rules(max_budget="10", soft_budget=soft)
    assert isinstance(rule, BudgetRule)
    assert rule.soft == (percent,)


def test_several_budgets_of_one_key() -> None:
    made = rules(
        max_budget=100,
        budget_duration="30d",
        budget_limits=[{"max_budget": 10, "budget_duration": "24h"}, {"max_budget": 1000}],
    )
    assert [(rule.name, rule.amount, rule.window) for rule in made if isinstance(rule, BudgetRule)] == [
        ("max_budget", 100_000_000_000, Rolling(2592000)),
        ("budget_limits:24h", 10_000_000_000, Rolling(86400)),
        ("budget_limits:total", 1_000_000_000_000, Total()),
    ]


def test_limits_of_one_team() -> None:
    fields = LimitFields(rpm_limit=60, tpm_limit=100_000, max_parallel_requests=4)
    common: dict[str, Any] = {"scope": Scope.TEAM, "subject": "research", "store_away": StoreAway.LOCAL}
    assert key_rules(Scope.TEAM, "research", fields) == (
        RateLimit(name="rpm_limit", measure=Measure.REQUESTS, amount=60, seconds=60, burst=60, **common),
        RateLimit(name="tpm_limit", measure=Measure.TOKENS, amount=100_000, seconds=60, burst=100_000, **common),
        ConcurrencyLimit(name="max_parallel_requests", amount=4, **common),
    )


def test_limits_and_budgets_of_models() -> None:
    made = rules(
        model_rpm_limit={"gpt-4o": 10},
        model_tpm_limit={"gpt-4o": 1000, "claude-*": 2000},
        model_max_budget={"gpt-4o": "5", "o3": {"budget_limit": 7, "time_period": "1mo"}},
    )
    assert [(rule.name, rule.models, rule.amount) for rule in made] == [
        ("model_max_budget:gpt-4o", ("gpt-4o",), 5_000_000_000),
        ("model_max_budget:o3", ("o3",), 7_000_000_000),
        ("model_rpm_limit:gpt-4o", ("gpt-4o",), 10),
        ("model_tpm_limit:gpt-4o", ("gpt-4o",), 1000),
        ("model_tpm_limit:claude-*", ("claude-*",), 2000),
    ]
    assert [rule.window for rule in made if isinstance(rule, BudgetRule)] == [Total(), Calendar(Period.MONTH)]


@given(
    st.floats(0, 9_999_999),
    st.from_regex(r"[1-9][0-9]{0,8}(s|m|h|d|w|mo)", fullmatch=True),
    st.integers(1, 1_000_000_000_000),
)
def test_what_a_record_may_hold_is_a_rule_within_bounds_or_a_mistake(amount: float, window: str, count: int) -> None:
    with contextlib.suppress(ValueError):
        for rule in rules(max_budget=amount, budget_duration=window, soft_budget=amount, tpm_limit=count):
            assert 0 < rule.amount <= (limits.MOST if isinstance(rule, BudgetRule) else limits.MOST_RATE)


WRONG: list[tuple[dict[str, object], str]] = [
    ({"max_budget": 0}, "max_budget: must be more than 0 and at most 4503599.627370496 dollars"),
    ({"max_budget": 9_999_999}, "max_budget: must be more than 0 and at most 4503599.627370496 dollars"),
    ({"max_budget": 1e-10}, "max_budget: is finer than a nano-dollar"),
    ({"soft_budget": 5}, "soft_budget: has no meaning without max_budget"),
    ({"budget_duration": "30d"}, "budget_duration: has no meaning without max_budget"),
    ({"max_budget": 5, "soft_budget": 6}, "soft_budget: is more than max_budget"),
    (
        {"max_budget": 5, "soft_budget": 0},
        "soft_budget: must be more than 0 and at most 4503599.627370496 dollars",
    ),
    (
        {"max_budget": 5, "budget_duration": "2mo"},
        "budget_duration: must be a whole number and its unit, one of s, m, h, d, w (such as 30d) "
        "(of months, only 1mo is a window)",
    ),
    (
        {"max_budget": 5, "budget_duration": "30s"},
        "budget_duration: a rolling window must be at least 1m and at most 366d long",
    ),
    (
        {"budget_limits": [{"max_budget": 5, "budget_duration": "24h"}, {"max_budget": 6, "budget_duration": "1d"}]},
        "budget_limits[1]: there is a budget for this duration already",
    ),
    (
        {"max_budget": 5, "budget_limits": [{"max_budget": 6}]},
        "budget_limits[0]: there is a budget for this duration already",
    ),
    (
        {"budget_limits": [{"max_budget": 0}]},
        "budget_limits[0].max_budget: must be more than 0 and at most 4503599.627370496 dollars",
    ),
    ({"rpm_limit": 10_000_000_001}, "rpm_limit: must be a whole number from 1 to 10000000000"),
    ({"max_parallel_requests": 10**11}, "max_parallel_requests: must be a whole number from 1 to 10000000000"),
    ({"model_tpm_limit": {"o3": 10**11}}, "model_tpm_limit:o3: must be a whole number from 1 to 10000000000"),
    (
        {"model_max_budget": {"o3": 0}},
        "model_max_budget:o3: must be more than 0 and at most 4503599.627370496 dollars",
    ),
    (
        {"model_max_budget": {"o3": {"budget_limit": 1, "time_period": "1s"}}},
        "model_max_budget:o3.time_period: a rolling window must be at least 1m and at most 366d long",
    ),
]


@pytest.mark.parametrize(("written", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_field_is_named(written: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        rules(**written)
