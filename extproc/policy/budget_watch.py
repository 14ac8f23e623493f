"""What metrics and logs are told of budgets: how full they are, and which of their soft thresholds they have passed.

Budgets fill without anybody settling anything (leases expire) and are emptied by the clock (windows end): so those that
were in use of late are read again from time to time.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from extproc.config.limits import EACH, BudgetRule, Raise, Scope
from extproc.policy.plan import Entry, Planner
from extproc.store.base import Account, Budget, Ledger, Position, StoreAway

_MOST_WATCHED = 2048
_MOST_TOLD = 16384
_AT_ONCE = 64
_WATCHED_SECONDS = 86400.0  # since a budget was last used


class BudgetEvents(Protocol):
    """Subjects are names from the configuration or the registry. `budget_forgotten`: its ratio is told no longer."""

    def budget_used(self, budget: str, scope: str, subject: str, ratio: float) -> None: ...

    def budget_forgotten(self, budget: str, scope: str, subject: str) -> None: ...

    def budget_threshold(self, budget: str, scope: str, subject: str, percent: int, *, named: bool) -> None: ...


@dataclass(slots=True)
class _Watched:
    entry: Entry
    raises: tuple[Raise, ...]
    used: float


class BudgetWatch:
    """Of one governor. `now` is Unix time in seconds."""

    def __init__(self, ledger: Ledger, events: BudgetEvents, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._events = events
        self._now = now
        self._planner = Planner(())
        self._watched: OrderedDict[tuple[str, ...], _Watched] = OrderedDict()  # the one that was used last is last
        self._told: OrderedDict[tuple[str, str, str], float] = OrderedDict()  # thresholds, and until when

    def used(self, planner: Planner, raises: tuple[Raise, ...], entry: Entry) -> None:
        """A request counts for the entry; one that is no budget, or of which nothing is told, is not watched."""
        rule = entry.rule
        if not isinstance(rule, BudgetRule) or not (rule.soft or _is_named(entry)):
            return
        self._planner = planner
        key = (entry.partition, rule.scope.value, rule.name, entry.subject)
        self._watched[key] = _Watched(entry, raises, self._now())
        self._watched.move_to_end(key)
        if len(self._watched) > _MOST_WATCHED:
            self._forget(next(iter(self._watched)))

    async def tell(self, entry: Entry, account: Account, position: Position) -> None:
        """How a budget stands now."""
        rule = entry.rule
        if not isinstance(rule, BudgetRule) or not isinstance(account, Budget) or account.limit <= 0:
            return
        if _is_named(entry):
            self._events.budget_used(rule.name, rule.scope.value, entry.label, position.spent / account.limit)
        for percent in rule.soft:
            if percent * account.limit <= position.spent * 100 and await self._is_news(account, percent):
                named = _is_named(entry)
                self._events.budget_threshold(rule.name, rule.scope.value, entry.label, percent, named=named)

    async def read_again(self) -> None:
        """Tells how the budgets stand that were in use of late, as far as the store answers."""
        for key in [key for key, each in self._watched.items() if self._is_over(each)]:
            self._forget(key)
        watched = list(self._watched.values())
        try:
            for begin in range(0, len(watched), _AT_ONCE):
                await self._read(watched[begin : begin + _AT_ONCE])
        except StoreAway:
            return

    async def _read(self, watched: list[_Watched]) -> None:
        now = self._now()
        accounts = [self._planner.account(each.entry, each.raises, now) for each in watched]
        positions = await self._ledger.read(accounts)
        for each, account, position in zip(watched, accounts, positions, strict=True):
            await self.tell(each.entry, account, position)

    async def _is_news(self, account: Budget, percent: int) -> bool:
        """Whether nobody told of this threshold before: in a calendar window, in all, or for a rolling window's
        length. Of a limit that was changed, each is told anew."""
        mark = f"{percent}:{account.limit}"
        key = (account.partition, account.key, mark)
        now = self._now()
        if self._told.get(key, now) > now:
            return False
        try:
            is_news = await self._ledger.claim(account, mark)
        except StoreAway:
            return False  # the next time that anybody looks
        self._told[key] = now + account.window_ms / 1000 if account.window_ms else float("inf")
        if len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return is_news

    def _is_over(self, each: _Watched) -> bool:
        return self._now() - each.used > _WATCHED_SECONDS or not self._planner.has(each.entry)

    def _forget(self, key: tuple[str, ...]) -> None:
        entry = self._watched.pop(key).entry
        if _is_named(entry):
            self._events.budget_forgotten(entry.rule.name, entry.rule.scope.value, entry.label)


def _is_named(entry: Entry) -> bool:
    """Whether the rule's subjects are few enough to be told apart in a metric."""
    by_name = entry.rule.subject != EACH and not entry.own
    return by_name or entry.rule.scope not in (Scope.KEY, Scope.USER, Scope.TAG)
