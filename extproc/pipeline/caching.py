"""An exchange's dealings with the cache: whether its answer is there already, and keeping the one that comes.

What is kept is the provider's answer in the caller's format, before guardrails see it and before values are restored
in it: a hit goes through both, as the first answer did.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Raw

from extproc.apischema.dialect import Dialect
from extproc.apischema.endpoints import Kind
from extproc.cache.broadcast import Broadcast, End, Listener
from extproc.cache.document import stream_form
from extproc.cache.exact import Event, ExactCache, Follower, Hit, Live, Miss, Question, Surroundings, Waiting
from extproc.cache.key import Key, Keyring, Partition, canonical_request
from extproc.cache.policy import Rules, directive, not_cached, request_refusal
from extproc.cache.reading import reading_of
from extproc.cache.record import Recorder, recorder
from extproc.config.cache import CacheRoute, Followers
from extproc.config.lookup import covers
from extproc.errors import InternalError, UpstreamError
from extproc.exchange.actions import HeaderList
from extproc.genai.usage import TokenUsage
from extproc.policy.principal import Principal
from extproc.translator.base import Call, Outcome, Response

if TYPE_CHECKING:  # for those who have semantic routes only: it takes 30 ms
    from extproc.pipeline.semantic import Sought, Wordings

_EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
_JSON = (("content-type", "application/json"),)
_BROKEN = "The answer to an identical request, which this one shared, broke off."


class Lookups(Protocol):
    """Counts what became of requests that a route is for."""

    def cache_lookup(self, model: str, outcome: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """The cache as one document has it. `version` is the document's: what another one kept is not for this one.

    `wordings` are the semantic caches of the routes that have one, by the route's name.
    """

    routes: tuple[CacheRoute, ...]
    keyring: Keyring
    exact: ExactCache
    surroundings: Surroundings
    lookups: Lookups
    version: str
    aftermath: "Aftermath"
    wordings: Mapping[str, "Wordings"] = field(default_factory=dict)

    def route(self, model: str, name: str) -> CacheRoute | None:
        """The first route that has the model: `model` is the operator's name of it, `name` the caller's."""
        return next((route for route in self.routes if covers(route.models, model, name)), None)


@dataclass(frozen=True, slots=True)
class Answerers:
    """Who may answer: `classes` names provider, format and model of each. `own_format`: all speak the caller's format,
    and have the defaults of its reference."""

    classes: str
    own_format: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that is there: `body` as the caller asked for it; `usage` is what it used when it was made."""

    body: bytes = field(repr=False)
    usage: TokenUsage | None


