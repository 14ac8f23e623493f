import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
from redis.crc import key_slot

from extproc.config.model import RedisMode, RedisOptions
from extproc.store.base import Budget, Charge, Hold, PartlySettled, Position, StoreAway, Stretch
from extproc.store.redis import RedisStore
from extproc.store.redis_ledger import RedisLedger
from extproc.store.redis_requests import Keys
from extproc.store.redis_scripts import Script
from extproc.store.redis_server import Word
from extproc.store.redis_topology import Topology
from tests.ports import free_port
from tests.store.conftest import PATIENCE_MS, TimedRedis
from tests.store.contract import LedgerContract, RegistryContract, budget, exactly, extend, reserve, settle
from tests.store.servers import Server, cluster

TTL_MS = 60_000


@pytest.fixture
def store(timed_cluster: TimedRedis) -> TimedRedis:
    return timed_cluster


class TestLedger(LedgerContract):
    pass


class TestRegistry(RegistryContract):
    pass


class TestPartitions:
    """What a single server does in one step is several here."""

    async def test_more_is_given_back_where_another_partition_refuses(self, store: TimedRedis) -> None:
        wide, narrow = budget(partition="acme"), budget(partition="zenith", limit=50)
        await reserve(store, "a", exactly(wide, 40), exactly(narrow, 40))

        verdict = await extend(store, "a", Stretch(wide, 40, 11), Stretch(narrow, 40, 11))

        assert not verdict.admitted
        assert verdict.positions == (
            Position(reserved=40, remaining=60),
            Position(reserved=40, remaining=10, refused=True),
        )
        await settle(store, "a", Charge(wide, 40, 40), Charge(narrow, 40, 40))
        assert (await store.store.read([wide]))[0] == Position(spent=40, remaining=60)

    async def test_what_was_refused_elsewhere_may_be_reserved_later(self, store: TimedRedis) -> None:
        ours, theirs = budget(partition="acme"), budget(partition="zenith")
        await reserve(store, "a", exactly(theirs, 100))
        assert not (await reserve(store, "b", exactly(ours, 1), exactly(theirs, 1))).admitted
        await settle(store, "a", Charge(theirs, 100, 0))

        assert (await reserve(store, "b", exactly(ours, 1), exactly(theirs, 1))).admitted

    @pytest.mark.parametrize("partition", ["", "}", "{", "{}", "a}b", "%7D", "ünï", "a b\r\n"])
    async def test_any_name_is_a_partition(self, store: TimedRedis, partition: str) -> None:
        odd = budget(partition=partition)

        verdict = await reserve(store, "a", exactly(odd, 40), exactly(budget("other", partition=partition), 10))

        assert verdict.admitted
        assert (await store.store.read([odd]))[0] == Position(reserved=40, remaining=60)

    @pytest.mark.parametrize(
        ("elsewhere", "asked"),
        [(StoreAway("no answer in time"), True), (StoreAway("away a moment ago", asked=False), False)],
    )
    async def test_what_one_partition_may_have_reserved_is_not_taken_for_never_asked(
        self, elsewhere: StoreAway, asked: bool
    ) -> None:
        away = StoreAway("away a moment ago", asked=False)
        ledger = RedisLedger(_Away({"{acme}": away, "{zenith}": elsewhere}), Keys("llm", together=False))

        with pytest.raises(StoreAway) as caught:
            await ledger.reserve(
                "a", TTL_MS, [exactly(budget(partition="acme"), 1), exactly(budget(partition="zenith"), 1)]
            )

        assert caught.value.asked is asked

    async def test_what_some_partitions_have_settled_is_not_settled_there_again(self, store: TimedRedis) -> None:
        ours, theirs = budget(partition="acme"), budget(partition="zenith")
        await reserve(store, "a", exactly(ours, 40), exactly(theirs, 30))
        ledger = RedisLedger(_PartlyAway(store.topology, "{zenith}"), Keys(store.prefix, together=False))

        with pytest.raises(PartlySettled) as caught:
            await ledger.settle("a", [Charge(theirs, 30, 10), Charge(ours, 40, 15)])

        assert (caught.value.left, caught.value.asked) == ((0,), False)
        assert caught.value.settled == {1: Position(spent=15, remaining=85)}
        assert await settle(store, "a", Charge(theirs, 30, 10)) == (Position(spent=10, remaining=90),)
        assert await store.store.read([ours, theirs]) == (
            Position(spent=15, remaining=85),
            Position(spent=10, remaining=90),
        )

    async def test_what_was_settled_before_is_not_left_either(self, store: TimedRedis) -> None:
        ours, theirs = budget(partition="acme"), budget(partition="zenith")
        await settle(store, "a", Charge(ours, 40, 15))
        ledger = RedisLedger(_PartlyAway(store.topology, "{zenith}"), Keys(store.prefix, together=False))

        with pytest.raises(PartlySettled) as caught:
            await ledger.settle("a", [Charge(ours, 40, 15), Charge(theirs, 30, 10)])

        assert (caught.value.left, caught.value.settled) == ((1,), {})


