"""The gRPC server of one worker: one Unix socket, the ext_proc service and the health service."""

import asyncio
import os
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

_MOST_MESSAGE_BYTES = 256 << 20  # Envoy's buffer limits decide; this only bounds what a stray client could send
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", _MOST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MOST_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 1_000_000),  # every open LLM stream holds one
    # By default gRPC cancels streams at random while more than 1,000 wait to be taken up, as they do after a burst.
    ("grpc.server.max_pending_requests", 1_000_000),
    ("grpc.server.max_pending_requests_hard_limit", 1_000_000),
)


class Listener:
    """Serves on `socket`. Health is NOT_SERVING until `ready` and again from `drain` on, so Envoy sends nothing new."""

    def __init__(self, socket: Path, handler: grpc.GenericRpcHandler) -> None:
        self._socket = socket
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((handler,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self) -> None:
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        previous = os.umask(0o077)
        try:
            self._server.add_insecure_port(f"unix:{self._socket}")
        finally:
            os.umask(previous)
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def drain(self, notice_seconds: float, grace_seconds: float) -> None:
        """Fails health checks, waits until Envoy has noticed, then lets open streams finish for `grace_seconds`."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(notice_seconds)
        await self._server.stop(grace_seconds)
