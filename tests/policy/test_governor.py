"""Reserve, extend, settle against a store in memory; and what happens while it is away."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from extproc.config.limits import (
    AnyRule,
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Measure,
    Mode,
    Period,
    RateLimit,
    Rolling,
    Scope,
    StoreAway,
    Total,
)
from extproc.errors import BudgetExceeded, RateLimited, StoreUnavailable
from extproc.genai.money import Rates
from extproc.genai.prices import PriceBook
from extproc.genai.usage import TokenUsage
from extproc.policy.demand import Demand
from extproc.policy.governor import Governor, Terms
from extproc.policy.lease import Lease
from extproc.policy.plan import Planner
from extproc.policy.principal import Principal
from extproc.store import base
from extproc.store.memory import MemoryStore

DOLLAR = 1_000_000_000
CHEAP = PriceBook({("p", "m"): Rates(input=1 * DOLLAR, output=2 * DOLLAR)}).find("p", "m")  # 1000 and 2000 a token
ANN = Principal("k1", "ann", team="search", organisation="acme")
MONEY = BudgetRule(
    name="month",
    scope=Scope.TEAM,
    measure=Measure.MONEY,
    amount=1_000_000,
    window=Calendar(Period.MONTH),
    soft=(50, 90),
)
TOKENS = BudgetRule(name="tokens", scope=Scope.TEAM, measure=Measure.TOKENS, amount=1000, window=Total())
RATE = RateLimit(name="rate", scope=Scope.KEY, measure=Measure.REQUESTS, amount=60, seconds=60, burst=2)
FLOW = RateLimit(name="flow", scope=Scope.KEY, measure=Measure.TOKENS, amount=600, seconds=60, burst=600)
SLOTS = ConcurrencyLimit(name="slots", scope=Scope.KEY, amount=1)


@dataclass
class Heard:
    """What the governor told."""

    refusals: list[tuple[str, bool]] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    ratios: list[tuple[str, str, float]] = field(default_factory=list)
    thresholds: list[tuple[str, int]] = field(default_factory=list)
    forgotten: list[tuple[str, str]] = field(default_factory=list)
    lost: int = 0

    def refused(self, rule: str, *, shadow: bool) -> None:
        self.refusals.append((rule, shadow))

    def decided_without_store(self, policy: str) -> None:
        self.policies.append(policy)

    def budget_used(self, budget: str, scope: str, subject: str, ratio: float) -> None:
        self.ratios.append((budget, subject, ratio))

    def budget_forgotten(self, budget: str, scope: str, subject: str) -> None:
        self.forgotten.append((budget, subject))

    def budget_threshold(self, budget: str, scope: str, subject: str, percent: int, *, named: bool) -> None:
        self.thresholds.append((budget, percent))

    def settlement_lost(self) -> None:
        self.lost += 1


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_795_250_000.0

    def __call__(self) -> float:
        return self.now


class Fragile:
    """A store that can be away."""

    def __init__(self, inner: MemoryStore) -> None:
        self.inner = inner
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise base.StoreAway("away")

    async def reserve(self, lease: str, ttl_ms: int, holds: Sequence[base.Hold]) -> base.Verdict:
        self._check()
        return await self.inner.reserve(lease, ttl_ms, holds)

    async def extend(self, lease: str, ttl_ms: int, parts: Sequence[base.Stretch]) -> base.Verdict:
        self._check()
        return await self.inner.extend(lease, ttl_ms, parts)

    async def settle(self, lease: str, charges: Sequence[base.Charge]) -> tuple[base.Position, ...] | None:
        self._check()
        return await self.inner.settle(lease, charges)

    async def read(self, accounts: Sequence[base.Account]) -> tuple[base.Position, ...]:
        self._check()
        return await self.inner.read(accounts)

    async def claim(self, account: base.Budget, mark: str) -> bool:
        self._check()
        return await self.inner.claim(account, mark)


class Office:
    """A governor with everything around it, and one caller."""

    def __init__(self, *rules: AnyRule, quantum: int = 100, retry_seconds: float = 3600.0) -> None:
        self.clock = Clock()
        self.store = Fragile(MemoryStore(self.clock))
        self.heard = Heard()
        self.governor = Governor(
            self.store, lambda: MemoryStore(self.clock), self.heard, self.clock, retry_seconds=retry_seconds
        )
        self.planner = Planner(rules)
        self.terms = Terms(self.planner, (), 402, quantum)
        self.plan = self.planner.plan(ANN, "m", "m")
        self._count = 0

    async def admit(self, input_tokens: int = 100, likely: int = 100, wanted: int = 0) -> Lease:
        self._count += 1
        demand = Demand(input_tokens, likely, max(likely, wanted), CHEAP)
        return await self.governor.admit(self.terms, self.plan, demand, f"lease-{self._count}")

    async def settle(self, lease: Lease, usage: TokenUsage | None) -> None:
        cost = CHEAP.cost(usage) if usage is not None and CHEAP is not None else None
        self.governor.settle(lease, usage, cost)
        await self.governor.close(1.0)

    async def stands(self) -> list[tuple[int, int, int]]:
        accounts = [self.planner.account(entry, (), self.clock.now) for entry in self.plan.entries]
        positions = await self.store.inner.read(accounts)
        return [(position.spent, position.reserved, position.remaining) for position in positions]


# -- reserve ----------------------------------------------------------------------------------------------------------


async def test_money_is_reserved_for_what_is_likely_and_spent_for_what_was_used() -> None:
    office = Office(MONEY)
    lease = await office.admit(100, 100)
    assert await office.stands() == [(0, 300_000, 700_000)]
    assert lease.covered == 100
    await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=40))
    assert await office.stands() == [(180_000, 0, 820_000)]


async def test_a_request_that_the_budget_cannot_pay_is_refused_with_the_figures() -> None:
    office = Office(MONEY)
    for _ in range(3):
        await office.admit(100, 100)
    with pytest.raises(BudgetExceeded) as caught:
        await office.admit(100, 100)
    error = caught.value
    assert (error.status, error.code, error.type) == (402, "budget_exceeded", "insufficient_quota")
    assert error.headers == {"x-should-retry": "false"}
    assert error.details == {
        "budget": "month",
        "scope": "team",
        "limit": "0.001",
        "spent": "0.00",
        "reserved": "0.0009",
        "requested": "0.0003",
        "currency": "USD",
        "resets_at": "2026-12-01T00:00:00Z",
    }
    assert "'search'" in error.message
    assert office.heard.refusals == [("month", False)]
    assert office.governor.open_leases == 3


async def test_a_whole_answer_holds_more_while_there_is_more_and_less_when_there_is_not() -> None:
    office = Office(TOKENS)
    first = await office.admit(100, 100, wanted=600)
    assert first.covered == 600
    second = await office.admit(100, 100, wanted=600)
    assert second.covered == 200
    assert await office.stands() == [(0, 1000, 0)]


async def test_a_failed_request_costs_nothing() -> None:
    office = Office(MONEY, FLOW)
    lease = await office.admit()
    await office.settle(lease, None)
    assert await office.stands() == [(0, 0, 1_000_000), (0, 0, 600)]


async def test_a_request_is_settled_once() -> None:
    office = Office(TOKENS)
    lease = await office.admit()
    for _ in range(3):
        await office.settle(lease, TokenUsage(input_tokens=10, output_tokens=10))
    assert await office.stands() == [(20, 0, 980)]


async def test_too_many_requests_are_told_when_to_come_back() -> None:
    office = Office(RATE)
    for _ in range(2):
        await office.admit()
    with pytest.raises(RateLimited) as caught:
        await office.admit()
    assert caught.value.status == 429
    assert caught.value.headers == {
        "retry-after": "1",
        "retry-after-ms": "1000",
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "2s",
    }
    office.clock.now += 1
    await office.admit()


async def test_what_never_fits_is_not_to_be_tried_again() -> None:
    office = Office(FLOW)
    with pytest.raises(RateLimited) as caught:
        await office.admit(input_tokens=601)
    assert caught.value.headers == {
        "x-should-retry": "false",
        "x-ratelimit-limit-tokens": "600",
        "x-ratelimit-remaining-tokens": "600",
        "x-ratelimit-reset-tokens": "0ms",
    }


async def test_an_estimate_alone_never_makes_a_request_too_large_for_a_rate() -> None:
    office = Office(FLOW)
    await office.admit(input_tokens=10, likely=100_000)
    assert await office.stands() == [(0, 0, 0)]


async def test_one_at_a_time() -> None:
    office = Office(SLOTS)
    lease = await office.admit()
    with pytest.raises(RateLimited) as caught:
        await office.admit()
    assert caught.value.headers == {"retry-after": "1"}
    await office.settle(lease, TokenUsage(input_tokens=1, output_tokens=1))
    await office.admit()


async def test_a_shadow_rule_counts_and_tells_and_refuses_nothing() -> None:
    office = Office(replace(TOKENS, mode=Mode.SHADOW, amount=100))
    lease = await office.admit(100, 100)
    assert lease.covered is None
    assert office.heard.refusals == [("tokens", True)]
    assert await office.stands() == [(0, 200, -100)]


async def test_a_budget_is_named_before_a_rate_because_waiting_does_not_help() -> None:
    office = Office(replace(RATE, burst=1), replace(MONEY, amount=400_000))
    await office.admit()
    with pytest.raises(BudgetExceeded):
        await office.admit()


async def test_of_a_rolling_budget_it_is_told_when_some_of_it_comes_back() -> None:
    office = Office(replace(TOKENS, window=Rolling(3600)))
    lease = await office.admit(400, 400)
    await office.settle(lease, TokenUsage(input_tokens=400, output_tokens=400))
    office.clock.now += 600
    with pytest.raises(BudgetExceeded) as caught:
        await office.admit(200, 200)
    assert caught.value.details["resets_at"] == "2026-11-21T09:34:00Z"
    with pytest.raises(BudgetExceeded) as caught:
        await office.admit(1000, 200)
    assert caught.value.details["resets_at"] is None


async def test_a_budget_refuses_with_the_rates_that_there_are() -> None:
    office = Office(RATE, replace(MONEY, amount=100))
    with pytest.raises(BudgetExceeded) as caught:
        await office.admit()
    assert caught.value.headers == {
        "x-should-retry": "false",
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "0ms",
    }


async def test_a_refused_request_leaves_nothing_behind() -> None:
    office = Office(RATE, replace(MONEY, amount=100))
    with pytest.raises(BudgetExceeded):
        await office.admit()
    assert await office.stands() == [(0, 0, 2), (0, 0, 100)]


# -- streams ----------------------------------------------------------------------------------------------------------


async def test_a_stream_is_given_a_quantum_more_each_time() -> None:
    office = Office(TOKENS)
    lease = await office.admit(100, 100)
    assert await office.governor.extend(office.terms, lease, 101) is None
    assert lease.covered == 201
    assert await office.stands() == [(0, 301, 699)]


async def test_a_stream_ends_where_its_budget_does() -> None:
    office = Office(replace(TOKENS, amount=210))
    lease = await office.admit(100, 100)
    assert await office.governor.extend(office.terms, lease, 101) is None
    assert lease.covered == 107  # a sixteenth of a quantum more: what there is, is used up
    error = await office.governor.extend(office.terms, lease, 110)
    assert isinstance(error, BudgetExceeded)
    assert lease.covered == 107
    await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=110))
    assert await office.stands() == [(210, 0, 0)]


async def test_a_dearer_provider_uses_the_reservation_up_sooner() -> None:
    office = Office(MONEY)
    lease = await office.admit(100, 100)
    office.governor.reprice(lease, PriceBook({("p", "m"): Rates(input=DOLLAR, output=4 * DOLLAR)}).find("p", "m"))
    assert lease.covered == 50


async def test_leases_are_kept_alive_until_they_are_settled() -> None:
    office = Office(TOKENS, retry_seconds=0.001)
    office.governor = Governor(
        office.store,
        lambda: MemoryStore(office.clock),
        office.heard,
        office.clock,
        ttl_seconds=0.003,
        retry_seconds=0.001,
    )
    beaten = asyncio.Event()
    extend = office.store.extend

    async def heard(lease: str, ttl_ms: int, parts: Sequence[base.Stretch]) -> base.Verdict:
        beaten.set()
        return await extend(lease, 60_000, parts)

    office.store.extend = heard  # type: ignore[method-assign]
    await office.admit()
    running = asyncio.create_task(office.governor.run())
    await beaten.wait()
    running.cancel()
    office.clock.now += 50
    assert await office.stands() == [(0, 200, 800)]


async def test_what_a_dead_holder_held_counts_as_spent() -> None:
    office = Office(TOKENS)
    await office.admit()
    office.clock.now += 61
    assert await office.stands() == [(200, 0, 800)]


async def test_a_holder_that_turns_up_late_puts_it_right() -> None:
    office = Office(TOKENS)
    lease = await office.admit()
    office.clock.now += 61
    await office.stands()
    await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=5))
    assert await office.stands() == [(105, 0, 895)]


async def test_thresholds_are_told_when_they_are_passed_and_once() -> None:
    office = Office(replace(MONEY, amount=1_000_000))
    for output in (150, 150, 100, 40):
        lease = await office.admit(0, 0)
        await office.settle(lease, TokenUsage(input_tokens=0, output_tokens=output))
    assert office.heard.thresholds == [("month", 50)]
    lease = await office.admit(0, 0)
    await office.settle(lease, TokenUsage(input_tokens=0, output_tokens=50))
    assert office.heard.thresholds == [("month", 50), ("month", 90)]
    assert office.heard.ratios[-1] == ("month", "search", 0.98)


# -- the store is away ------------------------------------------------------------------------------------------------


async def test_a_rule_that_denies_without_the_store_refuses() -> None:
    office = Office(MONEY)
    office.store.away = True
    with pytest.raises(StoreUnavailable) as caught:
        await office.admit()
    assert (caught.value.status, caught.value.code) == (503, "store_unavailable")
    assert office.heard.policies == ["deny"]


async def test_a_reservation_whose_fate_is_not_known_is_given_back() -> None:
    office = Office(MONEY)
    reserve = office.store.inner.reserve

    async def unheard(lease: str, ttl_ms: int, holds: Sequence[base.Hold]) -> base.Verdict:
        await reserve(lease, ttl_ms, holds)
        raise base.StoreAway("the answer was lost")

    office.store.reserve = unheard  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await office.admit()
    await office.governor.close(1.0)
    assert await office.stands() == [(0, 0, 1_000_000)]


async def test_a_rule_that_allows_lets_everything_through_and_tells_the_store_later() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.ALLOW, amount=300))
    office.store.away = True
    leases = [await office.admit(100, 100) for _ in range(4)]
    for lease in leases:
        await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=50))
    office.store.away = False
    await office.governor.close(1.0)
    assert await office.stands() == [(600, 0, -300)]
    with pytest.raises(BudgetExceeded):
        await office.admit()


async def test_a_rule_with_a_local_share_enforces_that() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.LOCAL, local_share=50, amount=1000))
    office.store.away = True
    first = await office.admit(100, 100)
    await office.admit(100, 100)
    with pytest.raises(BudgetExceeded):
        await office.admit(100, 100)
    await office.settle(first, TokenUsage(input_tokens=100, output_tokens=0))
    await office.admit(100, 100)
    assert set(office.heard.policies) == {"local"}


async def test_a_stream_under_way_goes_on_within_the_local_share() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.LOCAL, local_share=30))
    lease = await office.admit(100, 100)
    office.store.away = True
    assert await office.governor.extend(office.terms, lease, 101) is None
    assert lease.covered == 201
    assert await office.governor.extend(office.terms, lease, 202) is None
    assert await office.governor.extend(office.terms, lease, 303) is None
    assert isinstance(await office.governor.extend(office.terms, lease, 404), BudgetExceeded)


async def test_a_stream_under_way_ends_where_its_budget_denies() -> None:
    office = Office(MONEY)
    lease = await office.admit(100, 100)
    office.store.away = True
    assert isinstance(await office.governor.extend(office.terms, lease, 101), StoreUnavailable)


async def test_settlements_wait_for_the_store() -> None:
    office = Office(TOKENS)
    lease = await office.admit()
    office.store.away = True
    await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=7))
    assert await office.stands() == [(0, 200, 800)]
    office.store.away = False
    await office.governor.close(1.0)
    assert await office.stands() == [(107, 0, 893)]


async def test_settlements_that_never_reach_the_store_are_counted() -> None:
    office = Office(TOKENS)
    lease = await office.admit()
    office.store.away = True
    office.governor.settle(lease, None, None)
    await office.governor.close(1.0)
    assert office.heard.lost == 1


async def test_a_caller_who_leaves_while_the_store_is_asked_holds_nothing() -> None:
    office = Office(TOKENS)
    asked, answer = asyncio.Event(), asyncio.Event()
    reserve = office.store.reserve

    async def slow(lease: str, ttl_ms: int, holds: Sequence[base.Hold]) -> base.Verdict:
        verdict = await reserve(lease, ttl_ms, holds)
        asked.set()
        await answer.wait()
        return verdict

    office.store.reserve = slow  # type: ignore[method-assign]
    admitting = asyncio.create_task(office.admit())
    await asked.wait()
    admitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await admitting
    await office.governor.close(1.0)
    assert await office.stands() == [(0, 0, 1000)]


async def test_a_local_limit_holds_for_as_long_as_the_store_is_away() -> None:
    office = Office(replace(SLOTS, store_away=StoreAway.LOCAL, local_share=100, amount=2))
    office.store.away = True
    for _ in range(2):
        await office.admit()
    for _ in range(3):
        office.clock.now += 50
        await office.governor.keep_alive()
        with pytest.raises(RateLimited):
            await office.admit()


async def test_what_is_held_without_the_store_is_held_there_when_it_is_back() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.LOCAL, local_share=50))
    office.store.away = True
    lease = await office.admit(100, 100)
    office.store.away = False
    await office.governor.keep_alive()
    assert await office.stands() == [(0, 200, 800)]
    await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=7))
    assert await office.stands() == [(107, 0, 893)]


async def test_a_stream_that_moved_here_is_kept_in_the_store_as_well() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.LOCAL, local_share=30))
    lease = await office.admit(100, 100)
    office.store.away = True
    assert await office.governor.extend(office.terms, lease, 101) is None
    office.store.away = False
    for _ in range(3):
        office.clock.now += 50
        await office.governor.keep_alive()
    assert await office.stands() == [(0, 200, 800)]


async def test_a_rule_that_allows_does_not_end_streams_either() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.ALLOW, amount=300))
    lease = await office.admit(100, 100)
    office.store.away = True
    for produced in (101, 500, 5000):
        assert await office.governor.extend(office.terms, lease, produced) is None
    late = await office.admit(100, 100)
    assert await office.governor.extend(office.terms, late, 5000) is None


async def test_the_local_share_is_whole_again_once_the_store_was_told_everything() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.LOCAL, local_share=20, amount=10_000))
    for _ in range(3):
        office.store.away = True
        lease = await office.admit(1000, 1000)
        with pytest.raises(BudgetExceeded):
            await office.admit(1, 1)
        office.store.away = False
        await office.settle(lease, TokenUsage(input_tokens=1000, output_tokens=1000))
    assert await office.stands() == [(6000, 0, 4000)]


async def test_the_local_share_is_not_renewed_while_the_store_waits_to_be_told() -> None:
    office = Office(replace(TOKENS, store_away=StoreAway.LOCAL, local_share=20, amount=10_000))
    office.store.away = True
    open_, done = await office.admit(500, 500), await office.admit(500, 500)
    office.store.away = False
    await office.settle(done, TokenUsage(input_tokens=500, output_tokens=500))
    office.store.away = True
    with pytest.raises(BudgetExceeded):
        await office.admit(1, 1)
    office.store.away = False
    await office.settle(open_, None)
    office.store.away = True
    await office.admit(1000, 1000)


async def test_what_the_worker_was_telling_the_store_when_it_ended_is_told_again() -> None:
    office = Office(TOKENS, retry_seconds=0.001)
    lease = await office.admit()
    office.store.away = True
    await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=7))
    asked = asyncio.Event()
    settle = office.store.inner.settle

    async def stuck(lease: str, charges: Sequence[base.Charge]) -> tuple[base.Position, ...] | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    office.store.settle = stuck  # type: ignore[method-assign]
    running = asyncio.create_task(office.governor.run())
    await asked.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    office.store.settle = settle  # type: ignore[method-assign]
    await office.governor.close(1.0)
    assert await office.stands() == [(107, 0, 893)]


async def test_a_lease_that_ends_while_it_is_kept_alive_is_charged_what_it_used() -> None:
    office = Office(TOKENS)
    office.governor = Governor(
        office.store,
        lambda: MemoryStore(office.clock),
        office.heard,
        office.clock,
        ttl_seconds=0.003,
        retry_seconds=0.001,
    )
    lease = await office.admit()
    touched, answer = asyncio.Event(), asyncio.Event()

    async def slow(lease: str, ttl_ms: int, parts: Sequence[base.Stretch]) -> base.Verdict:
        touched.set()
        await answer.wait()
        return await Fragile.extend(office.store, lease, ttl_ms, parts)

    office.store.extend = slow  # type: ignore[method-assign]
    running = asyncio.create_task(office.governor.run())
    await touched.wait()
    office.store.away = True
    office.governor.settle(lease, TokenUsage(input_tokens=100, output_tokens=7), None)
    await asyncio.sleep(0)  # the store was not told
    office.store.away = False
    answer.set()
    while (await office.stands())[0][1]:
        await asyncio.sleep(0)
    running.cancel()
    await office.governor.close(1.0)
    assert await office.stands() == [(107, 0, 893)]


async def test_of_two_limits_the_one_that_the_request_never_fits_is_told() -> None:
    slow = replace(RATE, name="slow", burst=1)
    office = Office(slow, replace(FLOW, burst=50))
    with pytest.raises(RateLimited) as first:
        await office.admit(100, 0)
    assert first.value.details["limit_name"] == "flow"
    office = Office(slow, FLOW)
    await office.admit(100, 0)
    with pytest.raises(RateLimited) as caught:
        await office.admit(700, 0)
    assert caught.value.headers["x-should-retry"] == "false"


async def test_a_provider_who_counts_beyond_all_bounds_uses_up_what_there_can_be() -> None:
    office = Office(TOKENS, MONEY)
    lease = await office.admit()
    await office.settle(lease, TokenUsage(input_tokens=100, output_tokens=10**30))
    assert [spent for spent, _, _ in await office.stands()] == [base.MOST, base.MOST]