class _PartlyAway:
    """A topology in which nobody has the keys of one hash tag."""

    available = False

    def __init__(self, topology: Topology, tag: str) -> None:
        self._topology = topology
        self._tag = tag

    async def call(self, script: Script | None, key: str, *words: Word) -> object:
        if self._tag in key:
            raise StoreAway("away a moment ago", asked=False)
        return await self._topology.call(script, key, *words)

    async def close(self) -> None: ...


class _Away:
    """A topology of which no node answers, by hash tag."""

    available = False

    def __init__(self, reasons: Mapping[str, StoreAway]) -> None:
        self._reasons = reasons

    async def call(self, script: Script | None, key: str, *words: Word) -> object:
        raise next(reason for tag, reason in self._reasons.items() if tag in key)

    async def close(self) -> None: ...


@pytest.fixture
def own_nodes(tmp_path: Path) -> Iterator[list[Server]]:
    """A cluster that a test may break."""
    servers = cluster(tmp_path)
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture
async def own_store(own_nodes: list[Server]) -> AsyncIterator[RedisStore]:
    addresses = (("127.0.0.1", free_port()), own_nodes[0].address)  # one of them is down
    store = RedisStore(RedisOptions(RedisMode.CLUSTER, addresses, timeout_ms=PATIENCE_MS))
    yield store
    await store.close()


def partition_on(nodes: list[Server], number: int) -> str:
    """A name whose slot that node has."""
    each = -(-16384 // len(nodes))
    names = (f"partition-{n}" for n in itertools.count())
    return next(name for name in names if key_slot(name.encode()) // each == number)


class TestNodes:
    async def test_a_node_that_dies_takes_no_other_with_it(
        self, own_nodes: list[Server], own_store: RedisStore
    ) -> None:
        here, there = (Budget(partition_on(own_nodes, number), "budget", 100) for number in (0, 2))
        assert (await own_store.reserve("a", TTL_MS, [Hold(here, 10, 10), Hold(there, 10, 10)])).admitted

        own_nodes[2].kill()
        for lease in ("b", "c"):
            with pytest.raises(StoreAway):
                await own_store.reserve(lease, TTL_MS, [Hold(here, 20, 20), Hold(there, 20, 20)])

        assert not own_store.available
        assert await own_store.read([here]) == (Position(reserved=10, remaining=90),)
        assert (await own_store.reserve("d", TTL_MS, [Hold(here, 90, 90)])).admitted

    async def test_a_slot_that_has_moved_is_found_again(self, own_nodes: list[Server], own_store: RedisStore) -> None:
        moving = Budget(partition_on(own_nodes, 0), "budget", 100)
        await own_store.read([moving])
        with own_nodes[1].client() as client:
            new_owner = client.cluster("MYID").decode()
        for node in (own_nodes[1], own_nodes[0], own_nodes[2]):
            with node.client() as client:
                client.cluster("SETSLOT", key_slot(moving.partition.encode()), "NODE", new_owner)

        with pytest.raises(StoreAway, match="MovedError"):
            await own_store.reserve("a", TTL_MS, [Hold(moving, 10, 10)])

        assert own_store.available
        for _ in range(100):  # until it has asked
            try:
                verdict = await own_store.reserve("a", TTL_MS, [Hold(moving, 10, 10)])
                break
            except StoreAway:
                continue
        assert verdict.positions == (Position(granted=10, reserved=10, remaining=90),)

    async def test_a_cluster_of_which_no_node_answers_is_away(self) -> None:
        store = RedisStore(RedisOptions(RedisMode.CLUSTER, (("127.0.0.1", free_port()),), timeout_ms=PATIENCE_MS))

        with pytest.raises(StoreAway, match="no node"):
            await store.read([budget()])
        with pytest.raises(StoreAway, match="a moment ago"):
            await store.read([budget()])

        assert not store.available
        await store.close()
