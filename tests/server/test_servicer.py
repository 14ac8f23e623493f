"""The ext_proc service over a real socket: every message gets an answer, whatever becomes of the exchange."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from extproc.errors import NoBackendAvailable
from extproc.exchange.actions import Continue, Respond, Upstream
from extproc.exchange.events import Attempt, RequestBody, RequestHeaders
from extproc.pb import ext_proc_pb2 as pb
from extproc.server.exchanges import Exchanges
from extproc.server.listener import Listener
from extproc.server.servicer import METHOD, Servicer

CONTINUE = Continue()
SECRET = "the words of a prompt"


class FakeExchange:
    """Answers as it is told, or raises it."""

    request_id = "request-1"

    def __init__(self, *, body: Any = CONTINUE, attempt: Any = None, close: Exception | None = None) -> None:
        self.id = "exchange-1"
        self.closed = 0
        self._body, self._attempt, self._close = body, attempt, close

    async def request_headers(self, _: RequestHeaders) -> Continue:
        return CONTINUE

    async def request_body(self, _: RequestBody) -> Any:
        return _given(self._body)

    async def attempt(self, _: Attempt) -> Any:
        return _given(self._attempt)

    def refuse(self, error: Any) -> Respond:
        shown = {"type": error.type, "code": error.code, "message": error.message}
        return Respond(error.status, (), json.dumps({"error": shown}).encode(), "refused")

    def close(self) -> None:
        self.closed += 1
        if self._close is not None:
            raise self._close


def _given(result: Any) -> Any:
    if isinstance(result, Exception):
        raise result
    return result


class Counts:
    """How often what was counted."""

    def __init__(self) -> None:
        self.opened = self.closed = self.defects = 0

    def exchange_opened(self) -> None:
        self.opened += 1

    def exchange_closed(self) -> None:
        self.closed += 1

    def internal_error(self) -> None:
        self.defects += 1


class Service:
    """A servicer on a socket, and what it did. Exchanges are served in the order they are given in `exchanges`."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        exchanges: list[FakeExchange],
        counts: Counts,
        live: Exchanges,
        relays: list[bool],
    ) -> None:
        self.exchanges, self.counts, self.live, self.relays = exchanges, counts, live, relays
        self._open = channel.stream_stream(
            METHOD,
            request_serializer=pb.ProcessingRequest.SerializeToString,
            response_deserializer=pb.ProcessingResponse.FromString,
        )

    def stream(self, **metadata: str) -> Any:
        return self._open(metadata=[(name.replace("_", "-"), value) for name, value in metadata.items()])


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    waiting: list[FakeExchange] = []
    relays: list[bool] = []
    counts, live = Counts(), Exchanges()

    class Begins:
        def begin(self, _snapshot: object, _new_id: str, *, relayed: bool) -> FakeExchange:
            relays.append(relayed)
            return waiting.pop(0)

    servicer = Servicer(Begins(), lambda: None, live, lambda: "unused", counts)  # type: ignore[arg-type, return-value]
    listener = Listener(tmp_path / "w.sock", servicer.handler())
    await listener.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/w.sock") as channel:
        yield Service(channel, waiting, counts, live, relays)
    await listener.drain(0.0, 0.0)


HEADERS = pb.ProcessingRequest(request_headers=pb.HttpHeaders())
BODY = pb.ProcessingRequest(request_body=pb.HttpBody(body=SECRET.encode(), end_of_stream=True))


