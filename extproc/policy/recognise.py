"""Asks recognisers about a request's texts before they are searched: what they find joins what the patterns find.

All recognisers of a policy are asked at once, each within its own time. One that fails is logged and counted by its
name; what it was asked and what it answered is in no log and no error.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from extproc.config.limits import Mode
from extproc.config.privacy import EntityRecogniser
from extproc.config.service import OnFailure
from extproc.errors import GatewayError, RecogniserUnavailable, RequestTooLarge
from extproc.privacy.detect.documents import Document, documents
from extproc.privacy.detect.heard import Heard
from extproc.privacy.detect.overlap import resolve
from extproc.privacy.detect.span import Span

_AT_ONCE = 4
"""Documents of one request that a recogniser is asked about at the same time."""

_log = logging.getLogger(__name__)


class RecogniserError(Exception):
    """There is no answer. The message is fit for a log: it quotes nothing of a text, and nothing of an answer."""


class Finder(Protocol):
    async def find(self, text: str) -> Sequence[Span]:
        """Spans in any order; whether the text has such places is not its matter. Raises RecogniserError."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A recogniser of a policy, and what asks it."""

    recogniser: EntityRecogniser
    finder: Finder


class Recognisers:
    """Those of one policy, one at least. `failed` counts a failure, by the recogniser's name."""

    def __init__(self, members: Sequence[Member], failed: Callable[[str], None]) -> None:
        self._members = members
        self._failed = failed
        self._entities = tuple(dict.fromkeys(entity for one in members for entity in one.recogniser.entities))

    async def about(self, texts: Iterable[str], mode: Mode) -> Heard:
        """What they find in the texts of a request.

        Where a recogniser fails whose policy is enforced and that may not, raises RecogniserUnavailable; where the
        request has more text than it is asked about, RequestTooLarge.
        """
        spans: dict[str, list[Span]] = {text: [] for text in texts}
        asked = documents(spans)
        for found in await _together([self._ask(member, spans, asked, mode) for member in self._members]):
            for document, span in found:
                for text, placed in document.placed(span):
                    spans[text].append(placed)
        return Heard(spans, self._entities)

    async def _ask(
        self, member: Member, texts: Iterable[str], asked: list[Document], mode: Mode
    ) -> list[tuple[Document, Span]]:
        recogniser = member.recogniser
        if sum(map(len, texts)) > recogniser.most_characters:
            message = f"The request has more than the {recogniser.most_characters} characters that can be searched."
            self._fail(recogniser, "the request has too much text", RequestTooLarge(message), mode)
            return []
        try:
            async with asyncio.timeout(recogniser.timeout_ms / 1000):
                return await _in_all(member.finder, asked)
        except TimeoutError:
            self._fail(recogniser, "there was no answer in time", RecogniserUnavailable(), mode)
        except RecogniserError as error:
            self._fail(recogniser, str(error), RecogniserUnavailable(), mode)
        return []

    def _fail(self, recogniser: EntityRecogniser, why: str, refusal: GatewayError, mode: Mode) -> None:
        """Raises the refusal, where the request is to be refused."""
        self._failed(recogniser.name)
        fields = {"recogniser": recogniser.name, "why": why, "on_failure": recogniser.on_failure.value}
        _log.warning("recogniser failed", extra={"fields": fields})
        if mode is Mode.ENFORCE and recogniser.on_failure is OnFailure.DENY:
            raise refusal


async def _in_all(finder: Finder, asked: list[Document]) -> list[tuple[Document, Span]]:
    free = asyncio.Semaphore(_AT_ONCE)

    async def in_one(document: Document) -> list[tuple[Document, Span]]:
        async with free:
            spans = await finder.find(document.text)
        return [(document, span) for span in _checked(spans, document.text)]

    return [found for each in await _together([in_one(document) for document in asked]) for found in each]


def _checked(spans: Sequence[Span], text: str) -> list[Span]:
    """The spans in order, none over another: whatever was answered, their number and length cost no more than the text.

    Raises RecogniserError for what cannot be said of the text.
    """
    if len(spans) > len(text) or not all(0 <= span.start < span.end <= len(text) for span in spans):
        raise RecogniserError("there are places in the answer that the text does not have")
    return resolve(spans)


async def _together(asked: Sequence[Awaitable[list[tuple[Document, Span]]]]) -> list[list[tuple[Document, Span]]]:
    """All answers; the first failure ends the rest."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
