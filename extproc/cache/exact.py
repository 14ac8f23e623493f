"""The exact cache as a request meets it: kept answers, answers that others wait for already, and the duty to ask.

`find` gives a `Hit`, or a `Miss`: then the answer has to be asked for, and the `Miss` must be told how that ended. All
who ask the same look once, ask once and share what comes: within one worker by `flight`, across workers by `elsewhere`.
Who can be given an answer while it comes gets a `Follower` at once, and waits as long as there is somebody to wait for;
anybody else waits in `find`, never longer than `Pace.patience`: whoever has, goes on alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import Any

from msgspec import Raw

from extproc.apischema.endpoints import EMBEDDINGS, Endpoint
from extproc.cache.base import Cache, Slot
from extproc.cache.broadcast import Broadcast, Listener, Room
from extproc.cache.document import renewed, with_usage
from extproc.cache.elsewhere import Herald, Leases, Watch
from extproc.cache.entry import Codec, Entry, Unreadable
from extproc.cache.flight import Flights, Landing, Lead, Seat
from extproc.cache.key import Key
from extproc.cache.policy import Directive, Rules, answer_refusal, not_cached
from extproc.cache.replay import replay
from extproc.cache.unrepeatable import Unrepeatable
from extproc.genai.usage import TokenUsage


class Event(StrEnum):
    """What happened, for counting."""

    HIT = "hit"
    COALESCED = "coalesced"
    MISS = "miss"
    CORRUPT = "corrupt"  # an entry that does not open, which is a miss
    OLD_FORMAT = "old_format"  # one of another version of the gateway, which is a miss
    PROMOTED = "promoted"  # a follower took over from a leader that failed
    IMPATIENT = "impatient"  # a follower waited long enough, or there was nothing to share
    BROKEN = "broken"  # a stream that was followed ended in the middle
    KEPT = "kept"
    NOT_KEPT = "not_kept"
    SEMANTIC_HIT = "semantic_hit"
    SEMANTIC_SAME = "semantic_same"  # a semantic hit was compared with a fresh answer
    SEMANTIC_DIFFERENT = "semantic_different"


@dataclass(frozen=True, slots=True)
class Pace:
    """`patience` is the most that a request waits in `find`, in seconds; it must be less than Envoy waits for us
    (`message_timeout`). `poll` is how often a worker looks for another worker's answer."""

    patience: float = 4.0
    poll: float = 0.05


