"""The exact cache as requests meet it: hits, misses, one question asked once, and everything that goes wrong."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from extproc.apischema.endpoints import CHAT
from extproc.cache.base import Cache, Purged, Slot
from extproc.cache.entry import Codec, Entry
from extproc.cache.exact import Event, ExactCache, Hit, Miss, Pace, Question, Surroundings
from extproc.cache.key import Key, Keyring, Partition
from extproc.cache.memory import MemoryCache
from extproc.cache.policy import Directive, Rules
from extproc.cache.redis import RedisCache
from extproc.config.model import RedisOptions
from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage
from tests.store.servers import Server, data_server

KEYRING = Keyring(b"s" * 32)
ANSWER = msgspec.json.encode(
    {
        "id": "chatcmpl-1a",
        "object": "chat.completion",
        "created": 5,
        "model": "gpt",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)
CUT = ANSWER.replace(b'"stop"', b'"length"')
USAGE = TokenUsage(1, 1)


@dataclass
class World:
    """Time that the test sets, and counts."""

    now: float = 1790000000.0
    events: list[Event] = field(default_factory=list)

    def surroundings(self) -> Surroundings:
        return Surroundings(
            time=lambda: self.now,
            monotonic=lambda: self.now,
            sleep=self.sleep,
            entropy=random.Random(1).randbytes,
            count=self.events.append,
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def exact(world: World, cache: Cache | None = None, pace: Pace | None = None) -> ExactCache:
    surroundings = world.surroundings()
    codec = Codec(KEYRING, surroundings.entropy)
    return ExactCache(cache or MemoryCache(1 << 20, lambda: world.now), codec, surroundings, pace)


def question(text: str = "q", **directive: object) -> Question:
    key = KEYRING.key(Partition("acme", "chat", "gpt", "v1", "openai", "/chat/completions"), text.encode())
    return Question(CHAT, key, Rules(ttl_seconds=60), replace(Directive(), **directive))  # type: ignore[arg-type]


async def miss(cache: ExactCache, asked: Question) -> Miss:
    found = await cache.find(asked)
    assert isinstance(found, Miss)
    return found


async def hit(cache: ExactCache, asked: Question) -> Hit:
    found = await cache.find(asked)
    assert isinstance(found, Hit)
    return found


async def keep(cache: ExactCache, asked: Question) -> None:
    assert await (await miss(cache, asked)).answered(ANSWER, USAGE) == ""


async def test_the_second_request_gets_the_first_ones_answer() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    world.now += 12.7
    found = await hit(cache, question())
    assert (found.age, found.event, found.entry.usage) == (12, Event.HIT, USAGE)
    assert world.events == [Event.MISS, Event.KEPT, Event.HIT]


async def test_a_hit_is_delivered_whole_or_as_a_stream() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    found = await hit(cache, question())
    body = found.body(CHAT, {}, world.surroundings(), stream=False, wants_usage=False)
    fresh = msgspec.json.decode(body)
    assert fresh["id"] != "chatcmpl-1a"
    assert {**fresh, "id": "chatcmpl-1a", "created": 5} == msgspec.json.decode(ANSWER)
    stream = found.body(CHAT, {}, world.surroundings(), stream=True, wants_usage=True)
    assert stream.startswith(b'data: {"id":"chatcmpl-')
    assert stream.endswith(b"data: [DONE]\n\n")


async def test_two_hits_have_two_ids() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    found, surroundings = await hit(cache, question()), world.surroundings()
    bodies = {found.body(CHAT, {}, surroundings, stream=False, wants_usage=False) for _ in range(2)}
    assert len(bodies) == 2


async def test_an_answer_expires() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    world.now += 60
    await (await miss(cache, question())).failed()


async def test_a_shorter_ttl_counts_at_once() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    world.now += 30
    await (await miss(cache, replace(question(), rules=Rules(ttl_seconds=30)))).failed()


@pytest.mark.parametrize("refused", [CUT, b"{}", b"<html>", None])
async def test_what_is_not_kept_is_asked_for_again(refused: bytes | None) -> None:
    world = World()
    cache = exact(world)
    assert await (await miss(cache, question())).answered(refused, USAGE) != ""
    await (await miss(cache, question())).failed()
    assert Event.NOT_KEPT in world.events


async def test_an_answer_that_cannot_be_said_as_a_stream_is_not_kept() -> None:
    cache = exact(World())
    odd = ANSWER.replace(b'"index":0,', b"")
    assert await (await miss(cache, question())).answered(odd, USAGE) == "unrepeatable"


async def test_a_miss_that_ended_stays_ended() -> None:
    cache = exact(World())
    found = await miss(cache, question())
    await found.failed()
    assert await found.answered(ANSWER, USAGE) == "ended"
    await (await miss(cache, question())).failed()


async def test_no_cache_asks_again_and_keeps_the_new_answer() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    world.now += 10
    assert await (await miss(cache, question(lookup=False))).answered(ANSWER, USAGE) == ""
    assert (await hit(cache, question())).age == 0


async def test_no_store_keeps_nothing() -> None:
    cache = exact(World())
    found = await miss(cache, question(lookup=False, keep=False))
    assert await found.answered(ANSWER, USAGE) == "no_store"
    await (await miss(cache, question())).failed()


async def test_max_age_takes_no_older_answer() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    world.now += 10
    assert (await hit(cache, question(most_age=10))).age == 10
    await (await miss(cache, question(most_age=9))).failed()


async def test_only_if_cached_asks_nobody() -> None:
    cache = exact(World())
    with pytest.raises(UpstreamError) as caught:
        await cache.find(question(only_if_cached=True))
    assert caught.value.status == 504
    await keep(cache, question())
    assert (await hit(cache, question(only_if_cached=True))).event is Event.HIT


async def test_a_hundred_who_ask_the_same_ask_once() -> None:
    world = World()
    cache = exact(world)
    lead = await miss(cache, question())
    followers = [asyncio.create_task(cache.find(question())) for _ in range(99)]
    await asyncio.sleep(0)
    await lead.answered(ANSWER, USAGE)
    found = await asyncio.gather(*followers)
    assert all(isinstance(each, Hit) for each in found)
    assert world.events.count(Event.MISS) == 1
    assert world.events.count(Event.COALESCED) == 99


async def test_a_hundred_hits_at_once_are_hits() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    world.now += 1
    found = await asyncio.gather(*(cache.find(question()) for _ in range(100)))
    assert {each.event for each in found if isinstance(each, Hit)} == {Event.HIT}
    assert len(found) == 100


async def test_a_leader_that_fails_is_followed_by_one_other() -> None:
    world = World()
    cache = exact(world)
    lead = await miss(cache, question())
    followers = [asyncio.create_task(cache.find(question())) for _ in range(3)]
    await asyncio.sleep(0)
    await lead.failed()
    promoted = await followers[0]
    assert isinstance(promoted, Miss)
    assert not followers[1].done()
    await promoted.answered(ANSWER, USAGE)
    assert all(isinstance(each, Hit) for each in await asyncio.gather(*followers[1:]))
    assert world.events.count(Event.PROMOTED) == 1


async def test_an_answer_that_is_not_kept_is_not_shared_either() -> None:
    cache = exact(World())
    lead = await miss(cache, question())
    followers = [asyncio.create_task(cache.find(question())) for _ in range(3)]
    await asyncio.sleep(0)
    await lead.answered(CUT, USAGE)
    assert all(isinstance(each, Miss) for each in await asyncio.gather(*followers))


async def test_a_follower_takes_no_answer_that_is_too_old_for_it() -> None:
    world = World()
    cache = exact(world)
    await keep(cache, question())
    world.now += 10
    lead, follower = await asyncio.gather(cache.find(question()), cache.find(question(most_age=1)))
    assert isinstance(lead, Hit)
    assert isinstance(follower, Miss)


async def test_a_leader_that_stalls_is_not_waited_for() -> None:
    world = World()
    cache = exact(world, pace=Pace(patience=0.01))
    stalled = await miss(cache, question())
    alone = await miss(cache, question())
    assert Event.IMPATIENT in world.events
    assert await alone.answered(ANSWER, USAGE) == ""
    assert isinstance(await cache.find(question()), Hit)
    await stalled.failed()


async def test_who_has_waited_already_waits_no_longer_for_it() -> None:
    world = World()
    cache = exact(world, pace=Pace(patience=3600.0))
    stalled = await miss(cache, question())
    await (await miss(cache, replace(question(), waited=3600.0))).failed()
    assert Event.IMPATIENT in world.events
    await stalled.failed()


class Broken:
    """A cache whose `get` can be held up, and which may give what it likes."""

    def __init__(self, slot: Slot, hold: asyncio.Event | None = None) -> None:
        self.slot, self.hold = slot, hold

    async def get(self, key: Key) -> Slot:
        if self.hold is not None:
            await self.hold.wait()
        return self.slot

    async def put(self, key: Key, data: bytes, stamp: bytes, ttl_ms: int) -> bool:
        raise AssertionError("nothing can be put into a store that is away")

    async def lease(self, key: Key, holder: str, ttl_ms: int) -> bool:
        return True

    async def release(self, key: Key, holder: str) -> None: ...

    async def drop(self, key: Key) -> None: ...

    async def purge(self, what: Purged, name: str = "") -> None: ...

    async def close(self) -> None: ...


async def test_a_store_that_is_away_is_a_miss_and_followers_share_all_the_same() -> None:
    cache = exact(World(), Broken(Slot()))
    lead = await miss(cache, question())
    follower = asyncio.create_task(cache.find(question()))
    await asyncio.sleep(0)
    assert await lead.answered(ANSWER, USAGE) == ""
    assert isinstance(await follower, Hit)


@pytest.mark.parametrize(("data", "event"), [(b"\x01nonsense", Event.CORRUPT), (b"\x00old", Event.OLD_FORMAT)])
async def test_an_entry_that_does_not_open_is_a_miss_and_counted(data: bytes, event: Event) -> None:
    world = World()
    await (await miss(exact(world, Broken(Slot(data, b"s"))), question())).failed()
    assert world.events == [event, Event.MISS]


async def test_an_entry_of_another_key_is_a_miss() -> None:
    world = World()
    other = Codec(KEYRING, random.Random(9).randbytes).seal(
        question("other").key, Entry("/chat/completions", ANSWER, None, world.now, 60)
    )
    await (await miss(exact(world, Broken(Slot(other, b"s"))), question())).failed()
    assert world.events == [Event.CORRUPT, Event.MISS]


async def test_a_leader_that_leaves_while_it_looks_hands_over() -> None:
    world, hold = World(), asyncio.Event()
    cache = exact(world, Broken(Slot(), hold))
    leader = asyncio.create_task(cache.find(question()))
    await asyncio.sleep(0)
    follower = asyncio.create_task(cache.find(question()))
    await asyncio.sleep(0)
    leader.cancel()
    hold.set()
    assert isinstance(await follower, Miss)
    assert Event.PROMOTED in world.events


# Several workers on one Redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("exact"))
    yield server
    server.kill()


_PREFIXES = (f"exact-{number}" for number in itertools.count(1))


def workers(world: World, server: Server, *, number: int) -> tuple[list[ExactCache], list[RedisCache]]:
    options = RedisOptions(nodes=(server.address,), prefix=next(_PREFIXES), timeout_ms=2000)
    tokens = (f"t{each}" for each in itertools.count(1))
    stores = [RedisCache(options, token=lambda: next(tokens), failed=lambda: None, most_ms=2000) for _ in range(number)]
    seeds = itertools.count(1)
    caches = []
    for store in stores:
        surroundings = replace(world.surroundings(), entropy=random.Random(next(seeds)).randbytes)
        caches.append(ExactCache(store, Codec(KEYRING, surroundings.entropy), surroundings))
    return caches, stores


async def test_workers_share_what_one_of_them_asked_for(server: Server) -> None:
    world = World()
    (one, two), stores = workers(world, server, number=2)
    lead = await miss(one, question())
    waiting = asyncio.create_task(two.find(question()))
    while world.now < 1790000000.2:  # it looks now and then
        await asyncio.sleep(0.001)
    await lead.answered(ANSWER, USAGE)
    found = await waiting
    assert isinstance(found, Hit)
    assert found.event is Event.COALESCED
    for store in stores:
        await store.close()


async def test_another_worker_takes_over_where_the_leader_failed(server: Server) -> None:
    world = World()
    (one, two), stores = workers(world, server, number=2)
    lead = await miss(one, question())
    waiting = asyncio.create_task(two.find(question()))
    while world.now < 1790000000.1:
        await asyncio.sleep(0.001)
    await lead.failed()
    successor = await waiting
    assert isinstance(successor, Miss)
    assert await successor.answered(ANSWER, USAGE) == ""
    assert isinstance(await one.find(question()), Hit)
    for store in stores:
        await store.close()


async def test_another_workers_leader_that_stalls_is_not_waited_for(server: Server) -> None:
    world = World()
    (one, two), stores = workers(world, server, number=2)
    stalled = await miss(one, question())
    alone = await miss(two, question())
    assert world.now >= 1790000004.0
    await alone.failed()
    await stalled.failed()
    for store in stores:
        await store.close()
