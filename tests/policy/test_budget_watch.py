"""How full budgets are, and which thresholds they have passed, also where nobody settles anything."""

from dataclasses import dataclass, field, replace

from extproc.config.limits import BudgetRule, Calendar, Measure, Period, Raise, Rolling, Scope, Total
from extproc.policy.budget_watch import BudgetWatch
from extproc.policy.plan import Entry, Planner
from extproc.policy.principal import Principal
from extproc.store.base import Charge, Hold
from extproc.store.memory import MemoryStore

NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z
ANN = Principal("k1", "ann", user="ann", team="search", organisation="acme")
TOTAL = BudgetRule(name="b", scope=Scope.TEAM, measure=Measure.TOKENS, amount=1000, window=Total(), soft=(50, 90))


@dataclass
class Heard:
    ratios: list[tuple[str, float]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    thresholds: list[int] = field(default_factory=list)

    def budget_used(self, budget: str, scope: str, subject: str, ratio: float) -> None:
        self.ratios.append((subject, ratio))

    def budget_forgotten(self, budget: str, scope: str, subject: str) -> None:
        self.forgotten.append(subject)

    def budget_threshold(self, budget: str, scope: str, subject: str, percent: int, *, named: bool) -> None:
        self.thresholds.append(percent)


class Room:
    """Two workers that watch a budget, and the store between them."""

    def __init__(self, rule: BudgetRule) -> None:
        self.now = NOON
        self.store = MemoryStore(lambda: self.now)
        self.heard = Heard()
        self.watch, self.other = (BudgetWatch(self.store, self.heard, lambda: self.now) for _ in range(2))
        self.raises: tuple[Raise, ...] = ()
        self.follow(Planner((rule,)))
        self._leases = 0

    def follow(self, planner: Planner) -> None:
        self.planner = planner
        self.entry: Entry = planner.plan(ANN, "m", "m").entries[0]

    def use(self) -> None:
        for watch in (self.watch, self.other):
            watch.used(self.planner, self.raises, self.entry)

    async def die(self, held: int) -> None:
        """A request's worker dies, and its lease expires, which the store notices with the next request."""
        self._leases += 1
        account = self.planner.account(self.entry, self.raises, self.now)
        await self.store.reserve(f"lease-{self._leases}", 1000, [Hold(account, held, held)])
        self.now += 2
        await self.store.read([])

    async def spend(self, used: int) -> None:
        """A request is settled, and a worker tells how the budget stands then."""
        self._leases += 1
        account = self.planner.account(self.entry, self.raises, self.now)
        positions = await self.store.settle(f"lease-{self._leases}", [Charge(account, 0, used)])
        assert positions is not None
        await self.watch.tell(self.entry, account, positions[0])

    async def look(self) -> None:
        for watch in (self.watch, self.other):
            await watch.read_again()


async def test_a_threshold_that_expired_leases_passed_is_told_with_the_next_settlement() -> None:
    room = Room(TOTAL)
    await room.die(600)
    await room.spend(10)
    assert room.heard.thresholds == [50]


async def test_or_when_the_budget_is_read_again_and_by_one_worker() -> None:
    room = Room(TOTAL)
    room.use()
    await room.die(950)
    for _ in range(3):
        await room.look()
    assert room.heard.thresholds == [50, 90]


async def test_a_late_settlement_that_lowers_what_is_spent_makes_no_threshold_be_told_twice() -> None:
    room = Room(TOTAL)
    await room.die(600)
    await room.spend(10)
    account = room.planner.account(room.entry, (), room.now)
    await room.store.settle("lease-1", [Charge(account, 600, 100)])
    await room.spend(400)
    assert room.heard.thresholds == [50]


async def test_each_window_has_thresholds_of_its_own() -> None:
    room = Room(replace(TOTAL, window=Calendar(Period.DAY)))
    await room.spend(600)
    await room.spend(10)
    room.now += 86400
    await room.spend(600)
    assert room.heard.thresholds == [50, 50]


async def test_a_rolling_window_tells_of_a_threshold_once_in_its_length() -> None:
    room = Room(replace(TOTAL, window=Rolling(3600)))
    for _ in range(5):
        await room.spend(600)
        room.now += 1200
    assert room.heard.thresholds == [50, 90, 50, 90]


async def test_a_limit_that_was_changed_has_thresholds_of_its_own() -> None:
    room = Room(TOTAL)
    await room.spend(600)
    room.raises = (Raise(budget="b", subject="search", amount=1000, until=NOON + 60),)
    await room.spend(300)
    assert room.heard.thresholds == [50]
    await room.spend(200)
    assert room.heard.thresholds == [50, 50]


async def test_how_full_a_budget_is_is_told_again_when_its_window_has_ended() -> None:
    room = Room(replace(TOTAL, window=Calendar(Period.DAY), soft=()))
    room.use()
    await room.spend(950)
    room.now += 86400
    await room.look()
    assert room.heard.ratios == [("search", 0.95), ("search", 0.0), ("search", 0.0)]


async def test_a_budget_whose_rule_is_gone_is_forgotten() -> None:
    room = Room(TOTAL)
    room.use()
    room.follow(Planner((replace(TOTAL, name="other"),)))
    room.use()
    await room.look()
    assert room.heard.forgotten == ["search", "search"]


async def test_a_budget_that_nobody_has_used_for_a_day_is_forgotten() -> None:
    room = Room(TOTAL)
    room.use()
    room.now += 86_401
    await room.look()
    assert (room.heard.forgotten, room.heard.ratios) == (["search", "search"], [])


async def test_a_budget_of_each_user_is_watched_for_its_thresholds_and_has_no_ratio() -> None:
    room = Room(replace(TOTAL, scope=Scope.USER))
    room.use()
    await room.die(600)
    await room.look()
    assert (room.heard.thresholds, room.heard.ratios) == ([50], [])
