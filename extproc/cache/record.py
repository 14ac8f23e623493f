"""An answer on its way to a caller, put together to the whole that is kept.

A recorder reads the caller's format, after translation and before anything is restored in it. What it cannot put
together so that `replay` would say the same again is not kept: an error, a stream that does not end as its format ends,
a field of a delta that it does not know. None of that disturbs the answer itself.
"""

from typing import Protocol

import msgspec

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.cache.record_chat import ChatChoice, ChunkAssembly, CompletionsChoice
from extproc.cache.record_messages import MessagesAssembly
from extproc.cache.record_responses import ResponsesAssembly
from extproc.cache.unrepeatable import Unrepeatable
from extproc.wire import sse

_OF_EVENTS = 64
"""A stream of one-token events is this many times as large as what it says, and a stream larger yet is not kept."""


class Recorder(Protocol):
    """Takes an answer cut anywhere. `finish`, at its end, gives the whole document; None where it is not kept."""

    def feed(self, data: bytes) -> None: ...

    def finish(self) -> bytes | None: ...


class Assembly(Protocol):
    """Events of one format, put together. Raises Unrepeatable, or what decoding raises (MALFORMED)."""

    def add(self, event: sse.Event) -> None: ...

    def document(self) -> bytes:
        """The whole answer, after the last event. Raises Unrepeatable where that has not come."""
        ...


def recorder(endpoint: Endpoint, *, streamed: bool, most_bytes: int) -> Recorder:
    """For an answer whose whole body is at most `most_bytes`."""
    if not streamed:
        return WholeRecorder(most_bytes)
    return StreamRecorder(_assembly(endpoint), most_bytes)


def _assembly(endpoint: Endpoint) -> Assembly:
    if endpoint == COMPLETIONS:
        return ChunkAssembly("text_completion", CompletionsChoice)
    if endpoint == MESSAGES:
        return MessagesAssembly()
    if endpoint == RESPONSES:
        return ResponsesAssembly()
    if endpoint == CHAT:
        return ChunkAssembly("chat.completion", ChatChoice)
    raise ValueError("an endpoint that does not stream")


class WholeRecorder:
    """A body that comes as it is."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._body = bytearray()
        self._kept = True

    def feed(self, data: bytes) -> None:
        if self._kept:
            self._body += data
        if len(self._body) > self._most_bytes:
            self._kept = False
            self._body.clear()

    def finish(self) -> bytes | None:
        """On one line, since it may become the data of an event."""
        if not self._kept:
            return None
        try:
            return msgspec.json.format(bytes(self._body), indent=-1)
        except MALFORMED:
            return None


class StreamRecorder:
    """A body of server-sent events."""

    def __init__(self, assembly: Assembly, most_bytes: int) -> None:
        self._assembly = assembly
        self._most_bytes = most_bytes
        self._left = most_bytes * _OF_EVENTS
        self._events = sse.Decoder()
        self._kept = True

    def feed(self, data: bytes) -> None:
        self._left -= len(data)
        self._kept = self._kept and self._left >= 0
        if not self._kept:
            return
        try:
            for event in self._events.feed(data):
                self._assembly.add(event)
        except (Unrepeatable, sse.SSEError, *MALFORMED):
            self._kept = False

    def finish(self) -> bytes | None:
        if not self._kept or self._events.finish():
            return None  # an event without its end is the sign of a cut
        try:
            document = self._assembly.document()
        except (Unrepeatable, *MALFORMED):
            return None
        return document if len(document) <= self._most_bytes else None
