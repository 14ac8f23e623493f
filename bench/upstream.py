"""The provider: answers on bare asyncio protocols with bytes made at start, so that it is not what is measured.

The answers are the provider simulator's, in the format that the request's path asks for. A directive in the prompt says
how large: `[[words=20]]` for a whole answer, `[[frames=50 every=0.02]]` for a stream of so many frames, each
`every` seconds after the last and stamped with the time at which it was written.
"""

import asyncio
import re
import socket
import sys
import time
from dataclasses import dataclass
from functools import lru_cache

from bench.http1 import Message
from bench.load import STAMP
from extproc.simulator import anthropic, fixed, openai
from extproc.simulator.format import Format

_WORDS = re.compile(rb"\[\[words=(\d+)\]\]")
_FRAMES = re.compile(rb"\[\[frames=(\d+) every=([\d.]+)\]\]")
_FILLER = b"these"  # the simulator's first word
_DEFAULT_WORDS = 10
_BACKLOG = 4096
_UNAVAILABLE = b'{"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}'


@dataclass(frozen=True, slots=True)
class _StreamBytes:
    """A stream's parts, framed as HTTP chunks: `before` and `after` the frames, and a frame around its stamp."""

    before: bytes
    frame: tuple[bytes, bytes]
    after: bytes


def _answer(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


@lru_cache
def whole_answer(form: Format, words: int) -> bytes:
    """A complete response of so many words."""
    return _answer(b"200 OK", fixed.build(form, words).whole.body)


@lru_cache
def stream_bytes(form: Format) -> _StreamBytes:
    pieces = fixed.build(form, 1).pieces
    at = next(index for index, (_, tokens) in enumerate(pieces) if tokens)
    left, _, right = pieces[at][0].partition(_FILLER)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    return _StreamBytes(
        before=head + _chunks(pieces[:at]),
        frame=(left, right),
        after=_chunks(pieces[at + 1 :]) + b"0\r\n\r\n",
    )


def _chunks(pieces: tuple[tuple[bytes, int], ...]) -> bytes:
    return b"".join(_chunk(data) for data, _ in pieces)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Provider(asyncio.Protocol):
    """One connection of a provider that answers."""

    def __init__(self) -> None:
        self._message = Message()
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._body.append(self._message.feed(data))
        if self._message.complete:
            head, body = self._message.head, b"".join(self._body)
            self._message, self._body = Message(), []
            self._respond(head, body)

    def _respond(self, head: bytes, body: bytes) -> None:
        form = anthropic.FORMAT if head.startswith(b"POST /v1/messages ") else openai.FORMAT
        asked = _FRAMES.search(body)
        if asked is None:
            words = _WORDS.search(body)
            self._transport.write(whole_answer(form, int(words[1]) if words else _DEFAULT_WORDS))
            return
        stream = stream_bytes(form)
        self._transport.write(stream.before)
        loop = asyncio.get_running_loop()
        self._tick(loop, stream, int(asked[1]), float(asked[2]), loop.time())

    def _tick(self, loop: asyncio.AbstractEventLoop, stream: _StreamBytes, left: int, every: float, due: float) -> None:
        if left == 0:
            self._transport.write(stream.after)
            return
        self._timer = loop.call_at(due + every, self._frame, loop, stream, left, every, due + every)

    def _frame(
        self, loop: asyncio.AbstractEventLoop, stream: _StreamBytes, left: int, every: float, due: float
    ) -> None:
        before, after = stream.frame
        self._transport.write(_chunk(before + STAMP % time.monotonic_ns() + after))
        self._tick(loop, stream, left - 1, every, due)


class Down(Provider):
    """One connection of a provider that always answers 503."""

    def _respond(self, head: bytes, body: bytes) -> None:
        self._transport.write(_answer(b"503 Service Unavailable", _UNAVAILABLE))


async def serve() -> None:
    """Listens on two free ports, one that answers and one that is down; says which; serves until cancelled."""
    loop = asyncio.get_running_loop()
    ports = []
    for provider in (Provider, Down):
        server = await loop.create_server(provider, "127.0.0.1", 0, backlog=_BACKLOG, family=socket.AF_INET)
        ports.append(server.sockets[0].getsockname()[1])
    sys.stdout.write(f"{ports[0]} {ports[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        pass
