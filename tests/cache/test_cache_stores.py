"""Where entries are kept: what both stores do alike, and what each does by itself. Redis is a real one."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from extproc.cache.base import Cache, Slot
from extproc.cache.key import Key, Keyring, Partition
from extproc.cache.memory import MemoryCache
from extproc.cache.redis import RedisCache
from extproc.config.model import RedisOptions
from extproc.store.base import StoreAway
from tests.store.servers import Proxy, Server, data_server

KEYRING = Keyring(b"s" * 32)
_NUMBERS = itertools.count(1)
PATIENT_MS = 2000
"""How long an operation may take where that is not what is tested: machines that run tests are slow."""


def key(question: str = "q", tenant: str = "acme", route: str = "chat") -> Key:
    return KEYRING.key(Partition(tenant, route, "gpt", "v1", "openai", "/chat/completions"), question.encode())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counter:
    def __init__(self) -> None:
        self.failures = 0

    def __call__(self) -> None:
        self.failures += 1


def redis_cache(address: tuple[str, int], *, failed: Callable[[], None] | None = None, **options: int) -> RedisCache:
    tokens = (f"token{number}" for number in _NUMBERS)
    prefix = f"test-{next(_NUMBERS)}"
    return RedisCache(
        RedisOptions(nodes=(address,), prefix=prefix, timeout_ms=PATIENT_MS),
        token=lambda: next(tokens),
        failed=failed or Counter(),
        most_ms=options.get("most_ms", PATIENT_MS),
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("cache"))
    yield server
    server.kill()


@pytest.fixture(params=["memory", "redis"])
async def cache(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Cache]:
    cache: Cache = MemoryCache(1 << 20, Clock()) if request.param == "memory" else redis_cache(server.address)
    yield cache
    await cache.close()


async def put(cache: Cache, where: Key, data: bytes = b"entry") -> None:
    slot = await cache.get(where)
    assert slot.stamp is not None
    assert await cache.put(where, data, slot.stamp, 60_000)


async def found(cache: Cache, where: Key) -> bytes | None:
    return (await cache.get(where)).data


async def test_what_was_put_is_found_under_its_key_alone(cache: Cache) -> None:
    data = b"line\nline\r\n\x00\xff"
    await put(cache, key(), data)
    assert await found(cache, key()) == data
    assert await found(cache, key("other")) is None
    assert await found(cache, key(tenant="other")) is None
    assert await found(cache, key(route="other")) is None


async def test_the_last_entry_counts(cache: Cache) -> None:
    await put(cache, key(), b"first")
    await put(cache, key(), b"second")
    assert await found(cache, key()) == b"second"


async def test_one_entry_is_dropped(cache: Cache) -> None:
    await put(cache, key())
    await put(cache, key("other"))
    await cache.purge("key", key().digest)
    assert await found(cache, key()) is None
    assert await found(cache, key("other")) == b"entry"


async def test_a_tenant_is_purged(cache: Cache) -> None:
    await put(cache, key())
    await put(cache, key(tenant="other"))
    await cache.purge("tenant", KEYRING.tenant("acme"))
    assert await found(cache, key()) is None
    assert await found(cache, key(tenant="other")) == b"entry"
    await put(cache, key(), b"new")
    assert await found(cache, key()) == b"new"


async def test_a_route_is_purged_for_all_tenants(cache: Cache) -> None:
    places = [key(tenant=tenant, route=route) for tenant in ("a", "b") for route in ("chat", "other")]
    for place in places:
        await put(cache, place)
    await cache.purge("route", KEYRING.route("chat"))
    assert [await found(cache, place) for place in places] == [None, b"entry", None, b"entry"]


async def test_everything_is_purged_and_purged_again(cache: Cache) -> None:
    for _ in range(2):
        await put(cache, key())
        await put(cache, key(tenant="other"))
        await cache.purge("all")
        assert await found(cache, key()) is None
        assert await found(cache, key(tenant="other")) is None


@pytest.mark.parametrize("what", ["tenant", "route", "all"])
async def test_an_answer_that_was_under_way_during_a_purge_is_not_seen(cache: Cache, what: str) -> None:
    stamp = (await cache.get(key())).stamp
    assert stamp is not None
    names = {"tenant": KEYRING.tenant("acme"), "route": KEYRING.route("chat"), "all": ""}
    await cache.purge(what, names[what])  # type: ignore[arg-type]
    await cache.put(key(), b"old", stamp, 60_000)
    assert await found(cache, key()) is None


async def test_no_entry_crosses_partitions(cache: Cache) -> None:
    """Tenants x routes x questions, all in one store, each with its own entry."""
    words = ("", "a", "b", "ab", "a:b", "a}b")
    places = [(t, r, q) for t in words for r in words for q in words]
    for tenant, route, question in places:
        await put(cache, key(question, tenant, route), repr((tenant, route, question)).encode())
    for tenant, route, question in places:
        assert await found(cache, key(question, tenant, route)) == repr((tenant, route, question)).encode()
    await cache.purge("tenant", KEYRING.tenant("a"))
    left = {place for place in places if await found(cache, key(place[2], place[0], place[1])) is not None}
    assert left == {place for place in places if place[0] != "a"}


# Memory


async def test_memory_forgets_what_has_expired() -> None:
    clock = Clock()
    cache = MemoryCache(1 << 20, clock)
    await put(cache, key())
    clock.now += 59.9
    assert await found(cache, key()) == b"entry"
    clock.now += 0.1
    assert await found(cache, key()) is None
    assert (len(cache), cache.size) == (0, 0)


async def test_memory_lets_the_least_recently_used_go() -> None:
    cache = MemoryCache(3 * 1024, Clock())
    for name in ("a", "b", "c"):
        await put(cache, key(name), b"x" * 400)
    assert await found(cache, key("a")) is not None
    await put(cache, key("d"), b"x" * 400)
    assert [await found(cache, key(name)) is not None for name in "abcd"] == [True, False, True, True]


async def test_memory_does_not_empty_itself_for_what_it_cannot_hold() -> None:
    cache = MemoryCache(2048, Clock())
    await put(cache, key("small"))
    slot = await cache.get(key("large"))
    assert slot.stamp is not None
    assert not await cache.put(key("large"), b"x" * 2048, slot.stamp, 1000)
    assert await found(cache, key("small")) == b"entry"


async def test_a_million_keys_stay_within_the_bound() -> None:
    most = 4 << 20
    cache = MemoryCache(most, Clock())
    for number in range(1_000_000):
        await cache.put(Key("t", "r", str(number)), b"entry", b"0.0.0", 60_000)
    assert most - 1024 < cache.size <= most
    assert len(cache) == most // (5 + 512)
    assert await found(cache, Key("t", "r", "999999")) == b"entry"
    assert await found(cache, Key("t", "r", "0")) is None


# Redis


async def test_redis_entries_expire(server: Server) -> None:
    cache = redis_cache(server.address)
    await put(cache, key("that expires"))
    with server.client() as client:
        (name,) = client.keys(f"*{key('that expires').digest}*:entry")
        assert 0 < client.pttl(name) <= 60_000
    await cache.close()


async def test_a_lease_is_one_holders_until_it_is_released(server: Server) -> None:
    cache = redis_cache(server.address)
    assert await cache.lease(key(), "one", 60_000)
    assert not await cache.lease(key(), "two", 60_000)
    await cache.release(key(), "two")
    assert not await cache.lease(key(), "two", 60_000)
    await cache.release(key(), "one")
    assert await cache.lease(key(), "two", 60_000)
    await cache.close()


async def test_lost_generations_take_everything_with_them(server: Server) -> None:
    cache = redis_cache(server.address)
    await put(cache, key())
    with server.client() as client:
        client.delete(*client.keys("*generations*"))
    assert await found(cache, key()) is None
    await cache.close()


async def test_workers_that_begin_together_agree_on_the_generation(server: Server) -> None:
    options = RedisOptions(nodes=(server.address,), prefix=f"test-{next(_NUMBERS)}", timeout_ms=PATIENT_MS)
    workers = [
        RedisCache(options, token=lambda name=f"t{number}": name, failed=Counter(), most_ms=PATIENT_MS)  # type: ignore[misc]
        for number in range(8)
    ]
    slots = await asyncio.gather(*(worker.get(key()) for worker in workers))
    assert len({slot.stamp for slot in slots}) == 1
    for worker in workers:
        await worker.close()


async def test_a_server_that_is_not_there_is_a_miss_and_a_purge_says_so() -> None:
    counter = Counter()
    cache = redis_cache(("127.0.0.1", 1), failed=counter)
    assert await cache.get(key()) == Slot(None, None)
    assert not await cache.put(key(), b"x", b"s", 1000)
    assert await cache.lease(key(), "one", 1000)
    await cache.release(key(), "one")
    assert counter.failures == 4
    with pytest.raises(StoreAway):
        await cache.purge("all")
    with pytest.raises(StoreAway):
        await cache.purge("key", key().digest)
    await cache.close()


async def test_a_server_that_goes_silent_in_the_middle_is_a_miss_in_time(server: Server) -> None:
    counter = Counter()
    proxy = Proxy(server.address)
    cache = redis_cache(await proxy.open(), failed=counter, most_ms=200)
    await put(cache, key())
    proxy.silent = True
    began = time.monotonic()
    assert await cache.get(key()) == Slot(None, None)
    assert time.monotonic() - began < 1.0
    assert await cache.get(key()) == Slot(None, None)  # at once: the circuit is open
    assert time.monotonic() - began < 1.0
    assert counter.failures == 2
    await cache.close()
    await proxy.close()


async def test_nonsense_under_a_key_is_a_miss(server: Server) -> None:
    counter = Counter()
    cache = redis_cache(server.address, failed=counter)
    await put(cache, key())
    with server.client() as client:
        for name in client.keys("*:entry"):
            client.delete(name)
            client.lpush(name, "x")
    assert await found(cache, key()) is None
    assert counter.failures == 1
    await cache.close()