class Waiting(Enum):
    """Whether a request waits for an identical one under way: in `find`, or apart, as a `Follower`."""

    NOT = "not"
    HERE = "here"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`time` is Unix time, `monotonic` the monotonic clock, both in seconds; `entropy` gives so many random bytes."""

    time: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    entropy: Callable[[int], bytes]
    count: Callable[[Event], None] = lambda event: None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how. `form` is that of the stream that is wanted: two streams of one form are the same bytes.
    Empty for a whole answer. `waited` are the seconds that the request has been kept waiting already."""

    endpoint: Endpoint
    key: Key
    rules: Rules = field(default_factory=Rules)
    directive: Directive = field(default_factory=Directive)
    waiting: Waiting = Waiting.HERE
    form: str = ""
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer. `age` is in whole seconds, `event` HIT, COALESCED or SEMANTIC_HIT, `key` what it is kept under."""

    entry: Entry
    age: int
    event: Event
    key: Key

    async def give_up(self) -> None:
        """Nobody wants it any more."""

    def body(
        self,
        endpoint: Endpoint,
        request: Mapping[str, Raw],
        surroundings: Surroundings,
        *,
        stream: bool,
        wants_usage: bool,
    ) -> bytes:
        """The answer for one caller: JSON, or the events of a stream."""
        document = renewed(endpoint, self.entry.document, request, surroundings.time(), surroundings.entropy)
        return replay(endpoint, document, wants_usage=wants_usage) if stream else document


@dataclass(frozen=True, slots=True)
class Live:
    """An answer that is coming."""

    listener: Listener

    async def give_up(self) -> None:
        """Nobody wants it any more."""
        self.listener.leave()


class ExactCache:
    """For one event loop. `leases` are what workers share; None where there is one worker. `room` bounds what is kept
    of streams under way."""

    def __init__(
        self,
        cache: Cache,
        codec: Codec,
        surroundings: Surroundings,
        pace: Pace | None = None,
        leases: Leases | None = None,
        room: Room | None = None,
    ) -> None:
        self._cache = cache
        self._surroundings = surroundings
        self._pace = pace or Pace()
        self._flights = Flights(room)
        self._search = _Search(cache, codec, surroundings, self._pace, leases)

    async def find(self, question: Question) -> "Hit | Miss | Follower":
        """Raises the answer to `only-if-cached`, where there is none. Cancelled, it leaves nobody waiting."""
        found = await self._find(question)
        if isinstance(found, Follower) and question.waiting is Waiting.HERE:
            found = await found.whole(max(0.0, self._pace.patience - question.waited))
        if not isinstance(found, Follower):
            self._surroundings.count(found.event if isinstance(found, Hit) else Event.MISS)
        return found

    async def of_other_words(self, question: Question, key: Key) -> Hit | None:
        """The answer under another question's key, if it is one for this question by age. Nobody is waited for."""
        other = replace(question, key=key)
        entry = self._search.usable(other, await self._cache.get(key))
        return None if entry is None else self._search.hit(entry, Event.SEMANTIC_HIT, key)

    async def _find(self, question: Question) -> "Hit | Miss | Follower":
        search = self._search
        if not question.directive.lookup:
            return await search.on_alone(question)
        if question.directive.only_if_cached:
            entry = search.usable(question, await self._cache.get(question.key))
            if entry is None:
                raise not_cached()
            return search.hit(entry, Event.HIT, question.key)
        if question.waiting is Waiting.NOT:
            slot = await self._cache.get(question.key)
            entry = search.usable(question, slot)
            if entry is None:
                return search.alone(question, slot)
            return search.hit(entry, Event.HIT, question.key)
        place = self._flights.join(question.key.digest, question.form)
        if isinstance(place, Lead):
            return await search.lead(question, place)
        return Follower(search, question, place)


