"""An exchange's dealings with the cache: whether its answer is there already, and keeping the one that comes.

What is kept is the provider's answer in the caller's format, before guardrails see it and before values are restored
in it: a hit goes through both, as the first answer did.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Raw

from extproc.apischema.endpoints import Kind
from extproc.cache.exact import Event, ExactCache, Hit, Miss, Question, Surroundings
from extproc.cache.key import Keyring, Partition, canonical_request
from extproc.cache.policy import Rules, directive, request_refusal
from extproc.cache.reading import reading_of
from extproc.cache.record import Recorder, recorder
from extproc.config.cache import CacheRoute
from extproc.config.lookup import covers
from extproc.exchange.actions import HeaderList
from extproc.genai.usage import TokenUsage
from extproc.policy.principal import Principal
from extproc.translator.base import Call, Outcome, Response

if TYPE_CHECKING:  # for those who have semantic routes only: it takes 30 ms
    from extproc.pipeline.semantic import Sought, Wordings

_EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
_JSON = (("content-type", "application/json"), ("x-gateway-cost", "0.00"))


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
    """Who may answer: `classes` names provider, format and model of each; `own_format`: all speak the caller's."""

    classes: str
    own_format: bool


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of the cache, and where. `canonical` gives the canonical form of the request with other fields."""

    question: Question
    partition: Partition
    canonical: Callable[[Mapping[str, Raw]], bytes | None]


class Caching:
    """One of an exchange. Without a shelf, or a route for the model, it does nothing."""

    def __init__(self, shelf: Shelf | None) -> None:
        self._shelf = shelf
        self._outcome = ""
        self._age: int | None = None
        self._rules = Rules()
        self._miss: Miss | None = None
        self._wordings: Wordings | None = None
        self._sought: Sought | None = None
        self._recorder: Recorder | None = None
        self._whole = False

    @property
    def records(self) -> bool:
        """Whether the answer has to be seen, because it may be kept."""
        return self._miss is not None

    @property
    def outcome(self) -> str:
        """hit, coalesced, semantic-hit, miss or bypass; empty where no route is for the model."""
        return self._outcome

    def headers(self) -> HeaderList:
        """`x-gateway-cache`, and how old a hit is."""
        if not self._outcome:
            return ()
        age = () if self._age is None else (("age", str(self._age)),)
        return (("x-gateway-cache", self._outcome), *age)

    async def find(
        self, call: Call, caller: Principal, label: str, name: str, answerers: Answerers, waited: float = 0.0
    ) -> bytes | None:
        """The kept answer, as this caller asked for it; None where a provider has to be asked.

        `label` is the operator's name of the model, `name` the caller's. `waited` are the seconds that it has been kept
        waiting already. Raises the answer to `only-if-cached`.
        """
        shelf = self._shelf
        route = shelf.route(label, name) if shelf is not None else None
        if shelf is None or route is None or call.endpoint.kind is not Kind.GENERATION:
            return None
        asking = self._asking(shelf, route, call, caller, name, answerers)
        question = None if asking is None else replace(asking.question, waited=waited)
        found = await shelf.exact.find(question) if question is not None else None
        self._take(found)
        self._wordings = shelf.wordings.get(route.name)
        if asking is not None and isinstance(found, Miss) and self._wordings is not None:
            found = await self._in_other_words(self._wordings, asking, call, found)
        shelf.lookups.cache_lookup(label, self._outcome)
        if not isinstance(found, Hit):
            return None
        return found.body(
            call.endpoint, call.fields, shelf.surroundings, stream=call.stream, wants_usage=call.wants_usage
        )

    def content_headers(self, call: Call) -> HeaderList:
        """Of a hit."""
        return _EVENT_STREAM if call.stream else _JSON

    def recorded(self, response: Response, call: Call, *, streamed: bool) -> Response:
        """The provider's response, in the caller's format, written down on its way."""
        if self._miss is None:
            return response
        self._recorder = recorder(call.endpoint, streamed=streamed, most_bytes=self._rules.most_answer_bytes)
        return _Recorded(response, self._recorder, self._finished)

    def end(self, outcome: Outcome | None, usage: TokenUsage | None) -> None:
        """Keeps the answer, in the background, or lets those who wait for it go on. To be called once, at the end."""
        shelf, miss, self._miss = self._shelf, self._miss, None
        if shelf is None or miss is None:
            return
        complete = self._whole and outcome is not None and outcome.complete and not outcome.error
        if self._recorder is not None and complete:
            shelf.aftermath.do(self._keep(miss, self._recorder.finish(), usage))
        else:
            shelf.aftermath.do(miss.failed())

    async def _in_other_words(self, wordings: "Wordings", asking: Asking, call: Call, miss: Miss) -> Hit | Miss:
        """The kept answer to the same question in other words, where there is one to be served."""
        self._sought = sought = await wordings.seek(asking, call.fields)
        if sought is None or sought.hit is None or not sought.serves:
            return miss
        await miss.failed()  # whoever waits for this one finds the same answer
        self._miss = None
        self._take(sought.hit)
        return sought.hit

    async def _keep(self, miss: Miss, document: bytes | None, usage: TokenUsage | None) -> None:
        refusal = await miss.answered(document, usage)
        if document is not None and self._wordings is not None and self._sought is not None:
            await self._wordings.answered(self._sought, document, kept=not refusal)

    def _finished(self) -> None:
        self._whole = True

    def _take(self, found: Hit | Miss | None) -> None:
        match found:
            case Hit():
                self._outcome, self._age = found.event.value.replace("_", "-"), found.age
            case Miss():
                self._outcome, self._miss = Event.MISS.value, found
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
        key = shelf.keyring.key(partition, request)
        return Asking(Question(call.endpoint, key, rules, wanted, waits=route.coalesce), partition, canonical)


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
    """A response whose bytes are written down; `finished` is told when it has come to its end."""

    def __init__(self, inner: Response, recorder: Recorder, finished: Callable[[], None]) -> None:
        self._inner = inner
        self._recorder = recorder
        self._finished = finished

    @property
    def outcome(self) -> Outcome:
        return self._inner.outcome

    def feed(self, data: bytes) -> bytes:
        out = self._inner.feed(data)
        self._recorder.feed(out)
        return out

    def finish(self) -> bytes:
        rest = self._inner.finish()
        self._recorder.feed(rest)
        self._finished()
        return rest


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
