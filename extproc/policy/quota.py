"""`GET /v1/quota`: what the holder of a key may see of its limits and budgets."""

from collections.abc import Sequence

import msgspec

from extproc.config.limits import BudgetRule, Calendar, ConcurrencyLimit, Measure, RateLimit, Rolling, Window
from extproc.genai.money import format_dollars
from extproc.policy.plan import Entry
from extproc.policy.principal import Principal
from extproc.policy.refusals import moment
from extproc.store.base import Account, Bucket, Position

Line = tuple[Entry, Account, Position, int | None]
"""A rule, its account, how that stands, and when there is more of a budget (Unix seconds)."""


def quota_document(caller: Principal, lines: Sequence[Line]) -> bytes:
    """JSON: who the caller is, its `limits` and its `budgets`. Money is decimal US dollars."""
    document = {
        "object": "quota",
        "key": caller.alias,
        "user": caller.user,
        "team": caller.team,
        "organisation": caller.organisation,
        "models": list(caller.models),
        "limits": [_limit(*line[:3]) for line in lines if not isinstance(line[0].rule, BudgetRule)],
        "budgets": [_budget(rule, *line) for line in lines if isinstance(rule := line[0].rule, BudgetRule)],
    }
    return msgspec.json.encode(document)


def _common(entry: Entry) -> dict[str, object]:
    rule = entry.rule
    return {
        "name": rule.name,
        "scope": rule.scope.value,
        "subject": entry.label,
        "models": list(rule.models),
        "mode": rule.mode.value,
    }


def _limit(entry: Entry, account: Account, position: Position) -> dict[str, object]:
    match entry.rule:
        case RateLimit() as rule if isinstance(account, Bucket):
            return {
                **_common(entry),
                "measure": rule.measure.value,
                "limit": rule.amount,
                "per_seconds": rule.seconds,
                "burst": account.capacity,
                "remaining": max(0, position.remaining),
                "full_in_seconds": -(-position.full_ms // 1000),
            }
        case ConcurrencyLimit() as rule:
            remaining = max(0, position.remaining)
            return {**_common(entry), "measure": "concurrent", "limit": rule.amount, "remaining": remaining}
        case _:
            raise ValueError(f"not a limit: {entry.rule.name}")


def _budget(rule: BudgetRule, entry: Entry, _: Account, position: Position, resets_at: int | None) -> dict[str, object]:
    money = rule.measure is Measure.MONEY
    limit = position.spent + position.reserved + position.remaining
    amounts = {
        "limit": limit,
        "spent": position.spent,
        "reserved": position.reserved,
        "remaining": max(0, position.remaining),
    }
    return {
        **_common(entry),
        "currency": "USD" if money else rule.measure.value,
        **{name: format_dollars(amount) if money else amount for name, amount in amounts.items()},
        "window": _window(rule.window),
        "resets_at": None if resets_at is None else moment(resets_at),
    }


def _window(window: Window) -> str:
    match window:
        case Rolling(seconds):
            return f"rolling {seconds}s"
        case Calendar(period, time_zone):
            return f"calendar {period.value} {time_zone}"
        case _:
            return "total"
