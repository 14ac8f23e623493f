"""Limits and budgets as administrators may see them: one for each rule in effect."""

from collections.abc import Iterable
from typing import Any

from extproc.config.limits import AnyRule, BudgetRule, Calendar, ConcurrencyLimit, Measure, RateLimit, Rolling, Window
from extproc.config.prices import dollars


def limits_view(rules: Iterable[AnyRule]) -> list[dict[str, Any]]:
    """The limits among the rules, as JSON-able values. `seconds` is the period of a rate."""
    return [_limit(rule) for rule in rules if not isinstance(rule, BudgetRule)]


def budgets_view(rules: Iterable[AnyRule]) -> list[dict[str, Any]]:
    """The budgets among the rules, as JSON-able values."""
    return [_budget(rule) for rule in rules if isinstance(rule, BudgetRule)]


def _limit(rule: RateLimit | ConcurrencyLimit) -> dict[str, Any]:
    if isinstance(rule, ConcurrencyLimit):
        return {**_rule(rule), "concurrent": rule.amount}
    rate = {"amount": rule.amount, "seconds": rule.seconds, "burst": rule.burst}
    return {**_rule(rule), rule.measure.value: rate}


def _budget(rule: BudgetRule) -> dict[str, Any]:
    is_money = rule.measure is Measure.MONEY
    amount = {"amount": dollars(rule.amount)} if is_money else {rule.measure.value: rule.amount}
    return {**_rule(rule), **amount, "window": _window(rule.window), "soft": list(rule.soft)}


def _rule(rule: AnyRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "scope": rule.scope.value,
        "of": rule.subject,
        "models": list(rule.models),
        "mode": rule.mode.value,
        "store_away": rule.store_away.value,
        "local_share": rule.local_share,
    }


def _window(window: Window) -> str | dict[str, Any]:
    match window:
        case Rolling(seconds):
            return {"rolling": f"{seconds}s"}
        case Calendar(period, time_zone):
            return {"calendar": period.value, "time_zone": time_zone}
        case _:
            return "total"