async def replies(stream: Any, *messages: pb.ProcessingRequest) -> list[pb.ProcessingResponse]:
    found = []
    for message in messages:
        await stream.write(message)
        found.append(await asyncio.wait_for(stream.read(), 5))
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_defect_is_answered_counted_and_logged_once(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.exchanges += [FakeExchange(body=KeyError(SECRET)), FakeExchange()]
    with caplog.at_level(logging.INFO):
        stream = service.stream()
        _, failed = await replies(stream, HEADERS, BODY)
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
    assert failed.immediate_response.status.code == 500
    error = json.loads(failed.immediate_response.body)["error"]
    assert (error["type"], error["code"]) == ("api_error", "internal_error")
    assert SECRET not in error["message"]
    assert service.counts.defects == 1
    (line,) = [record for record in caplog.records if record.name.startswith("extproc")]
    assert (line.getMessage(), line.fields) == ("exchange failed", {"request_id": "request-1"})  # type: ignore[attr-defined]
    _, good = await replies(service.stream(), HEADERS, BODY)
    assert good.WhichOneof("response") == "request_body"


async def test_a_gateway_error_is_no_defect(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.exchanges.append(FakeExchange(body=NoBackendAvailable("All are down.")))
    _, refused = await replies(service.stream(), HEADERS, BODY)
    assert refused.immediate_response.status.code == 503
    assert service.counts.defects == 0
    assert not [record for record in caplog.records if record.name.startswith("extproc")]


@pytest.mark.parametrize("message", [pb.ProcessingRequest(), pb.ProcessingRequest(request_trailers=pb.HttpTrailers())])
async def test_a_message_that_was_not_asked_for_gets_an_answer_too(
    service: Service, message: pb.ProcessingRequest
) -> None:
    service.exchanges.append(FakeExchange())
    (refused,) = await replies(service.stream(), message)
    assert refused.immediate_response.status.code == 500


@pytest.mark.parametrize("how", ["finished", "cancelled"])
async def test_an_exchange_is_closed_once_however_its_stream_ends(service: Service, how: str) -> None:
    exchange = FakeExchange()
    service.exchanges.append(exchange)
    stream = service.stream()
    await replies(stream, HEADERS)
    assert (len(service.live), service.counts.opened, service.counts.closed) == (1, 1, 0)
    if how == "cancelled":
        stream.cancel()
    else:
        await stream.done_writing()
    await until(lambda: exchange.closed == 1)
    assert (len(service.live), service.counts.closed) == (0, 1)


async def test_a_defect_in_closing_harms_nobody(service: Service) -> None:
    exchange = FakeExchange(close=ZeroDivisionError())
    service.exchanges += [exchange, FakeExchange()]
    stream = service.stream()
    await replies(stream, HEADERS)
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF
    assert (exchange.closed, len(service.live), service.counts.closed, service.counts.defects) == (1, 0, 1, 1)
    assert (await replies(service.stream(), HEADERS))[0].WhichOneof("response") == "request_headers"


@pytest.mark.parametrize(("said", "relayed"), [({"x_llm_relay": "yes"}, True), ({}, False)])
async def test_envoy_says_whether_it_has_the_relay(service: Service, said: dict[str, str], relayed: bool) -> None:
    service.exchanges.append(FakeExchange())
    await replies(service.stream(**said), HEADERS)
    assert service.relays == [relayed]


async def test_a_later_attempt_finds_its_exchange(service: Service) -> None:
    service.exchanges.append(FakeExchange(attempt=Upstream("/p", "b.example.com", (), (), b"{}", ("b",))))
    await replies(first := service.stream(), HEADERS)
    (replaced,) = await replies(service.stream(x_llm_phase="attempt", x_llm_exchange="exchange-1"), HEADERS)
    assert replaced.request_headers.response.status == pb.CommonResponse.CONTINUE_AND_REPLACE
    assert len(service.live) == 1
    first.cancel()


@pytest.mark.parametrize("exchange_id", [{}, {"x_llm_exchange": ""}, {"x_llm_exchange": "another"}])
async def test_an_attempt_of_no_exchange_is_aborted(service: Service, exchange_id: dict[str, str]) -> None:
    stream = service.stream(x_llm_phase="attempt", **exchange_id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:  # nothing is written: that could fail first, and otherwise
        await asyncio.wait_for(stream.read(), 5)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_defect_in_an_attempt_is_answered(service: Service) -> None:
    service.exchanges.append(FakeExchange(attempt=RuntimeError(SECRET)))
    await replies(first := service.stream(), HEADERS)
    (failed,) = await replies(service.stream(x_llm_phase="attempt", x_llm_exchange="exchange-1"), HEADERS)
    assert failed.immediate_response.status.code == 500
    assert service.counts.defects == 1
    first.cancel()
