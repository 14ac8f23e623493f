"""Answers that services have a say in: nothing of them goes before they have said it.

The order is: translator, local rules (`stream`), services, restorer, caller. So services see what the caller would get,
with placeholders in place of the caller's own values.

A whole answer is asked about when it is there. Of an event stream, whole events are held back. Once a window of new
text has come (or a text has ended), services are asked about it, and the stream goes on; what they have cleared goes
with whatever comes next, in order, since Envoy takes nothing of its own accord. Who judges more slowly than the
provider writes holds back more; past a bound (`Windows.most_held`) the stream waits. Its end waits for all there is to
be said. All that a call asks, it asks before it waits: so none takes longer than the longest timeout of a service.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.endpoints import Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.errors import InvalidRequest, UpstreamError
from extproc.guardrails.answer_view import written
from extproc.guardrails.judged_texts import NotedTexts, Part, Piece, Text, Windows, WrittenTexts
from extproc.guardrails.remote import Asked, Inquiry, redacted
from extproc.guardrails.rule import Role
from extproc.guardrails.stream import blocks, event_guard, event_in
from extproc.guardrails.stream_events import without_logprobs
from extproc.guardrails.verdict import ContentFiltered
from extproc.guardrails.view import is_object, together
from extproc.privacy.restore import Escaping
from extproc.privacy.restore_channels import every
from extproc.wire.sse import Event, EventBoundary, encode

_NULL = Raw(b"null")


class Judged(Protocol):
    """An answer on its way past services."""

    @property
    def refused(self) -> bool:
        """Whether a stream was ended by a rule."""
        ...

    async def feed(self, data: bytes, *, last: bool) -> bytes:
        """Adds to the answer: what may go of it now; all of it with its `last` piece.

        Raises ContentFiltered for a whole answer, or UpstreamError for one that cannot be read.
        """
        ...


class JudgedWhole:
    """A whole JSON answer."""

    refused = False

    def __init__(self, inquiry: Inquiry, endpoint: Endpoint, by: float | None = None) -> None:
        """`by` is when it has to be said, in the event loop's time."""
        self._inquiry = inquiry
        self._endpoint = endpoint
        self._by = by
        self._pieces: list[bytes] = []

    async def feed(self, data: bytes, *, last: bool) -> bytes:
        self._pieces.append(data)
        if not last:
            return b""
        document = b"".join(self._pieces)
        try:
            texts = [text.text for text in together(Role.ASSISTANT, written(document, self._endpoint))]
        except (InvalidRequest, *MALFORMED):
            raise UpstreamError("The provider's answer is not of a form that guardrails can check.") from None
        redactions = await self._inquiry.ask(texts).verdict(self._by)
        made = redacted(document, redactions, texts, "answer")
        return document if made is document else without_logprobs(made)


@dataclass(frozen=True, slots=True)
class _Held:
    """An event that has not gone, and what has to be cleared before it may."""

    block: bytes = field(repr=False)
    event: Event | None = field(default=None, repr=False)
    pieces: Sequence[Piece] = ()
    wholes: Sequence[Piece] = ()

    @property
    def is_cleared(self) -> bool:
        return all(piece.is_cleared for piece in (*self.pieces, *self.wholes))


@dataclass(frozen=True, slots=True)
class _Round:
    """One question about a stream, and how much of each text is cleared when nothing is said against it."""

    asked: Asked
    parts: Sequence[Part]
    clears: Sequence[tuple[Text, int]]


