"""Servers that the tests of the store share. Each test has keys of its own."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from extproc.config.model import RedisMode, RedisOptions
from extproc.store.redis import RedisStore
from tests.store.contract import START_MS
from tests.store.servers import Clock, Server, cluster, data_server

PATIENCE_MS = 2000
"""How long an operation may take where that is not what is tested: machines that run tests are slow."""


class TimedRedis:
    """A `Timed` store on servers whose clock is set by hand."""

    def __init__(self, options: RedisOptions, clock: Clock) -> None:
        clock.set(START_MS)
        self.store = RedisStore(options)
        self.topology = self.store._servers
        self.prefix = options.prefix
        self._clock = clock

    async def advance(self, ms: int) -> None:
        self._clock.advance(ms)


@pytest.fixture(scope="session")
def prefix_of() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"test-{next(numbers)}"


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock") / "now", START_MS)


@pytest.fixture(scope="session")
def timed_server(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("timed"), clock=clock)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("single"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[list[Server]]:
    servers = cluster(tmp_path_factory.mktemp("cluster"), clock)
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture
async def timed_redis(timed_server: Server, clock: Clock, prefix_of: Callable[[], str]) -> AsyncIterator[TimedRedis]:
    timed = TimedRedis(RedisOptions(nodes=(timed_server.address,), prefix=prefix_of(), timeout_ms=PATIENCE_MS), clock)
    yield timed
    await timed.store.close()


@pytest.fixture
async def timed_cluster(nodes: list[Server], clock: Clock, prefix_of: Callable[[], str]) -> AsyncIterator[TimedRedis]:
    addresses = tuple(node.address for node in nodes)
    timed = TimedRedis(RedisOptions(RedisMode.CLUSTER, addresses, prefix=prefix_of(), timeout_ms=PATIENCE_MS), clock)
    yield timed
    await timed.store.close()
