import asyncio

import pytest

from extproc.store.base import Budget
from tests.store.conftest import TimedRedis
from tests.store.contract import (
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
    spend,
    standing,
)
from tests.store.servers import Server


@pytest.fixture
def store(timed_redis: TimedRedis) -> TimedRedis:
    return timed_redis


class TestLedger(LedgerContract):
    pass


class TestRegistry(RegistryContract):
    async def test_a_large_registry_comes_in_pages(self, store: TimedRedis) -> None:
        first = await store.store.put("key", "first", b"{}", expected=None)
        await asyncio.gather(*(store.store.put("key", f"k{n}", b"{}", expected=0) for n in range(1200)))

        everything = await store.store.changes(0)
        later = await store.store.changes(first)

        assert (everything.whole, len(everything.records)) == (True, 1201)
        assert (later.whole, len(later.records)) == (False, 1200)
        assert everything.version == later.version == later.records[-1].version

    async def test_what_somebody_else_wrote_there_does_not_keep_a_reader_from_the_rest(
        self, store: TimedRedis, timed_server: Server
    ) -> None:
        version = await store.store.put("key", "ours", b"{}", expected=None)
        records = f"{store.prefix}:{{registry}}:records"
        with timed_server.client() as theirs:
            theirs.hset(records, mapping={"key:theirs": "garbage", b"\xff": "1:{}"})

        everything = await store.store.changes(0)

        found = {(each.kind, each.id): (each.version, each.data) for each in everything.records}
        assert found["key", "ours"] == (version, b"{}")
        assert found["key", "theirs"] == (0, b"garbage")
        assert await store.store.put("key", "theirs", b"{}", expected=0) > version

    async def test_a_reader_who_was_away_for_too_many_changes_reads_everything(self, store: TimedRedis) -> None:
        seen = await store.store.put("key", "k1", b"{}", expected=None)
        for _ in range(20):
            await asyncio.gather(*(store.store.put("key", "k1", b"{}", expected=None) for _ in range(500)))

        changes = await store.store.changes(seen)

        assert changes.whole
        assert [(record.id, record.version) for record in changes.records] == [("k1", changes.version)]

    async def test_a_reader_who_saw_what_a_failover_lost_reads_everything(
        self, store: TimedRedis, timed_server: Server
    ) -> None:
        await store.store.put("key", "kept", b"{}", expected=None)
        lost = await store.store.put("key", "lost", b"{}", expected=None)
        forget(timed_server, store, "lost")
        await store.advance(1000)
        await asyncio.gather(*(store.store.put("key", f"k{n}", b"{}", expected=0) for n in range(5)))

        changes = await store.store.changes(lost)

        assert changes.whole
        assert len(changes.records) == 6


class TestKeys:
    """What is left on the server: nothing that is not needed."""

    async def test_a_full_bucket_and_an_empty_budget_need_no_key(self, store: TimedRedis, timed_server: Server) -> None:
        await spend(store, "a", bucket(capacity=10, rate=10), 4)
        await spend(store, "b", concurrency(3), 1)
        await store.advance(401)
        await standing(store, bucket())

        assert accounts_on(timed_server, store) == []

    async def test_leases_are_forgotten_in_time(self, store: TimedRedis, timed_server: Server) -> None:
        await spend(store, "settled", budget(), 4)
        await reserve(store, "expired", exactly(budget(), 4), ttl_ms=1000)
        await store.advance(1001)
        await standing(store, budget())
        assert leases_on(timed_server, store) == ["expired", "settled"]

        await store.advance(HOUR_MS)
        assert leases_on(timed_server, store) == ["expired"]
        await store.advance(23 * HOUR_MS + 1)
        assert leases_on(timed_server, store) == []

    async def test_a_budget_of_a_calendar_window_is_forgotten_after_it(
        self, store: TimedRedis, timed_server: Server
    ) -> None:
        today = Budget("acme", "today", 100, expires_ms=START_MS + HOUR_MS)
        await spend(store, "a", today, 4)
        assert accounts_on(timed_server, store) == ["{acme}:budget:today"]

        await store.advance(HOUR_MS + 1)

        assert accounts_on(timed_server, store) == []

    async def test_a_rolling_window_is_forgotten_a_day_after_its_last_use(
        self, store: TimedRedis, timed_server: Server
    ) -> None:
        await spend(store, "a", budget("rolling", window_ms=60_000), 4)

        await store.advance(25 * HOUR_MS)

        assert accounts_on(timed_server, store) == []


class TestRolling:
    @pytest.mark.parametrize(("before_ms", "after_ms"), [(0, 60_000), (60_000, HOUR_MS), (HOUR_MS, 60_000)])
    async def test_what_was_spent_counts_when_the_window_has_a_new_length(
        self, store: TimedRedis, before_ms: int, after_ms: int
    ) -> None:
        await spend(store, "a", budget(window_ms=before_ms), 30)
        changed = budget(window_ms=after_ms)

        assert (await standing(store, changed)).spent == 30
        await spend(store, "b", changed, 10)
        assert (await standing(store, changed)).spent == 40

        await store.advance(2 * after_ms)
        assert (await standing(store, changed)).spent == 0


async def test_an_account_named_twice_is_not_overdrawn(store: TimedRedis) -> None:
    twice = (exactly(budget(), 60), exactly(budget(), 60))

    assert not (await reserve(store, "a", *twice)).admitted
    assert (await reserve(store, "b", exactly(budget(), 50), exactly(budget(), 50))).admitted
    assert (await standing(store, budget())).reserved == 100


async def test_a_lease_without_accounts_is_still_a_lease(store: TimedRedis) -> None:
    assert (await reserve(store, "a")).admitted
    assert (await extend(store, "a", ttl_ms=TTL_MS)).admitted
    assert await store.store.settle("a", ()) == ()
    assert await store.store.settle("a", ()) is None


def accounts_on(server: Server, store: TimedRedis) -> list[str]:
    return [name for name in names_on(server, store) if ":bucket:" in name or ":budget:" in name]


def leases_on(server: Server, store: TimedRedis) -> list[str]:
    return [name.removeprefix("lease:") for name in names_on(server, store) if name.startswith("lease:")]


def names_on(server: Server, store: TimedRedis) -> list[str]:
    """The keys of this store, without their prefix."""
    with server.client() as client:
        keys = [key.decode() for key in client.keys(f"{store.prefix}:*")]
        return sorted(key.removeprefix(f"{store.prefix}:") for key in keys if client.exists(key))


def forget(server: Server, store: TimedRedis, id: str) -> None:
    """Undoes the last change of the registry, as a failover does that comes too early."""
    with server.client() as client:
        client.hdel(f"{store.prefix}:{{registry}}:records", f"key:{id}")
        client.zpopmax(f"{store.prefix}:{{registry}}:log")