class JudgedStream:
    """An event stream. `ended` says that a local rule has ended it: then it is to go on to that end at once."""

    def __init__(
        self,
        inquiry: Inquiry,
        endpoint: Endpoint,
        text: Escaping,
        windows: Windows,
        ended: Callable[[], bool],
        by: float | None = None,
    ) -> None:
        """`text` is how the answer's text is escaped; `by` is when all has to be said, in the event loop's time."""
        self._inquiry = inquiry
        self._windows = windows
        self._ended = ended
        self._by = by
        self._noted, self._written = NotedTexts(endpoint, text), WrittenTexts()
        self._reader, self._writer = event_guard(self._noted, endpoint), event_guard(self._written, endpoint)
        self._boundary = EventBoundary()
        self._held: deque[_Held] = deque()
        self._size = 0
        self._rounds: deque[_Round] = deque()
        self._refused = False

    @property
    def refused(self) -> bool:
        return self._refused

    async def feed(self, data: bytes, *, last: bool) -> bytes:
        if self._refused:
            return b""
        self._hold(self._boundary.feed(data))
        if last:
            self._hold(self._boundary.finish())
        return await self._pass(ends=last or self._ended())

    async def _pass(self, *, ends: bool) -> bytes:
        """Asks what there is to ask, waits if it has to, and lets go what may."""
        waits = ends or self._is_full
        if waits or self._is_window():
            self._ask(clears_all=waits)
        out = [self._go()]
        try:
            while self._rounds and (self._rounds[0].asked.done or ends or self._is_full):
                await self._hear(self._rounds.popleft())
                out.append(self._go())
        except ContentFiltered as error:
            self._end()
            out.append(self._writer.refused(error))
        if self._ended():
            self._end()
        return b"".join(out)

    @property
    def _is_full(self) -> bool:
        return self._size > self._windows.most_held

    def _end(self) -> None:
        self._refused = True
        self._inquiry.close()
        self._rounds.clear()
        self._held.clear()

    def _hold(self, whole: bytes) -> None:
        for block in blocks(whole):
            held = self._read(block)
            if held is not None:
                self._held.append(held)
                self._size += len(block)

    def _read(self, block: bytes) -> _Held | None:
        """What cannot be read cannot be judged, and is left out. An error is no model's: it ends all texts."""
        event, noted = event_in(block), self._noted
        if event is None:
            return _Held(block)
        noted.pieces, noted.wholes = [], []
        try:
            if _is_error(event.data):
                noted.close(every)
            else:
                self._reader.edit(event.data)
        except (InvalidRequest, *MALFORMED):
            return None
        return _Held(block, event, noted.pieces, noted.wholes)

    def _is_window(self) -> bool:
        live = self._noted.live
        return any(text.closed for text in live) or _fresh(live) >= self._windows.step

    def _ask(self, *, clears_all: bool) -> None:
        """About all that is new. A text that did not grow for a window is cleared to its end: it may have ended."""
        overlap, noted = self._windows.overlap, self._noted
        live, noted.live = noted.live, []
        is_window = _fresh(live) >= self._windows.step
        parts: list[Part] = []
        clears: list[tuple[Text, int]] = []
        for text in live:
            ends = clears_all or text.closed or (is_window and not text.fresh)
            if text.fresh:
                parts.append(text.part(overlap))
            clears.append((text, text.length if ends else max(0, text.length - overlap)))
            if not text.closed:
                noted.live.append(text)
        self._rounds.append(_Round(self._inquiry.ask(part.text for part in parts), parts, clears))

    async def _hear(self, one: _Round) -> None:
        """Waits for what is said. Raises ContentFiltered."""
        self._written.replace(await one.asked.verdict(self._by), one.parts)
        for text, cleared in one.clears:
            text.cleared = max(text.cleared, cleared)

    def _go(self) -> bytes:
        out: list[bytes] = []
        while self._held and self._held[0].is_cleared:
            out.append(self._write(self._held.popleft()))
        return b"".join(out)

    def _write(self, held: _Held) -> bytes:
        self._size -= len(held.block)
        if held.event is None or _is_error(held.event.data):
            return held.block
        self._written.pieces = list(held.pieces)
        edited = self._writer.edit(held.event.data)
        same = edited.data is held.event.data
        return edited.before + (held.block if same else encode(edited.data, held.event.event))


def _fresh(texts: Iterable[Text]) -> int:
    return sum(text.fresh for text in texts)


class _Kind(Struct):
    type: str = ""
    error: Raw = _NULL
    choices: Raw = _NULL


_decode_kind = msgspec.json.Decoder(_Kind).decode


def _is_error(data: bytes) -> bool:
    """Whether an event is an error and nothing else, in any dialect."""
    if b'"error"' not in data:
        return False
    kind = _decode_kind(data)
    return kind.type == "error" or (not kind.type and is_object(kind.error) and bytes(kind.choices) == bytes(_NULL))
