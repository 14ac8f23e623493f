import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from extproc.store.base import Charge, Hold, Position, Store
from extproc.store.memory import MemoryStore
from tests.store.contract import (
    DAY_MS,
    HOUR_MS,
    START_MS,
    TTL_MS,
    LedgerContract,
    RegistryContract,
    bucket,
    budget,
    concurrency,
    exactly,
    extend,
    reserve,
    settle,
    spend,
    standing,
)
from tests.store.metered import MeteredContract


class TimedMemory:
    """A `Timed` store whose clock is set by hand."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.store: Store = MemoryStore(lambda: self.now_ms / 1000)

    async def advance(self, ms: int) -> None:
        self.now_ms += ms


@pytest.fixture
def store() -> TimedMemory:
    return TimedMemory()


class TestLedger(LedgerContract):
    pass


class TestMeteredStreams(MeteredContract):
    pass


class TestRegistry(RegistryContract):
    pass


class TestWhatIsForgotten:
    async def test_that_a_lease_was_settled_is_forgotten_after_an_hour(self, store: TimedMemory) -> None:
        await spend(store, "a", budget(), 10)
        await store.advance(HOUR_MS - 1)
        assert await settle(store, "a", Charge(budget(), 10, 10)) is None
        await store.advance(HOUR_MS)

        assert await settle(store, "a", Charge(budget(), 10, 10)) == (Position(spent=20, remaining=80),)

    async def test_an_expired_lease_is_forgotten_after_a_day(self, store: TimedMemory) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(1000)
        assert await standing(store, budget()) == Position(spent=40, remaining=60)
        await store.advance(DAY_MS)

        assert await settle(store, "a", Charge(budget(), 40, 15)) == (Position(spent=55, remaining=45),)

    async def test_a_lease_that_came_back_is_not_forgotten_with_its_first_expiry(self, store: TimedMemory) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(1000)
        assert (await standing(store, budget())).spent == 40
        await extend(store, "a", ttl_ms=DAY_MS + HOUR_MS)
        await store.advance(DAY_MS)

        assert await standing(store, budget()) == Position(reserved=40, remaining=60)
        assert await settle(store, "a", Charge(budget(), 40, 15)) == (Position(spent=15, remaining=85),)

    async def test_a_lease_is_remembered_from_its_last_expiry(self, store: TimedMemory) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(1000)
        await standing(store, budget())
        await extend(store, "a", ttl_ms=HOUR_MS)
        await store.advance(HOUR_MS)
        await standing(store, budget())
        await store.advance(DAY_MS - 1)

        assert await settle(store, "a", Charge(budget(), 40, 15)) == (Position(spent=15, remaining=85),)

    async def test_a_lease_whose_second_expiry_nobody_noticed_is_not_forgotten(self, store: TimedMemory) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(1000)
        await standing(store, budget())
        await extend(store, "a", ttl_ms=HOUR_MS)
        await store.advance(2 * DAY_MS)

        assert await settle(store, "a", Charge(budget(), 40, 15)) == (Position(spent=15, remaining=85),)

    async def test_a_budget_is_forgotten_when_it_says_so_and_not_before(self, store: TimedMemory) -> None:
        june, july = budget("june", expires_ms=START_MS + HOUR_MS), budget("july", expires_ms=START_MS + DAY_MS)
        await spend(store, "a", june, 30)
        await spend(store, "b", july, 40)
        await store.advance(HOUR_MS)

        assert await store.store.read((june, july)) == (Position(remaining=100), Position(spent=40, remaining=60))

    async def test_nothing_is_forgotten_that_a_lease_holds(self, store: TimedMemory) -> None:
        june = budget("june", expires_ms=START_MS + 1000)
        await reserve(store, "a", exactly(june, 30), exactly(concurrency(3), 1), ttl_ms=DAY_MS)
        await store.advance(HOUR_MS)

        for n in range(200):
            await spend(store, f"lease-{n}", budget(f"other-{n}"), 1)

        assert await store.store.read((june, concurrency(3))) == (
            Position(reserved=30, remaining=70),
            Position(reserved=1, remaining=2),
        )

    async def test_only_the_last_ten_thousand_changes_are_kept(self, store: TimedMemory) -> None:
        for n in range(10_001):
            await store.store.put("key", f"k{n % 7}", b"{}", expected=None)

        assert not (await store.store.changes(1)).whole
        await store.store.put("key", "k0", b"{}", expected=None)
        assert (await store.store.changes(1)).whole
        assert len((await store.store.changes(1)).records) == 7


class TestMemory:
    """What requests leave behind does not add up; each account or lease that stayed would take hundreds of bytes."""

    async def test_accounts_that_nobody_uses_any_more_take_no_room(self, store: TimedMemory) -> None:
        async def request(n: int) -> None:
            accounts = (
                bucket(key=f"bucket-{n}"),
                concurrency(3, f"under-way-{n}"),
                budget(f"rolling-{n}", window_ms=60_000),
                budget(f"calendar-{n}", expires_ms=store.now_ms + 60_000),
            )
            await store.store.reserve(f"lease-{n}", TTL_MS, [exactly(account, 1) for account in accounts])
            await store.store.settle(f"lease-{n}", [Charge(account, 1, 1) for account in accounts])
            await store.advance(10_000)

        assert await _growth(request) < 100_000

    async def test_leases_whose_holders_died_take_no_room(self, store: TimedMemory) -> None:
        async def request(n: int) -> None:
            await reserve(store, f"lease-{n}", exactly(budget(f"b-{n}", expires_ms=store.now_ms + 60_000), 1))
            await store.advance(HOUR_MS)

        assert await _growth(request) < 100_000

    async def test_what_was_only_asked_for_takes_no_room(self, store: TimedMemory) -> None:
        async def request(n: int) -> None:
            await reserve(store, f"lease-{n}", exactly(budget(f"budget-{n}", limit=0), 1))
            await standing(store, budget(f"unused-{n}"))

        assert await _growth(request) < 100_000


async def _growth(request: Callable[[int], Awaitable[None]]) -> int:
    """How many bytes more there are after three thousand requests than after one thousand."""
    tracemalloc.start()
    try:
        for n in range(1000):
            await request(n)
        before, _ = tracemalloc.get_traced_memory()
        for n in range(1000, 3000):
            await request(n)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


class TestReconfiguration:
    async def test_a_bucket_keeps_its_tokens_when_its_period_changes(self, store: TimedMemory) -> None:
        await reserve(store, "a", exactly(bucket(capacity=10, rate=10, period_ms=1000), 7))

        assert await standing(store, bucket(capacity=10, rate=600, period_ms=60_000)) == Position(
            remaining=3, full_ms=700
        )

    async def test_a_larger_bucket_fills_from_what_is_there(self, store: TimedMemory) -> None:
        await reserve(store, "a", exactly(bucket(capacity=10), 7))

        assert (await standing(store, bucket(capacity=100))).remaining == 3

    async def test_a_shorter_window_forgets_what_is_older(self, store: TimedMemory) -> None:
        await spend(store, "a", budget(window_ms=HOUR_MS), 30)
        await store.advance(5 * 60_000)
        await spend(store, "b", budget(window_ms=HOUR_MS), 10)

        assert (await standing(store, budget(window_ms=60_000))).spent == 10

    async def test_what_was_spent_for_good_is_spent_now_for_a_window_that_is_new(self, store: TimedMemory) -> None:
        await spend(store, "a", budget(), 30)
        await store.advance(DAY_MS)
        minute = budget(window_ms=60_000)

        assert (await standing(store, minute)).spent == 30
        await store.advance(61_000)
        assert (await standing(store, minute)).spent == 0

    async def test_what_is_in_a_window_is_spent_for_good_without_it(self, store: TimedMemory) -> None:
        await spend(store, "a", budget(window_ms=60_000), 30)
        assert (await standing(store, budget())).spent == 30
        await store.advance(DAY_MS)

        assert (await standing(store, budget())).spent == 30

    async def test_what_a_lease_held_expires_by_the_limits_of_today(self, store: TimedMemory) -> None:
        await reserve(store, "a", Hold(budget(limit=100), 40, 40), ttl_ms=1000)
        lowered = budget(limit=30)
        assert (await standing(store, lowered)).remaining == -10
        await store.advance(1001)

        assert await standing(store, lowered) == Position(spent=40, remaining=-10)