class _Search:
    """How an answer is looked for: by who leads, and by who goes on without a leader."""

    def __init__(
        self, cache: Cache, codec: Codec, surroundings: Surroundings, pace: Pace, leases: Leases | None
    ) -> None:
        self.surroundings = surroundings
        self._cache = cache
        self._codec = codec
        self._pace = pace
        self._leases = leases
        self._tasks: set[asyncio.Task[None]] = set()

    async def lead(self, question: Question, lead: Lead) -> "Hit | Miss | Follower":
        """Looks for the answer, and if it is not there, whether another worker is asking for it."""
        ends = True
        try:
            slot = await self._cache.get(question.key)
            entry = self.usable(question, slot)
            if entry is not None:
                lead.land(Landing(entry))
                return self.hit(entry, Event.HIT, question.key)
            if self._leases is None:
                ends = False
                return self._miss(question, slot, lead)
            found = await self._agreed(question, lead, slot, self._leases)
            ends = isinstance(found, Hit)
            return found
        finally:
            if ends:
                lead.fail()  # does nothing where it has landed

    async def _agreed(self, question: Question, lead: Lead, seen: Slot, leases: Leases) -> "Hit | Miss | Follower":
        """The duty to ask, if no other worker has it.

        With the lease in hand it looks once more: the holder before may have kept its answer since we looked.
        """
        key, surroundings = question.key, self.surroundings
        holder = surroundings.entropy(16).hex()
        again = await self._leased(key, holder, leases)
        if again is None:
            seat = lead.seat(question.form)
            watch = Watch(
                leases, self._codec, key, lead, lambda: self._kept(question), surroundings.sleep, self._pace.poll
            )
            self._do(watch.run())
            return Follower(self, question, seat)
        entry = self.usable(question, again) if again.data != seen.data else None
        if entry is not None:
            await leases.release(key, holder)
            lead.land(Landing(entry))
            return self.hit(entry, Event.COALESCED, key)
        herald = Herald(leases, self._codec, key, holder, surroundings.sleep, self._pace.poll)
        return self._miss(question, seen, lead, herald)

    async def _leased(self, key: Key, holder: str, leases: Leases) -> Slot | None:
        """What the cache has, with the lease in hand; None where another worker has that."""
        try:
            return await self._cache.get(key) if await leases.lease(key, holder, Herald.lease_ms) else None
        except asyncio.CancelledError:
            self._do(leases.release(key, holder))  # or all others would wait until it expires
            raise

    async def _kept(self, question: Question) -> Entry | None:
        return self.usable(question, await self._cache.get(question.key))

    def _miss(self, question: Question, slot: Slot, lead: Lead, herald: Herald | None = None) -> "Miss":
        miss = Miss(self._cache, self._codec, self.surroundings, question, slot.stamp, lead)
        if herald is not None:
            running = self._do(herald.run())
            miss.heralded(herald, lambda: self._do(herald.end(running)))
        return miss

    def _do(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def alone(self, question: Question, slot: Slot) -> "Miss":
        """One that asks for itself: nobody waits for it, but what it gets may be kept."""
        return Miss(self._cache, self._codec, self.surroundings, question, slot.stamp)

    async def on_alone(self, question: Question) -> "Miss":
        """The same for one that has not looked."""
        return self.alone(question, await self._cache.get(question.key))

    def usable(self, question: Question, slot: Slot) -> Entry | None:
        if slot.data is None:
            return None
        try:
            entry = self._codec.open(question.key, slot.data)
        except Unreadable as error:
            self.surroundings.count(Event.CORRUPT if error.reason == "corrupt" else Event.OLD_FORMAT)
            return None
        return entry if self.is_young_enough(question, entry) else None

    def is_young_enough(self, question: Question, entry: Entry) -> bool:
        age, most = entry.age(self.surroundings.time()), question.directive.most_age
        return age < min(entry.ttl_seconds, question.rules.ttl_seconds) and (most is None or age <= most)

    def hit(self, entry: Entry, event: Event, key: Key) -> Hit:
        return Hit(entry, int(entry.age(self.surroundings.time())), event, key)


class Follower:
    """One who waits for an identical request that is under way."""

    def __init__(self, search: _Search, question: Question, seat: Seat) -> None:
        self._search = search
        self._question = question
        self._seat = seat
        self._since = search.surroundings.time()
        self._count = search.surroundings.count

    async def wait(self) -> "Hit | Live | Miss":
        """The answer, or the stream of it as it comes; or the duty to ask. To be called once.

        Cancelled, it leaves nobody waiting.
        """
        while isinstance(found := await self._next(None), Follower):
            self._seat = found._seat
        match found:
            case Hit():
                self._count(found.event)
            case Live():
                self._count(Event.COALESCED)
            case Miss():
                self._count(Event.MISS)
        return found

    async def whole(self, seconds: float) -> "Hit | Miss":
        """The same for an answer that is wanted whole, and within so many seconds."""
        clock = self._search.surroundings.monotonic
        deadline = clock() + seconds
        while True:
            found = await self._next(max(0.0, deadline - clock()))
            if isinstance(found, Hit | Miss):
                return found
            if isinstance(found, Live):  # not for a question without a form
                await found.give_up()
                return await self._search.on_alone(self._question)
            self._seat = found._seat

    def leave(self) -> None:
        """Nobody waits here any more. `wait` ends then, and what it gives is to be given up."""
        self._seat.leave()

    async def _next(self, seconds: float | None) -> "Hit | Live | Miss | Follower":
        search, question = self._search, self._question
        outcome = await self._seat.wait(seconds)
        match outcome:
            case Lead():
                self._count(Event.PROMOTED)
                return await search.lead(question, outcome)
            case Listener():
                return Live(outcome)
            case Landing(entry=entry) if search.is_young_enough(question, entry):
                return search.hit(entry, self._event(outcome), outcome.other or question.key)
        self._count(Event.IMPATIENT)
        return await search.on_alone(question)

    def _event(self, landing: Landing) -> Event:
        if landing.other is not None:
            return Event.SEMANTIC_HIT
        return Event.COALESCED if landing.entry.created >= self._since else Event.HIT


class Miss:
    """The answer has to be asked for; then `answered` or `failed` must be called. Only the first call counts."""

    def __init__(
        self,
        cache: Cache,
        codec: Codec,
        surroundings: Surroundings,
        question: Question,
        stamp: bytes | None,
        lead: Lead | None = None,
    ) -> None:
        self._cache = cache
        self._codec = codec
        self._surroundings = surroundings
        self._question = question
        self._stamp = stamp
        self._lead = lead
        self._herald: Herald | None = None
        self._end_lease: Callable[[], Awaitable[None]] | None = None
        self._ended = False

    def heralded(self, herald: Herald, end_lease: Callable[[], Awaitable[None]]) -> None:
        """There are other workers, too. `end_lease` begins to end the lease, and can be waited for."""
        self._herald, self._end_lease = herald, end_lease

    async def give_up(self) -> None:
        """Nobody wants it any more."""
        await self.failed()

    def begin(self, form: str) -> Broadcast | None:
        """The answer comes, as a stream of this form: to be told to those who follow it. None where nobody can."""
        if self._lead is None or self._ended:
            return None
        broadcast = self._lead.begin(form)
        if self._herald is not None:
            self._herald.begin(broadcast)
        return broadcast

    def landed(self, hit: Hit) -> None:
        """The answer to the same question in other words serves, also those who wait. To be followed by `failed`."""
        if self._lead is not None:
            self._lead.land(Landing(hit.entry, hit.key))

    async def answered(self, document: bytes | None, usage: TokenUsage | None) -> str:
        """The answer came, whole and with status 200. Returns why it is not kept; empty where it is.

        `document` is what the recorder gave, None where it is not one that can be said again.
        """
        if self._ended:
            return "ended"
        self._ended = True
        refusal = "unrepeatable"
        try:
            if document is not None:
                refusal = self._refusal(document)
                if not refusal:
                    await self._keep(with_usage(self._question.endpoint, document, usage), usage)
        finally:
            await self._leave()
        self._surroundings.count(Event.NOT_KEPT if refusal else Event.KEPT)
        return refusal

    async def failed(self) -> None:
        """There was no answer, or not a whole one: another one who waits for it takes over."""
        if self._ended:
            return
        self._ended = True
        try:
            await self._release()
        finally:
            if self._lead is not None:
                self._lead.fail()

    def _refusal(self, document: bytes) -> str:
        if not self._question.directive.keep:
            return "no_store"
        refusal = answer_refusal(self._question.endpoint, document, self._question.rules)
        return refusal or ("" if _can_be_said(self._question.endpoint, document) else "unrepeatable")

    async def _keep(self, document: bytes, usage: TokenUsage | None) -> None:
        """First in the store, then to those who wait: who comes in between must find it in one of the two."""
        question, ttl = self._question, self._question.rules.ttl_seconds
        entry = Entry(question.endpoint.path, document, usage, self._surroundings.time(), ttl)
        if self._stamp is not None:
            sealed = self._codec.seal(question.key, entry)
            await self._cache.put(question.key, sealed, self._stamp, ttl * 1000)
        if self._lead is not None:
            self._lead.land(Landing(entry))

    async def _leave(self) -> None:
        if self._lead is not None:
            self._lead.dismiss()  # does nothing where it has landed
        await self._release()

    async def _release(self) -> None:
        """Whether or not anybody waits for it to the end: a lease that was left would be renewed for ever."""
        if self._end_lease is not None:
            await asyncio.shield(self._end_lease())


def _can_be_said(endpoint: Endpoint, document: bytes) -> bool:
    """Whether any caller may have it: tried now, because a hit that cannot be delivered is too late."""
    if endpoint == EMBEDDINGS:
        return True
    try:
        replay(endpoint, document, wants_usage=True)
    except Unrepeatable:
        return False
    return True
