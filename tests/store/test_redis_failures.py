"""What the store does when its server does not: never hang, never guess, and be back as soon as the server is."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from extproc.config.model import RedisMode, RedisOptions, Secret, TlsOptions
from extproc.store.base import Budget, Charge, Hold, Position, StoreAway, Stretch
from extproc.store.redis import RedisStore
from tests.ports import free_port
from tests.store.conftest import PATIENCE_MS
from tests.store.servers import (
    Proxy,
    Server,
    certificate,
    data_server,
    replica_server,
    sentinel_server,
)

TTL_MS = 60_000
BUDGET = Budget("acme", "budget", 100)


class Steps:
    """A monotonic clock that a test moves: no pause of the circuit takes real time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Opened:
    """A store, its clock, and what it told of its being there."""

    def __init__(self, options: RedisOptions) -> None:
        self.steps = Steps()
        self.told: list[bool] = []
        self.store = RedisStore(options, on_change=self.told.append, now=self.steps, chance=lambda: 0.0)

    async def take(self, lease: str, amount: int = 10) -> Position:
        verdict = await self.store.reserve(lease, TTL_MS, [Hold(BUDGET, amount, amount)])
        return verdict.positions[0]

    async def standing(self) -> Position:
        (position,) = await self.store.read([BUDGET])
        return position

    async def until_back(self) -> None:
        """Probes until one succeeds."""
        end = time.monotonic() + 10
        while not self.store.available:
            assert time.monotonic() < end
            self.steps.now += 2.0
            try:
                await self.standing()
            except StoreAway:
                await asyncio.sleep(0.05)


Open = Callable[[RedisOptions], Opened]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    stores: list[RedisStore] = []

    def open_one(options: RedisOptions) -> Opened:
        one = Opened(options)
        stores.append(one.store)
        return one

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """One that a test may kill."""
    server = data_server(tmp_path)
    yield server
    server.kill()


def to(*addresses: tuple[str, int], timeout_ms: int = PATIENCE_MS, wait_replicas: int = 0) -> RedisOptions:
    return RedisOptions(nodes=addresses, timeout_ms=timeout_ms, wait_replicas=wait_replicas)


