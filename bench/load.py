"""The load: keep-alive HTTP/1.1 connections on bare asyncio protocols, so that the generator costs little."""

import asyncio
import re
import time
from collections.abc import Callable

from bench.http1 import Message, MessageError
from bench.jobs import ClosedLoop, ClosedReport, Streams, StreamsReport

STAMP = b"@%d@"
"""The upstream writes the monotonic clock's nanoseconds into each frame; processes of a machine share that clock."""

_STAMP = re.compile(rb"@(\d{6,20})@")
_QUOTED = 300  # bytes of an unexpected answer; also more than a stamp or a stream's ending is long


class LoadError(Exception):
    """An answer was not the one that is being measured."""


class _Connection(asyncio.Protocol):
    """Sends the request again and again until `more` says no; `done` is told the milliseconds of each."""

    def __init__(
        self, request: bytes, more: Callable[[], bool], done: Callable[[float, int], None], ended: Callable[[str], None]
    ) -> None:
        self._request, self._more, self._done, self._ended = request, more, done, ended
        self._message = Message()
        self._body = b""
        self._number = 0
        self._began = 0.0
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        message = self._message
        try:
            self._body = message.feed(data) or self._body
            if not message.complete:
                return
            if message.status != 200:
                self._end(f"status {message.status}: {self._body[:_QUOTED]!r}")
                return
        except MessageError as error:
            self._end(str(error))
            return
        self._number += 1
        self._done((now - self._began) * 1e3, self._number)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the connection was closed")

    def _next(self) -> None:
        if not self._more():
            self._end("")
            return
        self._message = Message()
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, problem: str) -> None:
        if not self._over:
            self._over = True
            self._transport.close()
            self._ended(problem)


async def closed_loop(job: ClosedLoop) -> ClosedReport:
    """Raises LoadError for the first wrong answer."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    sent = count = 0
    open_ = job.connections
    finished = loop.create_future()

    def more() -> bool:
        nonlocal sent
        sent += 1
        return sent <= job.requests and time.perf_counter() < deadline

    def done(milliseconds: float, number: int) -> None:
        nonlocal count
        count += 1
        if number > job.warmup:
            times.append(milliseconds)

    def ended(problem: str) -> None:
        nonlocal open_
        open_ -= 1
        if problem and not finished.done():
            finished.set_exception(LoadError(problem))
        if not open_ and not finished.done():
            finished.set_result(None)

    began, cpu = time.perf_counter(), time.process_time()
    deadline = began + job.seconds
    for _ in range(job.connections):
        await loop.create_connection(lambda: _Connection(job.request, more, done, ended), job.host, job.port)
    await finished
    return ClosedReport(times, count, time.perf_counter() - began, time.process_time() - cpu)


class _Tally:
    """What all streams of a job come to."""

    def __init__(self, streams: int) -> None:
        self.first: list[float] = []
        self.transit: list[float] = []
        self.gaps: list[float] = []
        self.failures: list[str] = []
        self.most_open = self._open = 0
        self._left = streams
        self.all_ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def opened(self) -> None:
        self._open += 1
        self.most_open = max(self.most_open, self._open)

    def ended(self, *, was_open: bool, problem: str) -> None:
        self._open -= was_open
        self._left -= 1
        if problem:
            self.failures.append(problem)
        if not self._left and not self.all_ended.done():
            self.all_ended.set_result(None)


class _Stream(asyncio.Protocol):
    """One event stream on a connection of its own."""

    def __init__(self, job: Streams, tally: _Tally) -> None:
        self._job, self._tally = job, tally
        self._message = Message()
        self._tail = b""
        self._frames = 0
        self._first = self._last = 0.0
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._began = time.perf_counter()
        transport.write(self._job.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        try:
            body = self._message.feed(data)
        except MessageError as error:
            self._end(str(error))
            return
        if body:
            self._take(body, now / 1e6)
        if self._message.complete:
            self._end(self._problem())

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the connection was closed")

    def give_up(self) -> None:
        self._end("took too long")

    def _take(self, body: bytes, now: float) -> None:
        if not self._first:
            self._first = time.perf_counter()
            self._tally.first.append((self._first - self._began) * 1e3)
            self._tally.opened()
        text, after = self._tail + body, 0
        for stamp in _STAMP.finditer(text):
            after = stamp.end()
            self._frames += 1
            self._tally.transit.append(now - int(stamp[1]) / 1e6)
        if after:
            if self._last:
                self._tally.gaps.append(now - self._last)
            self._last = now
        self._tail = text[max(after, len(text) - _QUOTED) :]

    def _problem(self) -> str:
        if self._message.status != 200:
            return f"status {self._message.status}: {self._tail!r}"
        if self._frames != self._job.frames:
            return f"{self._frames} frames instead of {self._job.frames}"
        return "" if self._tail.endswith(self._job.ending) else f"ended with {self._tail!r}"

    def _end(self, problem: str) -> None:
        if not self._over:
            self._over = True
            self._transport.close()
            self._tally.ended(was_open=bool(self._first), problem=problem)


def _give_up(streams: list[_Stream]) -> None:
    for stream in streams:
        stream.give_up()


async def streams(job: Streams) -> StreamsReport:
    """A stream that fails is reported, not raised."""
    loop = asyncio.get_running_loop()
    tally = _Tally(job.streams)
    began, cpu = time.perf_counter(), time.process_time()
    running: list[_Stream] = []
    for number in range(job.streams):
        await asyncio.sleep(max(0.0, began + job.ramp * number / job.streams - time.perf_counter()))
        _, stream = await loop.create_connection(lambda: _Stream(job, tally), job.host, job.port)
        running.append(stream)
    late = loop.call_later(job.patience, _give_up, running)
    await tally.all_ended
    late.cancel()
    return StreamsReport(
        tally.first,
        tally.transit,
        tally.gaps,
        tally.failures,
        tally.most_open,
        time.perf_counter() - began,
        time.process_time() - cpu,
    )