@dataclass(frozen=True, slots=True)
class Followed:
    """The answer to an identical request, in the caller's format: pieces of a stream, or one that is the whole."""

    streamed: bool
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of the cache, and where. `canonical` gives the canonical form of the request with other fields."""

    question: Question
    partition: Partition
    canonical: Callable[[Mapping[str, Raw]], bytes | None]


class Caching:
    """One of an exchange. Without a shelf, or a route for the model, it does nothing.

    `relayed`: Envoy can be sent to the worker for an answer that is under way. `usage` is what an answer used that was
    followed, when it has come; `broke`, whether it came to no good end.
    """

    def __init__(self, shelf: Shelf | None, *, relayed: bool = False) -> None:
        self._shelf = shelf
        self._waiting = Waiting.APART if relayed else Waiting.HERE
        self.usage: TokenUsage | None = None
        self.broke = False
        self._label = ""
        self._outcome = ""
        self._key: Key | None = None
        self._age: int | None = None
        self._route: CacheRoute | None = None
        self._rules = Rules()
        self._miss: Miss | None = None
        self._follower: Follower | None = None
        self._listener: Listener | None = None
        self._call: Call | None = None
        self._form = ""
        self._wordings: Wordings | None = None
        self._sought: Sought | None = None
        self._recorder: Recorder | None = None
        self._broadcast: Broadcast | None = None
        self._whole = False

    @property
    def records(self) -> bool:
        """Whether the answer has to be seen, because it may be kept."""
        return self._miss is not None

    @property
    def follows(self) -> bool:
        """Whether an identical request is under way, and its answer is to be waited for where Envoy is sent to."""
        return self._follower is not None

    @property
    def is_followed(self) -> bool:
        """Whether a stream that comes is being followed, and there is more of it to come."""
        return self._listener is not None and self._listener.end is None

    @property
    def charges(self) -> bool:
        """Whether an answer that others asked for is charged like one of the caller's own."""
        return self._route is not None and self._route.followers is Followers.CHARGED

    @property
    def is_charged(self) -> bool:
        """Whether this answer is: one that was there already costs nothing, and nor does none."""
        return self.charges and self._outcome == Event.COALESCED.value

    @property
    def outcome(self) -> str:
        """hit, coalesced, semantic-hit, miss or bypass; empty where no route is for the model."""
        return self._outcome

    def headers(self) -> HeaderList:
        """`x-gateway-cache`, what the answer is kept under, and how old a hit is."""
        if not self._outcome:
            return ()
        key = () if self._key is None else (("x-gateway-cache-key", self._key.digest),)
        age = () if self._age is None else (("age", str(self._age)),)
        return (("x-gateway-cache", self._outcome), *key, *age)

    async def find(
        self, call: Call, caller: Principal, label: str, name: str, answerers: Answerers, waited: float = 0.0
    ) -> Kept | None:
        """The kept answer, as this caller asked for it; None where a provider has to be asked, or `follows`.

        `label` is the operator's name of the model, `name` the caller's. `waited` are the seconds that it has been kept
        waiting already. Raises the answer to `only-if-cached`.
        """
        shelf = self._shelf
        if shelf is None or call.endpoint.kind is not Kind.GENERATION:
            return None
        self._call, self._label = call, label
        self._route = route = shelf.route(label, name)
        asking = self._asking(shelf, route, call, caller, name, answerers) if route is not None else None
        if asking is None and directive(call.headers.get("cache-control", "")).only_if_cached:
            raise not_cached()
        if route is None:
            return None
        question = None if asking is None else replace(asking.question, waited=waited)
        found = await shelf.exact.find(question) if question is not None else None
        self._take(found)
        self._wordings = shelf.wordings.get(route.name)
        if asking is not None and isinstance(found, Miss) and self._wordings is not None:
            found = await self._in_other_words(self._wordings, asking, call, found)
        if isinstance(found, Follower):
            return None
        self._count()
        return self._kept(found, call) if isinstance(found, Hit) else None

    async def followed(self) -> Followed | None:
        """What an identical request under way has for this one; None where a provider has to be asked after all."""
        follower, call = self._follower, self._call
        if follower is None or call is None:
            return None
        found = await follower.wait()
        if self._follower is not follower:
            await found.give_up()
            return None
        self._follower = None
        self._take(found)
        self._count()
        match found:
            case Hit():
                self.usage = found.entry.usage
                return Followed(call.stream, _once(self._kept(found, call).body))
            case Live(listener=listener):
                self._listener = listener
                return Followed(True, self._pieces(listener, call.endpoint.dialect))
            case Miss():
                return None

    def alone(self) -> None:
        """A provider is asked after all: nothing came of following, or Envoy waits no longer."""
        if self._miss is None:
            self._leave()
            self._outcome, self._age = Event.MISS.value, None
            self._count()

    def _leave(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.leave()
        if self._listener is not None:
            self._listener.leave()

    def content_headers(self, call: Call) -> HeaderList:
        """Of a hit."""
        return _EVENT_STREAM if call.stream else _JSON

    def recorded(self, response: Response, call: Call, *, streamed: bool) -> Response:
        """The provider's response, in the caller's format, written down on its way."""
        if self._miss is None:
            return response
        self._recorder = recorder(call.endpoint, streamed=streamed, most_bytes=self._rules.most_answer_bytes)
        if streamed and call.stream:
            self._broadcast = self._miss.begin(self._form)
        return _Recorded(response, self._recorder, self._broadcast, self._finished)

    def end(self, outcome: Outcome | None, usage: TokenUsage | None) -> None:
        """Keeps the answer, in the background, or lets those who wait for it go on. To be called once, at the end."""
        self._leave()
        shelf, miss, self._miss = self._shelf, self._miss, None
        if shelf is None or miss is None:
            return
        complete = outcome is not None and outcome.complete and not outcome.error
        document = self._recorder.finish() if self._recorder is not None and complete else None
        # Who has read the end may leave before Envoy tells of it: then the document is what shows that it was the end.
        if not (complete and (self._whole or document is not None)):
            shelf.aftermath.do(miss.failed())
            return
        if self._broadcast is not None:
            self._broadcast.end(usage)
        shelf.aftermath.do(self._store(miss, document, usage))

    async def _in_other_words(self, wordings: "Wordings", asking: Asking, call: Call, miss: Miss) -> Hit | Miss:
        """The kept answer to the same question in other words, where there is one to be served."""
        self._sought = sought = await wordings.seek(asking, call.fields)
        if sought is None or sought.hit is None or not sought.serves:
            return miss
        miss.landed(sought.hit)  # for whoever waits for this one
        await miss.failed()
        self._miss = None
        self._take(sought.hit)
        return sought.hit

    async def _store(self, miss: Miss, document: bytes | None, usage: TokenUsage | None) -> None:
        refusal = await miss.answered(document, usage)
        if document is not None and self._wordings is not None and self._sought is not None:
            await self._wordings.answered(self._sought, document, kept=not refusal)

    def _finished(self) -> None:
        self._whole = True

    def _kept(self, hit: Hit, call: Call) -> Kept:
        if self._shelf is None:
            raise InternalError("an answer without a shelf")
        body = hit.body(
            call.endpoint, call.fields, self._shelf.surroundings, stream=call.stream, wants_usage=call.wants_usage
        )
        return Kept(body, hit.entry.usage)

    async def _pieces(self, listener: Listener, dialect: Dialect) -> AsyncIterator[bytes]:
        while piece := await listener.take():
            yield piece
        self.usage = listener.usage
        self.broke = listener.end is not End.WHOLE
        if listener.end is End.BROKEN and self._shelf is not None:
            self._shelf.surroundings.count(Event.BROKEN)
            yield dialect.event(UpstreamError(_BROKEN))

    def _count(self) -> None:
        if self._shelf is not None:
            self._shelf.lookups.cache_lookup(self._label, self._outcome)

    def _take(self, found: Hit | Live | Miss | Follower | None) -> None:
        match found:
            case Hit():
                self._outcome, self._age, self._key = found.event.value.replace("_", "-"), found.age, found.key
            case Live():
                self._outcome = Event.COALESCED.value
            case Miss():
                self._outcome, self._miss = Event.MISS.value, found
            case Follower():
                self._follower = found
            case None:
                self._outcome = "bypass"

    def _asking(
        self, shelf: Shelf, route: CacheRoute, call: Call, caller: Principal, name: str, answerers: Answerers
    ) -> Asking | None:
        """None for a request whose answer cannot be one for another."""
        reading, rules = reading_of(call.endpoint), _rules(route)
        wanted = directive(call.headers.get("cache-control", ""))
        if reading is None or request_refusal(call.fields, len(call.body), reading, rules):
            return None
        if not (wanted.lookup or wanted.keep):
            return None
        canonical = partial(
            canonical_request,
            headers=call.headers,
            reading=reading,
            own_format=answerers.own_format,
            users_apart=route.users_apart,
        )
        request = canonical(call.fields)
        if request is None:
            return None
        self._rules = rules
        partition = Partition(
            tenant=":".join(caller.tenant),
            route=route.name,
            model=name,
            policy=shelf.version,
            backends=answerers.classes,
            endpoint=call.path,
        )
        self._key = key = shelf.keyring.key(partition, request)
        self._form = stream_form(call.fields) if route.coalesce and call.stream else ""
        waiting = self._waiting if route.coalesce else Waiting.NOT
        form = self._form if waiting is Waiting.APART else ""  # who waits here gets an answer in one piece only
        return Asking(Question(call.endpoint, key, rules, wanted, waiting, form), partition, canonical)


def _rules(route: CacheRoute) -> Rules:
    return Rules(
        ttl_seconds=route.ttl_seconds,
        most_temperature=route.most_temperature,
        tool_calls=route.tool_calls,
        alternatives=route.alternatives,
        kept_by_provider=route.kept_by_provider,
        users_apart=route.users_apart,
        most_request_bytes=route.most_request_bytes,
        most_answer_bytes=route.most_answer_bytes,
    )


class _Recorded:
    """A response whose bytes are written down, and told to those who follow; `finished` is told of its end."""

    def __init__(
        self, inner: Response, recorder: Recorder, broadcast: Broadcast | None, finished: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._recorder = recorder
        self._broadcast = broadcast
        self._finished = finished

    @property
    def outcome(self) -> Outcome:
        return self._inner.outcome

    def feed(self, data: bytes) -> bytes:
        out = self._inner.feed(data)
        self._take(out)
        return out

    def finish(self) -> bytes:
        rest = self._inner.finish()
        self._take(rest)
        self._finished()
        if self._broadcast is not None and (self.outcome.error or not self.outcome.complete):
            self._broadcast.end_in_error()
        return rest

    def _take(self, out: bytes) -> None:
        self._recorder.feed(out)
        if self._broadcast is not None:
            self._broadcast.add(out)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


class Aftermath:
    """What is done after an answer, for a worker: nobody waits for it, but its end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