class TestServerAway:
    async def test_nothing_is_asked_of_a_server_that_was_away_a_moment_ago(self, opened: Open) -> None:
        one = opened(to(("127.0.0.1", free_port())))

        with pytest.raises(StoreAway, match="ConnectionError"):
            await one.take("a")
        with pytest.raises(StoreAway, match="a moment ago"):
            await one.take("b")

        assert not one.store.available
        assert one.told == [False]

    async def test_a_server_that_was_started_again_knows_the_scripts_again(
        self, opened: Open, own_server: Server
    ) -> None:
        one = opened(to(own_server.address))
        await one.take("a")

        own_server.kill()
        with pytest.raises(StoreAway):
            await one.take("b")
        own_server.start()
        await one.until_back()

        assert await one.take("c") == Position(granted=10, reserved=10, remaining=90)
        assert one.told == [False, True]

    async def test_a_server_that_says_nothing_is_waited_for_no_longer_than_allowed(
        self, opened: Open, server: Server
    ) -> None:
        proxy = Proxy(server.address)
        one = opened(to(await proxy.open(), timeout_ms=100))
        await one.until_back()
        await one.standing()

        proxy.silent = True
        began = time.monotonic()
        answers = await asyncio.gather(*(one.take(f"lease-{n}") for n in range(200)), return_exceptions=True)

        assert all(isinstance(answer, StoreAway) for answer in answers)
        assert time.monotonic() - began < 1.0
        proxy.silent = False
        await one.until_back()
        await proxy.close()

    async def test_a_connection_that_cannot_be_made_in_time_is_given_up(self, opened: Open, server: Server) -> None:
        proxy = Proxy(server.address)
        proxy.silent = True
        address = await proxy.open()
        one = opened(RedisOptions(nodes=(address,), database=1, timeout_ms=100))

        with pytest.raises(StoreAway, match=r"TimeoutError|in time"):
            await one.take("a")
        await proxy.close()

    async def test_a_connection_that_the_server_closed_when_idle_is_made_anew(
        self, opened: Open, own_server: Server
    ) -> None:
        one = opened(to(own_server.address))
        await one.take("a")
        with own_server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        await asyncio.sleep(1.1)  # long enough to count as idle

        assert (await one.take("b")).granted == 10
        assert one.told == []

    async def test_a_master_that_became_a_replica_is_away(self, opened: Open, own_server: Server) -> None:
        one = opened(to(own_server.address))
        await one.take("a")
        with own_server.client() as client:
            client.replicaof("127.0.0.1", free_port())

            with pytest.raises(StoreAway):
                await one.take("b")
            assert not one.store.available
            client.replicaof("NO", "ONE")

        await one.until_back()
        assert (await one.take("b")).granted == 10

    async def test_data_that_is_not_the_stores_ails_only_who_asks_for_it(
        self, opened: Open, own_server: Server
    ) -> None:
        one = opened(to(own_server.address))
        with own_server.client() as client:
            client.set("llm:{acme}:budget:broken", "text")

        with pytest.raises(StoreAway, match="ResponseError"):
            await one.store.read([Budget("acme", "broken", 100)])

        assert one.store.available
        assert (await one.take("a")).granted == 10

    async def test_scripts_that_were_flushed_are_sent_again(self, opened: Open, server: Server) -> None:
        one = opened(RedisOptions(nodes=(server.address,), prefix="flushed", timeout_ms=PATIENCE_MS))
        await one.take("a")
        with server.client() as client:
            client.script_flush()

        positions = await asyncio.gather(*(one.take(f"lease-{n}") for n in range(5)))

        assert sorted(position.reserved for position in positions) == [20, 30, 40, 50, 60]

    async def test_a_change_that_no_replica_has_does_not_count(
        self, opened: Open, own_server: Server, tmp_path: Path
    ) -> None:
        one = opened(to(own_server.address, timeout_ms=500, wait_replicas=1))
        with pytest.raises(StoreAway):
            await one.take("a")

        replica = replica_server(tmp_path, own_server)
        await one.until_back()

        assert (await one.take("a")).reserved == 10  # the repetition of what had happened after all
        replica.kill()

    async def test_what_its_caller_gave_up_before_it_was_sent_does_not_happen(
        self, opened: Open, server: Server
    ) -> None:
        one = opened(RedisOptions(nodes=(server.address,), prefix="given-up", timeout_ms=PATIENCE_MS))
        giving_up = asyncio.ensure_future(one.take("a"))
        await asyncio.sleep(0)  # it waits for its turn now
        giving_up.cancel()

        assert await one.standing() == Position(remaining=100)


