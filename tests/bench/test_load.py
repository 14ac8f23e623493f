"""The load generator against an upstream of its own, in one process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bench import payloads
from bench.gateway import OPENAI_MODEL
from bench.jobs import ClosedLoop, Streams, decode_job, decode_report, encode
from bench.load import LoadError, closed_loop, streams
from bench.payloads import ANTHROPIC_ENDING, OPENAI_ENDING
from bench.upstream import Down, Provider

HOST = "127.0.0.1"


@asynccontextmanager
async def listening(protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(protocol, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def a_loop(port: int, *, connections: int = 1, requests: int = 10, warmup: int = 0) -> ClosedLoop:
    request = payloads.openai_chat(OPENAI_MODEL, 1024, payloads.words(5))
    return ClosedLoop(HOST, port, request, connections, requests, seconds=30.0, warmup=warmup)


def some_streams(port: int, request: bytes, ending: bytes, *, frames: int = 5) -> Streams:
    return Streams(HOST, port, request, streams=3, frames=frames, ending=ending, ramp=0.0, patience=10.0)


def openai_stream(frames: int) -> bytes:
    asked = payloads.frames(frames, 0.001)
    return payloads.openai_chat(OPENAI_MODEL, 1024, asked, stream=True)


async def test_a_closed_loop_sends_the_requests_it_was_told_to() -> None:
    async with listening(Provider) as port:
        report = await closed_loop(a_loop(port, connections=4, requests=10))

    assert (report.count, len(report.milliseconds)) == (10, 10)


async def test_warm_up_requests_are_counted_but_not_timed() -> None:
    async with listening(Provider) as port:
        report = await closed_loop(a_loop(port, connections=2, requests=10, warmup=2))

    assert report.count == 10
    assert len(report.milliseconds) == 6


async def test_an_error_answer_ends_a_closed_loop() -> None:
    async with listening(Down) as port:
        with pytest.raises(LoadError, match=r"status 503: .*overloaded"):
            await closed_loop(a_loop(port))


async def test_a_stream_brings_its_frames_and_the_time_each_took() -> None:
    async with listening(Provider) as port:
        report = await streams(some_streams(port, openai_stream(5), OPENAI_ENDING))

    assert report.failures == []
    assert (len(report.first), len(report.transit), report.most_open) == (3, 15, 3)
    assert min(report.transit) >= 0


async def test_a_stream_may_be_anthropics() -> None:
    asked = payloads.frames(5, 0.001)
    request = payloads.anthropic_messages("claude-sonnet-4-6", 1024, asked, stream=True)

    async with listening(Provider) as port:
        report = await streams(some_streams(port, request, ANTHROPIC_ENDING))

    assert report.failures == []


async def test_a_stream_that_lacks_frames_has_failed() -> None:
    async with listening(Provider) as port:
        report = await streams(some_streams(port, openai_stream(4), OPENAI_ENDING, frames=5))

    assert report.failures == ["4 frames instead of 5"] * 3


async def test_a_stream_that_is_refused_has_failed() -> None:
    async with listening(Down) as port:
        report = await streams(some_streams(port, openai_stream(5), OPENAI_ENDING))

    assert [failure[:11] for failure in report.failures] == ["status 503:"] * 3


async def test_a_stream_that_ends_otherwise_has_failed() -> None:
    async with listening(Provider) as port:
        report = await streams(some_streams(port, openai_stream(5), b"data: [GONE]\n\n"))

    assert [failure[:11] for failure in report.failures] == ["ended with "] * 3


def test_jobs_and_reports_survive_the_pipe() -> None:
    job = a_loop(1234)

    assert decode_job(encode(job)) == job
    assert decode_report(b'{"type":"failed","message":"status 500"}').message == "status 500"
