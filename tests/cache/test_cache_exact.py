"""The exact cache as requests meet it: hits, misses, one question asked once, and everything that goes wrong."""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from extproc.apischema.endpoints import CHAT
from extproc.cache.base import Cache, Purged, Slot
from extproc.cache.broadcast import Broadcast, End
from extproc.cache.elsewhere import Leases, Watched
from extproc.cache.entry import Codec, Entry
from extproc.cache.exact import Event, ExactCache, Follower, Hit, Live, Miss, Pace, Question, Surroundings, Waiting
from extproc.cache.key import Key, Keyring, Partition
from extproc.cache.memory import MemoryCache
from extproc.cache.policy import Directive, Rules
from extproc.cache.redis import RedisCache
from extproc.config.model import RedisOptions
from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.store.base import StoreAway
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


# Followers that are given what comes while it comes


def streaming(form: str = "form", **directive: object) -> Question:
    return replace(question(**directive), waiting=Waiting.APART, form=form)


async def follower(cache: ExactCache, asked: Question) -> Follower:
    found = await cache.find(asked)
    assert isinstance(found, Follower)
    return found


async def everything(live: Live) -> bytes:
    pieces = []
    while piece := await live.listener.take():
        pieces.append(piece)
    return b"".join(pieces)


def begun(lead: Miss, form: str = "form") -> Broadcast:
    broadcast = lead.begin(form)
    assert broadcast is not None
    return broadcast


async def test_a_follower_gets_the_backlog_and_then_what_comes() -> None:
    world = World()
    cache = exact(world)
    lead = await miss(cache, streaming())
    early = await follower(cache, streaming())
    broadcast = begun(lead)
    broadcast.add(b"one ")
    broadcast.add(b"two ")
    late = await follower(cache, streaming())
    for each in (early, late):
        found = await each.wait()
        assert isinstance(found, Live)
        assert await found.listener.take() == b"one two "
        each.found = found  # type: ignore[attr-defined]
    broadcast.add(b"three")
    broadcast.end()
    assert [await everything(each.found) for each in (early, late)] == [b"three", b"three"]  # type: ignore[attr-defined]
    assert await lead.answered(ANSWER, USAGE) == ""
    assert world.events == [Event.MISS, Event.COALESCED, Event.COALESCED, Event.KEPT]


@pytest.mark.parametrize("form", ["", "another"])
async def test_who_wants_another_form_waits_for_the_whole(form: str) -> None:
    cache = exact(World())
    lead = await miss(cache, streaming())
    waiting = asyncio.create_task((await follower(cache, streaming(form))).wait())
    begun(lead).add(b"one ")
    await asyncio.sleep(0)
    assert not waiting.done()
    await lead.answered(ANSWER, USAGE)
    found = await waiting
    assert isinstance(found, Hit)
    assert (found.entry.document, found.event) == (ANSWER, Event.COALESCED)


async def test_a_leader_that_fails_before_it_began_is_followed_by_one_other() -> None:
    world = World()
    cache = exact(world)
    lead = await miss(cache, streaming())
    waiting = [asyncio.create_task((await follower(cache, streaming())).wait()) for _ in range(3)]
    await asyncio.sleep(0)
    await lead.failed()
    promoted = await waiting[0]
    assert isinstance(promoted, Miss)
    broadcast = begun(promoted)
    broadcast.add(b"all")
    broadcast.end()
    for task in waiting[1:]:
        found = await task
        assert isinstance(found, Live)
        assert (await everything(found), found.listener.end) == (b"all", End.WHOLE)


async def test_a_leader_that_fails_in_the_middle_breaks_what_follows() -> None:
    cache = exact(World())
    lead = await miss(cache, streaming())
    found = await (await follower(cache, streaming())).wait() if begun(lead).open else None
    assert isinstance(found, Live)
    whole = asyncio.create_task((await follower(cache, streaming("other"))).wait())
    await asyncio.sleep(0)
    await lead.failed()
    assert (await everything(found), found.listener.end) == (b"", End.BROKEN)
    assert isinstance(await whole, Miss)


async def test_a_third_failure_sends_everyone_on() -> None:
    cache = exact(World())
    lead = await miss(cache, streaming())
    waiting = [asyncio.create_task((await follower(cache, streaming())).wait()) for _ in range(6)]
    await asyncio.sleep(0)
    for place in range(2):
        await lead.failed()
        promoted = await waiting[place]
        assert isinstance(promoted, Miss)
        lead = promoted
    assert not any(task.done() for task in waiting[2:])
    await lead.failed()
    assert {type(found) for found in await asyncio.gather(*waiting[2:])} == {Miss}