class TestAccess:
    async def test_a_user_needs_its_own_keys_only(self, opened: Open, own_server: Server) -> None:
        with own_server.client() as client:
            client.acl_setuser("gateway", enabled=True, passwords="+s3cret", keys=["llm:*"], commands=_COMMANDS)
            client.acl_setuser("default", enabled=False)
        one = opened(
            RedisOptions(
                nodes=(own_server.address,), username="gateway", password=Secret("s3cret"), timeout_ms=PATIENCE_MS
            )
        )

        assert (await one.take("a")).granted == 10
        await one.store.extend("a", TTL_MS, [Stretch(BUDGET, 10, 5)])
        await one.store.settle("a", [Charge(BUDGET, 15, 12)])
        version = await one.store.put("key", "k1", b"{}", expected=None)
        assert (await one.store.changes(0)).version == version

    async def test_a_wrong_password_is_in_no_error(self, opened: Open, own_server: Server) -> None:
        with own_server.client() as client:
            client.config_set("requirepass", "s3cret")
        one = opened(RedisOptions(nodes=(own_server.address,), password=Secret("wr0ng"), timeout_ms=PATIENCE_MS))

        with pytest.raises(StoreAway) as caught:
            await one.take("a")

        assert str(caught.value) == "the store is away: AuthenticationError"
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    async def test_the_certificate_is_verified(self, opened: Open, server: Server, tmp_path: Path) -> None:
        cert, key = certificate(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        proxy = Proxy(server.address)
        address = await proxy.open(context)

        trusting = opened(RedisOptions(nodes=(address,), tls=TlsOptions(str(cert)), prefix="tls", timeout_ms=2000))
        assert (await trusting.take("a")).granted == 10

        wary = opened(RedisOptions(nodes=(address,), tls=TlsOptions(), timeout_ms=PATIENCE_MS))
        with pytest.raises(StoreAway, match="ConnectionError"):
            await wary.take("a")
        await trusting.store.close()
        await proxy.close()

    async def test_a_unix_socket(self, opened: Open, tmp_path: Path) -> None:
        path = str(tmp_path / "redis.sock")
        server = data_server(tmp_path, "--unixsocket", path)
        one = opened(RedisOptions(unix_socket=path, timeout_ms=PATIENCE_MS))

        assert (await one.take("a")).granted == 10
        server.kill()


class TestBatches:
    async def test_calls_that_come_together_share_two_connections(self, opened: Open, server: Server) -> None:
        proxy = Proxy(server.address)
        one = opened(RedisOptions(nodes=(await proxy.open(),), prefix="shared", timeout_ms=PATIENCE_MS))

        positions = await asyncio.gather(*(one.take(f"lease-{n}", 1) for n in range(90)))

        assert sorted(position.reserved for position in positions) == list(range(1, 91))
        assert proxy.connections <= 2
        await one.store.close()
        await proxy.close()


class TestSentinel:
    async def test_a_master_that_dies_is_replaced(self, opened: Open, own_server: Server, tmp_path: Path) -> None:
        replica = replica_server(tmp_path, own_server)
        sentinel = sentinel_server(tmp_path, own_server, name="ours")
        addresses = (("127.0.0.1", free_port()), sentinel.address)  # one of them is down
        options = RedisOptions(RedisMode.SENTINEL, addresses, master_name="ours", timeout_ms=PATIENCE_MS)
        one = opened(options)
        await one.take("settled")
        await one.store.settle("settled", [Charge(BUDGET, 10, 10)])
        await one.take("replicated", 20)
        with own_server.client() as client:
            client.wait(1, 5000)

        own_server.kill()
        began = time.monotonic()
        with pytest.raises(StoreAway):
            await one.take("unlucky")
        await one.until_back()

        assert time.monotonic() - began < 8
        assert await one.standing() == Position(spent=10, reserved=20, remaining=70)
        assert await one.store.settle("settled", [Charge(BUDGET, 10, 10)]) is None
        lost = await one.store.extend("lost", TTL_MS, [Stretch(BUDGET, 30, 5)])
        assert lost.positions == (Position(granted=5, spent=10, reserved=55, remaining=35),)
        await one.store.settle("lost", [Charge(BUDGET, 35, 33)])
        await one.store.settle("replicated", [Charge(BUDGET, 20, 7)])
        assert await one.standing() == Position(spent=50, remaining=50)
        assert one.told == [False, True]
        sentinel.kill()
        replica.kill()


_COMMANDS = [
    f"+{name}"
    for name in (
        "evalsha", "eval", "time", "get", "set", "del", "exists", "pexpire", "pexpireat", "persist", "hget", "hset",
        "hmget", "hdel", "hgetall", "hincrby", "hscan", "zadd", "zrem", "zcount", "zrangebyscore", "zrevrange",
        "zremrangebyrank",
    )
]  # fmt: skip
