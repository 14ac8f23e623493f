"""A settlement is told until the store has it, and no longer than it may be repeated."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from extproc.config.limits import BudgetRule, Measure, Scope, Total
from extproc.policy.plan import Entry
from extproc.policy.settlements import Settlement, Settlements
from extproc.store.base import Account, Budget, Charge, PartlySettled, Position, StoreAway
from extproc.store.memory import MemoryStore

HOUR = 3600.0
RULE = BudgetRule(name="b", scope=Scope.TEAM, measure=Measure.TOKENS, amount=1000, window=Total())
OURS, THEIRS = Budget("acme", "k", 1000), Budget("zenith", "k", 1000)


def entry(name: str) -> Entry:
    return Entry(RULE, name, name, name)


@dataclass
class Desk:
    """Settlements, and what becomes of them. `failures` are what the store does instead of answering, in turn; with
    `unheard` it does what it was told all the same."""

    now: float = 1_800_000_000.0
    failures: list[StoreAway] = field(default_factory=list)
    unheard: bool = False
    ended: list[str] = field(default_factory=list)
    told: list[tuple[str, Position]] = field(default_factory=list)
    lost: int = 0
    asked: list[tuple[Charge, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(lambda: self.now)
        self.settle_there = self.store.settle
        self.store.settle = self._settle  # type: ignore[method-assign]
        self.settlements = Settlements(self.store, lambda: self.now, self.ended.append, self._told, self._lost)

    async def settle(self, *charges: Charge) -> None:
        entries = tuple(entry(charge.account.partition) for charge in charges)
        await self.settlements.settle(Settlement("lease", entries, charges, self.now))

    async def spent(self, account: Account = OURS) -> int:
        return (await self.store.read([account]))[0].spent

    async def _settle(self, lease: str, charges: Sequence[Charge]) -> tuple[Position, ...] | None:
        self.asked.append(tuple(charges))
        if not self.failures:
            return await self.settle_there(lease, charges)
        if self.unheard:
            await self.settle_there(lease, charges)
        raise self.failures.pop(0)

    async def _told(self, entry: Entry, account: Account, position: Position) -> None:
        self.told.append((entry.label, position))

    def _lost(self) -> None:
        self.lost += 1


async def test_what_the_store_heard_and_did_not_answer_is_charged_once_however_long_it_stays_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(failures=[StoreAway()] * 10_000, unheard=True)
    await desk.settle(Charge(OURS, 100, 80))
    for _ in range(3):
        desk.now += HOUR
        with caplog.at_level(logging.ERROR):
            await desk.settlements.repeat()
    desk.failures.clear()
    await desk.settlements.repeat()
    assert await desk.spent() == 80
    assert (desk.lost, desk.ended, len(desk.asked)) == (1, ["lease"], 1)
    assert [(record.message, record.fields) for record in caplog.records] == [("settlements lost", {"count": 1})]  # type: ignore[attr-defined]


async def test_it_is_repeated_for_fifty_minutes_after_the_store_may_have_heard_it() -> None:
    desk = Desk(failures=[StoreAway()] * 2, unheard=True)
    await desk.settle(Charge(OURS, 100, 80))
    desk.now += 3000 - 1
    await desk.settlements.repeat()
    assert len(desk.asked) == 2
    desk.now += 1
    await desk.settlements.repeat()
    assert (len(desk.asked), desk.lost) == (2, 1)


async def test_what_the_store_never_heard_of_is_told_after_hours() -> None:
    desk = Desk(failures=[StoreAway(asked=False)] * 2)
    await desk.settle(Charge(OURS, 100, 80))
    for _ in range(2):
        desk.now += 5 * HOUR
        await desk.settlements.repeat()
    assert (desk.lost, desk.ended, await desk.spent()) == (0, ["lease"], 80)
    assert desk.told == [("acme", Position(spent=80, remaining=920))]


async def test_but_not_for_longer_than_the_store_knows_an_expired_lease() -> None:
    desk = Desk(failures=[StoreAway(asked=False)])
    await desk.settle(Charge(OURS, 100, 80))
    desk.now += 12 * HOUR
    await desk.settlements.repeat()
    assert (desk.lost, len(desk.asked)) == (1, 1)


async def test_only_what_some_partition_did_not_answer_is_told_again() -> None:
    partly = PartlySettled("away", asked=False, settled={0: Position(spent=80, remaining=920)}, left=(1,))
    desk = Desk(failures=[partly])
    await desk.settle(Charge(OURS, 100, 80), Charge(THEIRS, 100, 70))
    assert (desk.told, desk.ended) == ([("acme", Position(spent=80, remaining=920))], [])
    await desk.settlements.repeat()
    assert desk.asked[1] == (Charge(THEIRS, 100, 70),)
    assert desk.told[1:] == [("zenith", Position(spent=70, remaining=930))]
    assert desk.ended == ["lease"]
