"""The semantic cache of a route as an exchange meets it: what is served of it, and what is known of its mistakes.

`extproc.cache.semantic` tells where the answer to a question in other words is. Here it is decided whether that answer
is served or only compared with the fresh one. What comparisons say goes into the route's sample, which all workers
share through the store; nothing is served of a route whose sample says that it is wrong too often.
"""

import contextlib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import Raw

from extproc.apischema.endpoints import Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.cache.exact import Event, ExactCache, Hit, Question, Surroundings
from extproc.cache.key import Keyring
from extproc.cache.semantic.lookup import Asked, SemanticLookup, asked_of
from extproc.cache.semantic.lookup import Hit as Pointer
from extproc.cache.semantic.question import question_of
from extproc.cache.semantic.shadow import SAMPLE, Likeness, Sample, likeness, sample_of
from extproc.config.cache import Semantic, SemanticMode
from extproc.errors import InvalidRequest
from extproc.guardrails.answer_view import AnswerView, read_answer
from extproc.pipeline.caching import Asking
from extproc.store.base import Conflict, Record, Registry, StoreAway

_log = logging.getLogger(__name__)
_FRESH_SECONDS = 1.0
_TRIES = 5


@dataclass(slots=True)
class _Known:
    """Nothing is served while it is not known whether it may be."""

    stopped: bool = True
    until: float = -math.inf


class Samples:
    """The samples of all routes, for a worker. `registry` gives the store's, `now` the monotonic clock in seconds."""

    def __init__(self, registry: Callable[[], Registry], now: Callable[[], float]) -> None:
        self._registry = registry
        self._now = now
        self._known: dict[str, _Known] = {}

    async def stopped(self, route: str) -> bool:
        """Whether nothing may be served, as of a second ago at most; while the store is away, as was known last."""
        known = self._known.setdefault(route, _Known())
        if self._now() < known.until:
            return known.stopped
        known.until = self._now() + _FRESH_SECONDS
        with contextlib.suppress(StoreAway):
            known.stopped = _sample(await self._registry().get(SAMPLE, route)).stopped
        return known.stopped

    async def add(self, route: str, one: Likeness, bound: float) -> None:
        """Counts a comparison; it is left out where the store is away, or where others always were faster."""
        for _ in range(_TRIES):
            try:
                return await self._try(route, one, bound)
            except Conflict:
                continue
            except StoreAway:
                return None
        return None

    async def _try(self, route: str, one: Likeness, bound: float) -> None:
        registry = self._registry()
        record = await registry.get(SAMPLE, route)
        before = _sample(record)
        after = before.after(one, bound)
        await registry.put(SAMPLE, route, after.encode(), expected=0 if record is None else record.version)
        if after.stopped and not before.stopped:
            self._known.setdefault(route, _Known()).stopped = True
            fields = {"route": route, "compared": after.compared, "differed": after.differed}
            _log.warning("semantic hits stopped", extra={"fields": fields})


def _sample(record: Record | None) -> Sample:
    return Sample() if record is None or record.data is None else sample_of(record.data)


@dataclass(frozen=True, slots=True)
class Sought:
    """What was found. `hit` is served if `serves`, else compared with the answer that comes."""

    question: Question
    asked: Asked
    stamp: bytes | None
    hit: Hit | None
    serves: bool


class Wordings:
    """The semantic cache of one route, as one document has it. `chance` gives numbers from 0 to 1, 1 left out."""

    def __init__(
        self,
        route: str,
        rules: Semantic,
        lookup: SemanticLookup,
        exact: ExactCache,
        keyring: Keyring,
        samples: Samples,
        surroundings: Surroundings,
        chance: Callable[[], float],
    ) -> None:
        self._route = route
        self._rules = rules
        self._lookup = lookup
        self._exact = exact
        self._keyring = keyring
        self._samples = samples
        self._count = surroundings.count
        self._chance = chance

    async def seek(self, asking: Asking, fields: Mapping[str, Raw]) -> Sought | None:
        """The kept answer to the same question in other words; None for a request that is no such question."""
        question = asking.question
        asked = self._asked(asking, fields) if question.directive.lookup else None
        if asked is None:
            return None
        found = await self._lookup.find(asked)
        hit = await self._exact.of_other_words(question, found.answer) if isinstance(found, Pointer) else None
        serves = hit is not None and await self._serves()
        if serves:
            self._count(Event.SEMANTIC_HIT)
        return Sought(question, asked, found.stamp, hit, serves)

    async def answered(self, sought: Sought, document: bytes, *, kept: bool) -> None:
        """The fresh answer is there, whole; `kept`: the exact cache has it."""
        view = _view(sought.question.endpoint, document)
        if view is None:
            return
        if sought.hit is not None:
            await self._compare(sought.hit.entry.document, view, sought.question.endpoint)
        elif kept and not view.tools and sought.stamp is not None:
            ttl_ms = sought.question.rules.ttl_seconds * 1000
            await self._lookup.remember(sought.asked, sought.question.key, sought.stamp, ttl_ms)

    def _asked(self, asking: Asking, fields: Mapping[str, Raw]) -> Asked | None:
        question = question_of(asking.question.endpoint, fields)
        context = asking.canonical(question.context) if question is not None else None
        if question is None or context is None:
            return None
        return asked_of(self._keyring, asking.partition, context, question.text)

    async def _serves(self) -> bool:
        if self._rules.mode is not SemanticMode.SERVE or self._chance() * 100 < self._rules.check_percent:
            return False
        return not await self._samples.stopped(self._route)

    async def _compare(self, cached: bytes, fresh: AnswerView, endpoint: Endpoint) -> None:
        before = _view(endpoint, cached)
        if before is None:
            return
        alike = likeness("\n".join(before.answers), "\n".join(fresh.answers))
        self._count(Event.SEMANTIC_SAME if alike.same else Event.SEMANTIC_DIFFERENT)
        await self._samples.add(self._route, alike, self._rules.most_false_hits)


def _view(endpoint: Endpoint, document: bytes) -> AnswerView | None:
    try:
        return read_answer(document, endpoint)
    except (InvalidRequest, *MALFORMED):
        return None
