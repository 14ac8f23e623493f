"""The ext_proc service, envoy.service.ext_proc.v3.ExternalProcessor.

Envoy opens one stream for each exchange from the listener's filter (phase `exchange`), and one for each later attempt
from the chosen cluster's filter (phase `attempt`); gRPC initial metadata tells them apart. A stream that ends without
an answer would let the request through unchecked, whatever Envoy's `failure_mode_allow` says: so every message gets an
answer, or the stream is aborted with an error status.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import grpc
from grpc.aio import EOF, ServicerContext

from extproc.errors import GatewayError, InternalError
from extproc.exchange.actions import Cut
from extproc.pipeline.processor import Exchange, Processor
from extproc.pipeline.snapshot import Snapshot
from extproc.server import codec
from extproc.server.exchanges import Exchanges

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
_log = logging.getLogger(__name__)
_R = TypeVar("_R")


class Gauges(Protocol):
    """What is counted here, beside the record that each exchange makes of itself."""

    def exchange_opened(self) -> None: ...

    def exchange_closed(self) -> None: ...

    def internal_error(self) -> None: ...


class Servicer:
    """Serves streams of one worker. `snapshot` gives the current document; an exchange keeps the one it began with."""

    def __init__(
        self,
        processor: Processor,
        snapshot: Callable[[], Snapshot],
        exchanges: Exchanges,
        new_id: Callable[[], str],
        gauges: Gauges,
    ) -> None:
        self._processor = processor
        self._snapshot = snapshot
        self._exchanges = exchanges
        self._new_id = new_id
        self._gauges = gauges

    def handler(self) -> grpc.GenericRpcHandler:
        """The method as gRPC wants it: requests parsed, replies already bytes."""
        method: grpc.RpcMethodHandler[codec.Request, bytes] = grpc.stream_stream_rpc_method_handler(
            self.process, request_deserializer=codec.parse, response_serializer=None
        )
        service, _, name = METHOD[1:].partition("/")
        return grpc.method_handlers_generic_handler(service, {name: method})

    async def process(self, _: object, context: "ServicerContext[Any, Any]") -> None:
        metadata = dict(context.invocation_metadata() or ())
        if metadata.get("x-llm-phase") == "attempt":
            await self._attempt(str(metadata.get("x-llm-exchange", "")), context)
        else:
            await self._exchange(context, relayed=metadata.get("x-llm-relay") == "yes")

    async def _exchange(self, context: "ServicerContext[Any, Any]", *, relayed: bool) -> None:
        exchange = self._processor.begin(self._snapshot(), self._new_id(), relayed=relayed)
        self._gauges.exchange_opened()
        try:
            with self._exchanges.holding(exchange):
                while (message := await context.read()) is not EOF:
                    await context.write(await self._reply(exchange, message, retry=False))
        except Cut:
            await context.abort(grpc.StatusCode.ABORTED, "the stream was ended")
        finally:
            await self._defended(exchange, _closing(exchange))
            self._gauges.exchange_closed()

    async def _attempt(self, exchange_id: str, context: "ServicerContext[Any, Any]") -> None:
        exchange = self._exchanges.find(exchange_id)
        if exchange is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such exchange here")
        else:
            while (message := await context.read()) is not EOF:
                await context.write(await self._reply(exchange, message, retry=True))

    async def _reply(self, exchange: Exchange, message: codec.Request, *, retry: bool) -> bytes:
        try:
            reply = await self._defended(exchange, codec.answer(exchange, message, retry=retry))
        except GatewayError as error:
            return codec.respond(exchange.refuse(error))
        return reply or codec.respond(exchange.refuse(InternalError("The gateway failed to handle the request.")))

    async def _defended(self, exchange: Exchange, work: Awaitable[_R]) -> _R | None:
        """What `work` gives, or None when it failed by a defect of ours, which must not take a worker down."""
        try:
            return await work
        except (GatewayError, Cut):
            raise
        except Exception:  # noqa: BLE001 - the one place: whatever it is, it is counted, logged once and answered
            self._gauges.internal_error()
            _log.exception("exchange failed", extra={"fields": {"request_id": exchange.request_id}})
            return None


async def _closing(exchange: Exchange) -> None:
    exchange.close()
