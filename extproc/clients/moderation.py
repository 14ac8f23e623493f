"""Moderation by a service that has OpenAI's moderations API.

Reference: https://platform.openai.com/docs/api-reference/moderations (from memory, 2026-11-21): `POST /moderations`
with `model` and `input`, a list of texts; one result a text, with `flagged`, `categories` and `category_scores` from 0
to 1.
"""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.clients.judge import Connections, JudgeError, Judgement, Question, Ruling, pieces
from extproc.config.model import Secret


@dataclass(frozen=True, slots=True)
class ModerationSettings:
    """`base_url` ends before `/moderations`. `timeout` is in seconds, for all that one question needs together.

    `thresholds` are the scores from which a category is flagged; a category without one is flagged as the service says,
    unless `only_thresholds`. Texts go in pieces of `most_characters`, `batch` of them a request, `most_requests` at
    once.
    """

    base_url: str
    key: Secret | None = None
    model: str = "omni-moderation-latest"
    timeout: float = 3.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    only_thresholds: bool = False
    batch: int = 16
    most_characters: int = 8_000
    overlap: int = 200
    most_requests: int = 4

    def __post_init__(self) -> None:
        if not (self.batch > 0 and self.most_requests > 0 and self.most_characters > self.overlap >= 0):
            raise ValueError("The sizes of moderation requests make no sense.")
        if not all(0 <= threshold <= 1 for threshold in self.thresholds.values()):
            raise ValueError("A threshold of moderation is from 0 to 1.")


class _Result(msgspec.Struct):
    flagged: bool = False
    categories: dict[str, bool | None] = {}
    category_scores: dict[str, float | None] = {}


class _Answer(msgspec.Struct):
    results: list[_Result]


_decode = msgspec.json.Decoder(_Answer).decode
_encode = msgspec.json.encode


class Moderation:
    """Blocks what has a flagged category; its reasons are the categories, in order."""

    def __init__(self, settings: ModerationSettings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections
        self._url = f"{settings.base_url.rstrip('/')}/moderations"

    async def judge(self, question: Question) -> Judgement:
        """Raises JudgeError."""
        settings = self._settings
        texts = pieces(question.texts, settings.most_characters, settings.overlap)
        batches = [texts[at : at + settings.batch] for at in range(0, len(texts), settings.batch)]
        try:
            async with asyncio.timeout(settings.timeout):
                flagged = await self._all(batches)
        except TimeoutError:
            raise JudgeError("the service did not answer in time") from None
        return Judgement(Ruling.BLOCK if flagged else Ruling.ALLOW, tuple(sorted(flagged)))

    async def _all(self, batches: list[list[str]]) -> set[str]:
        """What is flagged in any batch. The first failure ends the rest."""
        free = asyncio.Semaphore(self._settings.most_requests)
        tasks = [asyncio.create_task(self._one(batch, free)) for batch in batches]
        try:
            return set(chain.from_iterable(await asyncio.gather(*tasks)))
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, batch: list[str], free: asyncio.Semaphore) -> set[str]:
        async with free:
            body = _encode({"model": self._settings.model, "input": batch})
            answer = await self._connections.post(self._url, body, self._headers(), self._settings.timeout)
        try:
            results = _decode(answer).results
        except MALFORMED:
            raise JudgeError("the service's answer is not understood") from None
        if len(results) != len(batch):
            raise JudgeError("the service did not judge every text")
        return {category for result in results for category in self._flagged(result)}

    def _headers(self) -> Mapping[str, str]:
        key = self._settings.key
        return {} if key is None else {"authorization": f"Bearer {key.reveal()}"}

    def _flagged(self, result: _Result) -> Iterator[str]:
        """A result that is flagged without a category has one of its own."""
        thresholds = self._settings.thresholds
        for category, threshold in thresholds.items():
            score = result.category_scores.get(category)
            if score is not None and (math.isnan(score) or score >= threshold):
                yield category
        if self._settings.only_thresholds:
            return
        named = [category for category, is_flagged in result.categories.items() if is_flagged]
        yield from (category for category in named if category not in thresholds)
        if result.flagged and not named:
            yield "flagged"
