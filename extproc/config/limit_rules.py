"""Limits and budgets, from their entries in the document."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypedDict, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from extproc.config.document_limits import BudgetEntry, Forever, LimitEntry, Per, RuleEntry, WindowEntry
from extproc.config.limits import (
    EACH,
    AnyRule,
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Measure,
    Mode,
    RateLimit,
    Scope,
    StoreAway,
    Total,
    Window,
)
from extproc.config.mistakes import Mistakes
from extproc.config.named import Named, Served
from extproc.config.rules import money, rolling

_SECONDS = {Per.SECOND: 1, Per.MINUTE: 60, Per.HOUR: 3600, Per.DAY: 86_400}
_UTC = "UTC"
_OF_REGISTRY = "max_budget"  # the name of a budget that keys and teams of the registry have by themselves
_Value = TypeVar("_Value")


class _Common(TypedDict):
    """The arguments that all rules have."""

    scope: Scope
    subject: str
    models: tuple[str, ...]
    mode: Mode
    store_away: StoreAway
    local_share: int


class RuleBuilder:
    """Makes the rules of one document; what is wrong with them goes to `mistakes`.

    `named` are the subjects that there are, by scope; a scope that is not in it has any.
    """

    def __init__(self, served: Served, named: Mapping[Scope, Named], mistakes: Mistakes) -> None:
        self._served = served
        self._named = named
        self._mistakes = mistakes

    def limits(self, entry: LimitEntry, path: str) -> Iterator[AnyRule]:
        """The rules of an entry, one for each thing that it limits. `path` is where the entry stands."""
        self._check(entry, path)
        common = _common(entry, entry.store_away)
        rates = {
            Measure.REQUESTS: entry.requests,
            Measure.INPUT_TOKENS: entry.input_tokens,
            Measure.OUTPUT_TOKENS: entry.output_tokens,
            Measure.TOKENS: entry.tokens,
        }
        for measure, rate in rates.items():
            if rate is not None:
                yield RateLimit(
                    name=f"{entry.name}.{measure}",
                    measure=measure,
                    amount=rate.amount,
                    seconds=_SECONDS[rate.per],
                    burst=rate.burst or rate.amount,
                    **common,
                )
        if entry.concurrent is not None:
            yield ConcurrencyLimit(name=f"{entry.name}.concurrent", amount=entry.concurrent, **common)

    def budget(self, entry: BudgetEntry, path: str) -> BudgetRule | None:
        """The budget of an entry; None when `mistakes` has why there is none. `path` is where the entry stands."""
        self._check(entry, path)
        if entry.name == _OF_REGISTRY:
            self._mistakes.add(f"{path}.name", "is the name of the budgets that keys and teams of the registry have")
        self._check_soft(entry, f"{path}.soft")
        measure, amount = self._amount(entry, path)
        window = self._window(entry.window, f"{path}.window")
        if window is None or self._mistakes.touches(path):
            return None
        common = _common(entry, entry.store_away)
        return BudgetRule(name=entry.name, measure=measure, amount=amount, window=window, soft=entry.soft, **common)

    def _check(self, entry: RuleEntry, path: str) -> None:
        self._served.check_counted(entry.models, f"{path}.models", self._mistakes)
        if entry.of is None or entry.of == EACH:
            return
        if entry.scope is Scope.GATEWAY:
            self._mistakes.add(f"{path}.of", "has no meaning for the scope gateway")
        elif entry.scope is Scope.MODEL:
            self._check_model(entry.of, f"{path}.of")
        elif entry.of.endswith(EACH):
            self._mistakes.add(f"{path}.of", "must be a whole name, or '*' for each of them apart")
        elif entry.scope in self._named:
            self._named[entry.scope].check(entry.of, f"{path}.of", self._mistakes)

    def _check_model(self, name: str, path: str) -> None:
        """A wildcard model is one subject, by the name that the document gives it."""
        if name.endswith(EACH) and not self._served.has(name):
            self._mistakes.add(path, f"there is no model {name!r}, and 'models' is what names several")
        elif not name.endswith(EACH):
            self._served.check(name, path, self._mistakes)

    def _check_soft(self, entry: BudgetEntry, path: str) -> None:
        for index, (lower, higher) in enumerate(zip(entry.soft, entry.soft[1:], strict=False), start=1):
            if lower >= higher:
                self._mistakes.add(f"{path}[{index}]", "must be more than the one before it")

    def _amount(self, entry: BudgetEntry, path: str) -> tuple[Measure, int]:
        tokens = {
            Measure.INPUT_TOKENS: entry.input_tokens,
            Measure.OUTPUT_TOKENS: entry.output_tokens,
            Measure.TOKENS: entry.tokens,
        }
        for measure, amount in tokens.items():
            if amount is not None:
                return measure, amount
        return Measure.MONEY, self._said(lambda: money(entry.amount or 0), f"{path}.amount") or 0

    def _window(self, entry: Forever | WindowEntry, path: str) -> Window | None:
        if isinstance(entry, Forever):
            return Total()
        if entry.calendar is not None:
            zone = entry.time_zone or _UTC
            self._check_time_zone(zone, f"{path}.time_zone")
            return Calendar(entry.calendar, zone)
        if entry.time_zone is not None:
            self._mistakes.add(f"{path}.time_zone", "has no meaning for a rolling window")
        return self._said(lambda: rolling(entry.rolling or ""), f"{path}.rolling")

    def _check_time_zone(self, name: str, path: str) -> None:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # the last one for a name that is a folder of the database
            zones = available_timezones()
            self._mistakes.add(path, f"there is no time zone {name!r}", wrong=name, names=zones)

    def _said(self, make: Callable[[], _Value], path: str) -> _Value | None:
        """What is made; None when `mistakes` now has why it cannot be."""
        try:
            return make()
        except ValueError as error:
            self._mistakes.add(path, str(error))
            return None


def _common(entry: RuleEntry, store_away: StoreAway) -> _Common:
    return _Common(
        scope=entry.scope,
        subject=entry.of or EACH,
        models=entry.models,
        mode=entry.mode,
        store_away=store_away,
        local_share=entry.local_share,
    )
