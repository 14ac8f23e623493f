"""Rules that a rule with a longer window never lets bind."""

import pytest
from gateway_documents import RIGHT, loaded

from extproc.config.mistakes import ConfigErrors


def budgets(*entries: str) -> str:
    listed = (f"  - {{scope: team, {entry}}}\n" for entry in entries)
    return f"{RIGHT}budgets:\n{''.join(listed)}"


def limits(*entries: str) -> str:
    listed = (f"    - {{scope: team, {entry}}}\n" for entry in entries)
    return f"{RIGHT}limits:\n  rules:\n{''.join(listed)}"


NEVER_BIND = {
    "day in a month": budgets(
        "name: long, amount: 100, window: {calendar: month}", "name: short, amount: 100, window: {calendar: day}"
    ),
    "rolling day in a rolling month": budgets(
        "name: long, amount: 100, window: {rolling: 30d}", "name: short, amount: 101, window: {rolling: 24h}"
    ),
    "month in all": budgets(
        "name: long, amount: 100, window: total", "name: short, amount: 100, window: {calendar: month}"
    ),
    "calendar day in a rolling week": budgets(
        "name: long, tokens: 100, window: {rolling: 7d}", "name: short, tokens: 100, window: {calendar: day}"
    ),
    "rolling day that may lie across two months": budgets(
        "name: long, amount: 100, window: {calendar: month}", "name: short, amount: 200, window: {rolling: 24h}"
    ),
    "week that may lie across two months": budgets(
        "name: long, amount: 100, window: {calendar: month}", "name: short, amount: 200, window: {calendar: week}"
    ),
    "the same models in another order": budgets(
        "name: long, models: [gpt-4o, '*'], amount: 100, window: total",
        "name: short, models: ['*', gpt-4o], amount: 100, window: {calendar: day}",
    ),
    "only told, but never": budgets(
        "name: long, amount: 100, window: total", "name: short, mode: shadow, amount: 100, window: {calendar: day}"
    ),
}


@pytest.mark.parametrize("text", NEVER_BIND.values(), ids=NEVER_BIND.keys())
def test_a_budget_that_can_never_bind(text: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text)
    assert str(caught.value) == (
        "gateway.yaml:14: budgets[1]: can never bind: 'long' (budgets[0]) allows no more in a longer window"
    )


def test_a_rate_that_can_never_bind() -> None:
    text = limits(
        "name: long, requests: {amount: 1000, per: day, burst: 10}, concurrent: 5",
        "name: short, requests: {amount: 100, per: minute}, concurrent: 9",
    )
    with pytest.raises(ConfigErrors) as caught:
        loaded(text)
    assert str(caught.value) == (
        "gateway.yaml:15: limits.rules[1]: "
        "can never bind: 'long.requests' (limits.rules[0]) allows no more in a longer window"
    )


MAY_BIND = {
    "less in the shorter one": budgets(
        "name: long, amount: 100, window: {calendar: month}", "name: short, amount: 99, window: {calendar: day}"
    ),
    "across two months": budgets(
        "name: long, amount: 100, window: {calendar: month}", "name: short, amount: 199, window: {rolling: 24h}"
    ),
    "week across two months": budgets(
        "name: long, amount: 100, window: {calendar: month}", "name: short, amount: 199, window: {calendar: week}"
    ),
    "days of another time zone": budgets(
        "name: long, amount: 100, window: {calendar: month}",
        "name: short, amount: 199, window: {calendar: day, time_zone: Asia/Tokyo}",
    ),
    "windows as long as each other": budgets(
        "name: long, amount: 100, window: {rolling: 24h}", "name: short, amount: 100, window: {calendar: day}"
    ),
    "a month that may be the shorter one": budgets(
        "name: long, amount: 100, window: {calendar: month}", "name: short, amount: 500, window: {rolling: 30d}"
    ),
    "another subject": budgets(
        "name: long, of: a, amount: 100, window: total", "name: short, of: b, amount: 100, window: {rolling: 24h}"
    ),
    "other models": budgets(
        "name: long, models: [gpt-4o], amount: 100, window: total", "name: short, amount: 100, window: {rolling: 24h}"
    ),
    "another measure": budgets(
        "name: long, tokens: 100, window: total", "name: short, input_tokens: 100, window: {rolling: 24h}"
    ),
    "the longer one refuses nothing": budgets(
        "name: long, mode: shadow, amount: 100, window: total", "name: short, amount: 100, window: {rolling: 24h}"
    ),
    "smaller burst": limits(
        "name: long, requests: {amount: 1000, per: day}", "name: short, requests: {amount: 10, per: second}"
    ),
    "slower rate": limits(
        "name: long, requests: {amount: 86400, per: day, burst: 1}",
        "name: short, requests: {amount: 59, per: minute, burst: 1}",
    ),
    "only requests under way": limits("name: long, concurrent: 5", "name: short, concurrent: 9"),
}


@pytest.mark.parametrize("text", MAY_BIND.values(), ids=MAY_BIND.keys())
def test_rules_that_may_each_bind(text: str) -> None:
    assert [rule.name.partition(".")[0] for rule in loaded(text).rules] == ["long", "short"]
