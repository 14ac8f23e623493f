"""The exact cache as a request meets it: kept answers, answers that others wait for already, and the duty to ask.

`find` gives a `Hit`, or a `Miss`: then the answer has to be asked for, and the `Miss` must be told how that ended. All
who ask the same within one worker look once, ask once and share what comes; across workers a lease in the store says
that someone is asking, and the others look now and then whether the answer is there. Nobody waits longer than
`Pace.patience`: whoever has, goes on alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from msgspec import Raw

from extproc.apischema.endpoints import EMBEDDINGS, Endpoint
from extproc.cache.base import Cache, Slot
from extproc.cache.document import renewed, with_usage
from extproc.cache.entry import Codec, Entry, Unreadable
from extproc.cache.flight import Flights, Lead, Seat
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
    KEPT = "kept"
    NOT_KEPT = "not_kept"
    SEMANTIC_HIT = "semantic_hit"
    SEMANTIC_SAME = "semantic_same"  # a semantic hit was compared with a fresh answer
    SEMANTIC_DIFFERENT = "semantic_different"


@dataclass(frozen=True, slots=True)
class Pace:
    """`patience` is the most that a request waits for the answer to another one, in seconds; it must be less than Envoy
    waits for us (`message_timeout`). `poll` is how often a worker looks for another worker's answer."""

    patience: float = 4.0
    poll: float = 0.05


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
    """What is asked, and how. `waits`: for an identical request that is under way. `waited` are the seconds that the
    request has been kept waiting already."""

    endpoint: Endpoint
    key: Key
    rules: Rules = field(default_factory=Rules)
    directive: Directive = field(default_factory=Directive)
    waits: bool = True
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer. `age` is in whole seconds, `event` HIT, COALESCED or SEMANTIC_HIT."""

    entry: Entry
    age: int
    event: Event

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


class ExactCache:
    """For one event loop."""

    def __init__(self, cache: Cache, codec: Codec, surroundings: Surroundings, pace: Pace | None = None) -> None:
        self._cache = cache
        self._codec = codec
        self._surroundings = surroundings
        self._pace = pace or Pace()
        self._flights = Flights()

    async def find(self, question: Question) -> "Hit | Miss":
        """Raises the answer to `only-if-cached`, where there is none. Cancelled, it leaves nobody waiting."""
        found = await self._find(question)
        self._surroundings.count(found.event if isinstance(found, Hit) else Event.MISS)
        return found

    async def of_other_words(self, question: Question, key: Key) -> Hit | None:
        """The answer under another question's key, if it is one for this question by age. Nobody is waited for."""
        other = replace(question, key=key)
        entry = self._usable(other, await self._cache.get(key))
        return None if entry is None else self._hit(entry, Event.SEMANTIC_HIT)

    async def _find(self, question: Question) -> "Hit | Miss":
        if not question.directive.lookup:
            return self._alone(question, await self._cache.get(question.key))
        if question.directive.only_if_cached:
            entry = self._usable(question, await self._cache.get(question.key))
            if entry is None:
                raise not_cached()
            return self._hit(entry, Event.HIT)
        if not question.waits:
            slot = await self._cache.get(question.key)
            entry = self._usable(question, slot)
            return self._alone(question, slot) if entry is None else self._hit(entry, Event.HIT)
        deadline = self._surroundings.monotonic() + max(0.0, self._pace.patience - question.waited)
        place = self._flights.join(question.key.digest)
        if isinstance(place, Lead):
            return await self._lead(question, place, deadline)
        return await self._follow(question, place, deadline)

    async def _follow(self, question: Question, seat: Seat, deadline: float) -> "Hit | Miss":
        asked = self._surroundings.time()
        outcome = await seat.wait(max(0.0, deadline - self._surroundings.monotonic()))
        if isinstance(outcome, Lead):
            self._surroundings.count(Event.PROMOTED)
            return await self._lead(question, outcome, deadline)
        if outcome is not None and self._is_young_enough(question, outcome):
            return self._hit(outcome, Event.COALESCED if outcome.created >= asked else Event.HIT)
        self._surroundings.count(Event.IMPATIENT)
        return self._alone(question, await self._cache.get(question.key))

    async def _lead(self, question: Question, lead: Lead, deadline: float) -> "Hit | Miss":
        """Looks for the answer, and if it is not there, whether another worker is asking for it."""
        ends = True
        try:
            slot = await self._cache.get(question.key)
            entry, event = self._usable(question, slot), Event.HIT
            holder = ""
            if entry is None:
                holder = self._surroundings.entropy(16).hex()
                entry, event = await self._elsewhere(question, holder, deadline, slot), Event.COALESCED
            if entry is not None:
                lead.land(entry)
                return self._hit(entry, event)
            ends = False
            return Miss(self._cache, self._codec, self._surroundings, question, slot.stamp, lead, holder)
        finally:
            if ends:
                lead.fail()  # does nothing where it has landed

    async def _elsewhere(self, question: Question, holder: str, deadline: float, seen: Slot) -> Entry | None:
        """The answer that another worker asks for; None where that is now for us to do.

        With the lease in hand it looks once more: the holder before may have kept its answer since we looked.
        """
        key, surroundings = question.key, self._surroundings
        while not await self._cache.lease(key, holder, round(self._pace.patience * 1000)):
            if surroundings.monotonic() >= deadline:
                return None
            await surroundings.sleep(self._pace.poll)
            entry = self._usable(question, await self._cache.get(key))
            if entry is not None:
                return entry
        again = await self._cache.get(key)
        entry = self._usable(question, again) if again.data != seen.data else None
        if entry is not None:
            await self._cache.release(key, holder)
        return entry

    def _alone(self, question: Question, slot: Slot) -> "Miss":
        """One that asks for itself: nobody waits for it, but what it gets may be kept."""
        return Miss(self._cache, self._codec, self._surroundings, question, slot.stamp)

    def _usable(self, question: Question, slot: Slot) -> Entry | None:
        if slot.data is None:
            return None
        try:
            entry = self._codec.open(question.key, slot.data)
        except Unreadable as error:
            self._surroundings.count(Event.CORRUPT if error.reason == "corrupt" else Event.OLD_FORMAT)
            return None
        return entry if self._is_young_enough(question, entry) else None

    def _is_young_enough(self, question: Question, entry: Entry) -> bool:
        age, most = entry.age(self._surroundings.time()), question.directive.most_age
        return age < min(entry.ttl_seconds, question.rules.ttl_seconds) and (most is None or age <= most)

    def _hit(self, entry: Entry, event: Event) -> Hit:
        return Hit(entry, int(entry.age(self._surroundings.time())), event)


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
        holder: str = "",
    ) -> None:
        self._cache = cache
        self._codec = codec
        self._surroundings = surroundings
        self._question = question
        self._stamp = stamp
        self._lead = lead
        self._holder = holder
        self._ended = False

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
            self._lead.land(entry)

    async def _leave(self) -> None:
        if self._lead is not None:
            self._lead.dismiss()  # does nothing where it has landed
        await self._release()

    async def _release(self) -> None:
        if self._holder:
            await self._cache.release(self._question.key, self._holder)


def _can_be_said(endpoint: Endpoint, document: bytes) -> bool:
    """Whether any caller may have it: tried now, because a hit that cannot be delivered is too late."""
    if endpoint == EMBEDDINGS:
        return True
    try:
        replay(endpoint, document, wants_usage=True)
    except Unrepeatable:
        return False
    return True
