"""Rules out of amounts and durations as people write them: what the document and the registry's records have in common.

Pure. Everything here raises ValueError with a message that says what is wrong, and never quotes more than a name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from extproc.config.limit_fields import BudgetLimit, Dollars, LimitFields, ModelBudget
from extproc.config.limits import (
    EACH,
    MOST,
    MOST_RATE,
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
    Window,
)
from extproc.config.prices import dollars, nano_dollars

_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MONTH = "1mo"
_SHORTEST, _LONGEST = 60, 366 * 86_400  # of rolling windows
_MINUTE = 60


def duration(text: str) -> int:
    """Seconds: `90m` is 5400. Units are s, m, h, d and w; a month has no length of its own."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("must be a whole number and its unit, one of s, m, h, d, w (such as 30d)")
    return int(match[1]) * _SECONDS[match[2]]


def rolling(text: str) -> Rolling:
    """A rolling window of this duration."""
    seconds = duration(text)
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ValueError("a rolling window must be at least 1m and at most 366d long")
    return Rolling(seconds)


def money(text: str | float) -> int:
    """A budget's US dollars in nano-dollars."""
    try:
        amount = nano_dollars(text)
    except ArithmeticError:
        raise ValueError("is not an amount of dollars") from None
    except ValueError:
        raise ValueError("is finer than a nano-dollar") from None
    if not 0 < amount <= MOST:
        raise ValueError(f"must be more than 0 and at most {dollars(MOST)} dollars")
    return amount


def key_rules(scope: Scope, subject: str, fields: LimitFields) -> tuple[AnyRule, ...]:
    """The rules of one key or team of the registry, `scope` being what it is and `subject` its id or name.

    Each is named for its field, and after a ':' for what tells it from others of that field: `max_budget`,
    `budget_limits:1d`, `rpm_limit`, `model_rpm_limit:gpt-4o`. The names are those of their accounts. A
    `budget_duration` is a rolling window, `1mo` the calendar month in UTC; without one what is spent stays spent.
    """
    of = _Subject(scope, subject)
    return (*_budgets(of, fields), *_model_budgets(of, fields.model_max_budget), *_limits(of, fields))


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whom rules are for."""

    scope: Scope
    name: str

    def budget(
        self, name: str, amount: int, window: Window, models: tuple[str, ...] = (EACH,), soft: tuple[int, ...] = ()
    ) -> BudgetRule:
        return BudgetRule(
            name=name,
            scope=self.scope,
            subject=self.name,
            models=models,
            measure=Measure.MONEY,
            amount=amount,
            window=window,
            soft=soft,
        )

    def per_minute(self, name: str, measure: Measure, amount: int, models: tuple[str, ...] = (EACH,)) -> RateLimit:
        return RateLimit(
            name=name,
            scope=self.scope,
            subject=self.name,
            models=models,
            store_away=StoreAway.LOCAL,
            measure=measure,
            amount=_rate(name, amount),
            seconds=_MINUTE,
            burst=amount,
        )

    def concurrent(self, name: str, amount: int) -> ConcurrencyLimit:
        return ConcurrencyLimit(
            name=name, scope=self.scope, subject=self.name, store_away=StoreAway.LOCAL, amount=_rate(name, amount)
        )


def _budgets(of: _Subject, fields: LimitFields) -> Iterator[AnyRule]:
    """The budget of all models, and those beside it."""
    windows: list[Window] = []
    if fields.max_budget is not None:
        amount = _money("max_budget", fields.max_budget)
        windows.append(_window("budget_duration", fields.budget_duration))
        yield of.budget("max_budget", amount, windows[0], soft=_soft(fields.soft_budget, amount))
    elif fields.soft_budget is not None or fields.budget_duration is not None:
        name = "soft_budget" if fields.soft_budget is not None else "budget_duration"
        raise ValueError(f"{name}: has no meaning without max_budget")
    yield from _further_budgets(of, fields.budget_limits, windows)


def _further_budgets(of: _Subject, limits: Sequence[BudgetLimit], windows: list[Window]) -> Iterator[AnyRule]:
    """`windows` are those that have a budget already."""
    for index, limit in enumerate(limits):
        where = f"budget_limits[{index}]"
        window = _window(f"{where}.budget_duration", limit.budget_duration)
        if window in windows:
            raise ValueError(f"{where}: there is a budget for this duration already")
        windows.append(window)
        amount = _money(f"{where}.max_budget", limit.max_budget)
        yield of.budget(f"budget_limits:{limit.budget_duration or 'total'}", amount, window)


def _model_budgets(of: _Subject, budgets: Mapping[str, Dollars | ModelBudget]) -> Iterator[AnyRule]:
    for model, written in budgets.items():
        name = f"model_max_budget:{model}"
        budget = written if isinstance(written, ModelBudget) else ModelBudget(budget_limit=written)
        window = _window(f"{name}.time_period", budget.time_period)
        yield of.budget(name, _money(name, budget.budget_limit), window, (model,))


def _limits(of: _Subject, fields: LimitFields) -> Iterator[AnyRule]:
    if fields.rpm_limit is not None:
        yield of.per_minute("rpm_limit", Measure.REQUESTS, fields.rpm_limit)
    if fields.tpm_limit is not None:
        yield of.per_minute("tpm_limit", Measure.TOKENS, fields.tpm_limit)
    if fields.max_parallel_requests is not None:
        yield of.concurrent("max_parallel_requests", fields.max_parallel_requests)
    for model, amount in fields.model_rpm_limit.items():
        yield of.per_minute(f"model_rpm_limit:{model}", Measure.REQUESTS, amount, (model,))
    for model, amount in fields.model_tpm_limit.items():
        yield of.per_minute(f"model_tpm_limit:{model}", Measure.TOKENS, amount, (model,))


def _window(field: str, text: str | None) -> Window:
    if text is None:
        return Total()
    if text == _MONTH:
        return Calendar(Period.MONTH)
    try:
        return rolling(text)
    except ValueError as error:
        hint = f" (of months, only {_MONTH} is a window)" if text.endswith("mo") else ""
        raise ValueError(f"{field}: {error}{hint}") from None


def _money(field: str, written: Dollars) -> int:
    try:
        return money(written)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _soft(written: Dollars | None, amount: int) -> tuple[int, ...]:
    """A soft budget as a percentage of the budget, rounded down: better told too early than too late."""
    if written is None:
        return ()
    soft = _money("soft_budget", written)
    if soft > amount:
        raise ValueError("soft_budget: is more than max_budget")
    return (max(1, soft * 100 // amount),)


def _rate(field: str, amount: int) -> int:
    if not 0 < amount <= MOST_RATE:
        raise ValueError(f"{field}: must be a whole number from 1 to {MOST_RATE}")
    return amount