async def test_an_answer_that_is_not_kept_is_shared_while_it_comes() -> None:
    cache = exact(World())
    lead = await miss(cache, streaming())
    one = await follower(cache, streaming())
    whole = asyncio.create_task((await follower(cache, streaming(""))).wait())
    broadcast = begun(lead)
    broadcast.add(b"cut short")
    broadcast.end()
    assert await lead.answered(CUT, USAGE) != ""
    found = await one.wait()
    assert isinstance(found, Live)
    assert (await everything(found), found.listener.end) == (b"cut short", End.WHOLE)
    assert isinstance(await whole, Miss)  # nobody knows whether it can be said in another form


async def test_the_answer_to_other_words_is_given_as_such() -> None:
    cache, other = exact(World()), question("in other words").key
    lead = await miss(cache, streaming())
    waiting = asyncio.create_task((await follower(cache, streaming())).wait())
    await asyncio.sleep(0)
    lead.landed(Hit(Entry("/chat/completions", ANSWER, None, 1790000000.0 - 5, 60), 5, Event.SEMANTIC_HIT, other))
    await lead.failed()
    found = await waiting
    assert isinstance(found, Hit)
    assert (found.event, found.age, found.key) == (Event.SEMANTIC_HIT, 5, other)


async def test_a_follower_that_leaves_while_it_waits_is_not_promoted() -> None:
    cache = exact(World())
    lead = await miss(cache, streaming())
    first, second = [await follower(cache, streaming()) for _ in range(2)]
    waiting = asyncio.create_task(first.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await lead.failed()
    assert isinstance(await second.wait(), Miss)


async def test_a_follower_that_never_waited_is_not_promoted() -> None:
    cache = exact(World())
    lead = await miss(cache, streaming())
    first, second = [await follower(cache, streaming()) for _ in range(2)]
    first.leave()
    await lead.failed()
    assert isinstance(await second.wait(), Miss)


# Leases, held by hand


class OneLease:
    """The lease of one question, and what its holder shows. Operations wait while they are not `let`.

    While it is `away` no answer comes, though what was asked for may have been done.
    """

    def __init__(self) -> None:
        self.holder = ""
        self.pieces: list[bytes] = []
        self.away = False
        self.renewals = 0
        self.let = asyncio.Event()
        self.let.set()

    async def lease(self, key: Key, holder: str, ttl_ms: int) -> bool:
        await self.let.wait()
        self.holder = self.holder or holder
        return self.holder == holder

    async def renew(self, key: Key, holder: str, ttl_ms: int) -> bool:
        self.renewals += 1
        await self.let.wait()
        return True

    async def release(self, key: Key, holder: str) -> None:
        await self.let.wait()
        if self.holder == holder:
            self.holder = ""

    async def publish(self, key: Key, holder: str, start: int, pieces: list[bytes]) -> None:
        self.pieces += pieces[len(self.pieces) - start :]
        self._answer()

    async def watch(self, key: Key, holder: str, start: int) -> Watched:
        self._answer()
        return Watched(self.holder, tuple(self.pieces[start:]) if holder else ())

    def _answer(self) -> None:
        if self.away:
            raise StoreAway


def leasing(leases: Leases, cache: Cache | None = None) -> ExactCache:
    surroundings = replace(World().surroundings(), sleep=lambda _: asyncio.sleep(0.001), entropy=os.urandom)
    codec = Codec(KEYRING, surroundings.entropy)
    return ExactCache(cache or MemoryCache(1 << 20, time.monotonic), codec, surroundings, leases=leases)


async def cancelled(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_lease_is_given_up_whoever_waits_for_that() -> None:
    leases = OneLease()
    lead = await miss(leasing(leases), question())
    leases.let.clear()
    await asyncio.sleep(0)  # it is being renewed
    ending = asyncio.create_task(lead.give_up())
    await asyncio.sleep(0)
    await cancelled(ending)
    leases.let.set()
    await asyncio.sleep(0.01)
    renewals = leases.renewals
    await asyncio.sleep(0.01)
    assert (leases.holder, leases.renewals) == ("", renewals)


async def test_who_leaves_with_the_lease_in_hand_gives_it_up() -> None:
    leases, hold = OneLease(), asyncio.Event()
    leases.let.clear()
    hold.set()
    asking = asyncio.create_task(leasing(leases, Broken(Slot(), hold)).find(question()))
    await asyncio.sleep(0)
    hold.clear()  # for its second look, with the lease in hand
    leases.let.set()
    await asyncio.sleep(0.01)
    assert leases.holder
    await cancelled(asking)
    await asyncio.sleep(0.01)
    assert leases.holder == ""


async def test_a_stream_is_followed_across_a_moment_without_the_store() -> None:
    leases = OneLease()
    lead = await miss(leasing(leases), streaming())
    broadcast = begun(lead)
    broadcast.add(b"one ")
    found = await answer_of(leasing(leases), streaming())
    assert isinstance(found, Live)
    assert await found.listener.take() == b"one "
    leases.away = True
    broadcast.add(b"two ")
    await asyncio.sleep(0.02)
    broadcast.add(b"three")
    await asyncio.sleep(0.02)
    leases.away = False
    broadcast.end(USAGE)
    await lead.answered(ANSWER, USAGE)
    assert (await everything(found), found.listener.end, found.listener.usage) == (b"two three", End.WHOLE, USAGE)


async def test_a_store_that_stays_away_is_not_waited_for() -> None:
    leases = OneLease()
    lead = await miss(leasing(leases), streaming())
    begun(lead).add(b"one ")
    cache = leasing(leases)
    found = await answer_of(cache, streaming())
    assert isinstance(found, Live)
    assert await found.listener.take() == b"one "
    leases.away = True
    assert (await everything(found), found.listener.end) == (b"", End.BROKEN)
    await lead.failed()


# Several workers on one Redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("exact"))
    yield server
    server.kill()


_PREFIXES = (f"exact-{number}" for number in itertools.count(1))


class Workers:
    """Workers that share a store, with clocks that are right and sleeps that are short."""

    def __init__(self, server: Server, number: int, pace: Pace | None = None) -> None:
        self.world = World()
        self.prefix = next(_PREFIXES)
        options = RedisOptions(nodes=(server.address,), prefix=self.prefix, timeout_ms=2000)
        tokens = (f"t{each}" for each in itertools.count(1))
        self.stores = [
            RedisCache(options, token=lambda: next(tokens), failed=lambda: None, most_ms=2000) for _ in range(number)
        ]
        self.caches = [self._cache(store, seed, pace) for seed, store in enumerate(self.stores, 1)]

    def _cache(self, store: RedisCache, seed: int, pace: Pace | None) -> ExactCache:
        surroundings = Surroundings(
            time=time.time,
            monotonic=time.monotonic,
            sleep=lambda seconds: asyncio.sleep(seconds / 20),
            entropy=random.Random(seed).randbytes,
            count=self.world.events.append,
        )
        return ExactCache(store, Codec(KEYRING, surroundings.entropy), surroundings, pace, leases=store)

    async def __aenter__(self) -> list[ExactCache]:
        return self.caches

    async def __aexit__(self, *_: object) -> None:
        for store in self.stores:
            await store.close()


@pytest.mark.parametrize("asked", [question(), streaming()], ids=["here", "apart"])
async def test_workers_share_what_one_of_them_asked_for(server: Server, asked: Question) -> None:
    async with Workers(server, 2) as (one, two):
        lead = await miss(one, asked)
        waiting = asyncio.create_task(answer_of(two, asked))
        await asyncio.sleep(0.05)
        await lead.answered(ANSWER, USAGE)
        found = await waiting
        assert isinstance(found, Hit)
        assert found.event is Event.COALESCED


def shown_by(workers: Workers, client: Any) -> bytes:
    """The key of the one list of pieces that there is."""
    (shown,) = [key for key in client.scan_iter(f"{workers.prefix}:*") if client.type(key) == b"list"]
    assert isinstance(shown, bytes)
    return shown


async def answer_of(cache: ExactCache, asked: Question) -> Hit | Live | Miss:
    found = await cache.find(asked)
    return await found.wait() if isinstance(found, Follower) else found


async def test_a_stream_is_followed_from_another_worker(server: Server) -> None:
    async with Workers(server, 3) as (one, two, three):
        lead = await miss(one, streaming())
        broadcast = begun(lead)
        broadcast.add(b"one ")
        waiting = [asyncio.create_task(answer_of(cache, streaming())) for cache in (two, two, three)]
        lives = await asyncio.gather(*waiting)
        assert all(isinstance(live, Live) for live in lives)
        assert [await live.listener.take() for live in lives if isinstance(live, Live)] == [b"one "] * 3
        broadcast.add(b"two ")
        assert [await live.listener.take() for live in lives if isinstance(live, Live)] == [b"two "] * 3
        broadcast.add(b"three")
        broadcast.end()
        await lead.answered(ANSWER, USAGE)
        assert [await everything(live) for live in lives if isinstance(live, Live)] == [b"three"] * 3
        assert all(live.listener.end is End.WHOLE for live in lives if isinstance(live, Live))
        for cache in (one, two, three):
            kept = await cache.find(replace(streaming(), waiting=Waiting.NOT))
            assert isinstance(kept, Hit)


async def test_pieces_are_shown_once_however_often_they_are_sent(server: Server) -> None:
    workers, key = Workers(server, 1), question().key
    async with workers:
        (store,) = workers.stores
        await store.publish(key, "h", 0, [b"one"])
        await store.publish(key, "h", 0, [b"one"])
        await store.publish(key, "h", 0, [b"one", b"two"])
        await store.publish(key, "h", 2, [b"three"])
        await store.publish(key, "h", 5, [b"what came before is lost"])
        assert (await store.watch(key, "h", 0)).pieces == (b"one", b"two", b"three")


async def test_an_error_that_was_told_of_is_told_in_every_worker(server: Server) -> None:
    async with Workers(server, 2) as (one, two):
        lead = await miss(one, streaming())
        broadcast = begun(lead)
        broadcast.add(b"one ")
        found = await answer_of(two, streaming())
        assert isinstance(found, Live)
        assert await found.listener.take() == b"one "
        broadcast.add(b"error")
        broadcast.end_in_error()
        await lead.failed()
        assert (await everything(found), found.listener.end) == (b"error", End.ERROR)


async def test_what_is_shown_to_other_workers_is_sealed(server: Server) -> None:
    workers = Workers(server, 2)
    async with workers as (one, two):
        lead = await miss(one, streaming())
        begun(lead).add(b"one secret word")
        found = await answer_of(two, streaming())
        assert isinstance(found, Live)
        assert await found.listener.take() == b"one secret word"
        with server.client() as client:
            shown = client.lrange(shown_by(workers, client), 0, -1)
        assert len(shown) == 2
        assert not any(b"secret" in piece for piece in shown)
        await found.give_up()
        await lead.failed()


async def test_a_stream_that_breaks_in_another_worker_breaks_here_too(server: Server) -> None:
    async with Workers(server, 2) as (one, two):
        lead = await miss(one, streaming())
        begun(lead).add(b"one ")
        found = await answer_of(two, streaming())
        assert isinstance(found, Live)
        assert await found.listener.take() == b"one "
        await lead.failed()
        assert (await everything(found), found.listener.end) == (b"", End.BROKEN)


async def test_pieces_that_somebody_altered_are_not_given_on(server: Server) -> None:
    workers = Workers(server, 2)
    async with workers as (one, two):
        lead = await miss(one, streaming())
        begun(lead).add(b"one ")
        found = await answer_of(two, streaming())
        assert isinstance(found, Live)
        assert await found.listener.take() == b"one "
        with server.client() as client:
            client.rpush(shown_by(workers, client), b"p" + b"x" * 40)
        assert (await everything(found), found.listener.end) == (b"", End.BROKEN)
        await lead.failed()


@pytest.mark.parametrize("asked", [question(), streaming()], ids=["here", "apart"])
async def test_another_worker_takes_over_where_the_leader_failed(server: Server, asked: Question) -> None:
    async with Workers(server, 2) as (one, two):
        lead = await miss(one, asked)
        waiting = asyncio.create_task(answer_of(two, asked))
        await asyncio.sleep(0.05)
        await lead.failed()
        successor = await waiting
        assert isinstance(successor, Miss)
        assert await successor.answered(ANSWER, USAGE) == ""
        assert isinstance(await one.find(asked), Hit)


async def test_a_worker_that_died_is_not_waited_for(server: Server) -> None:
    workers = Workers(server, 2)
    async with workers as (_, two):
        assert await workers.stores[0].lease(question().key, "who died", 100)
        found = await answer_of(two, streaming())
        assert isinstance(found, Miss)
        assert Event.PROMOTED in workers.world.events
        await found.failed()


async def test_another_workers_leader_that_stalls_is_not_waited_for_here(server: Server) -> None:
    async with Workers(server, 2, Pace(patience=0.05)) as (one, two):
        stalled = await miss(one, question())
        alone = await miss(two, question())
        await alone.failed()
        await stalled.failed()
