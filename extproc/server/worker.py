"""One worker: a process with an event loop and a Unix socket of its own.

It tells the supervisor what becomes of it in lines of JSON on a pipe, and ends when the supervisor is gone.
"""

import asyncio
import json
import logging
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from extproc.clients.sources import fetched_credentials
from extproc.clients.tokens import TokenKeeper
from extproc.exchange import relay
from extproc.pipeline.processor import Processor
from extproc.server.current import Current
from extproc.server.door import Door
from extproc.server.exchanges import Exchanges
from extproc.server.listener import Listener
from extproc.server.relay import build_relay
from extproc.server.servicer import Gauges, Servicer
from extproc.server.upkeep import Upkeep

_log = logging.getLogger(__name__)
_NOTICE_SECONDS = 2.5  # a little more than Envoy's health-check interval
_TOKEN_PATIENCE_SECONDS = 5.0  # how long a document waits for its credentials before it is served from without them


class WorkerMetrics(Gauges, Protocol):
    def config_loaded(self, now: float) -> None: ...

    def config_rejected(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """`status_fd` is the writing end of the pipe to the supervisor, `grace_seconds` how long a drain may last."""

    socket: Path
    status_fd: int
    grace_seconds: float


class Worker:
    def __init__(
        self,
        options: WorkerOptions,
        current: Current,
        processor: Processor,
        keeper: TokenKeeper,
        upkeep: Upkeep,
        door: Door,
        metrics: WorkerMetrics,
    ) -> None:
        self._options = options
        self._current = current
        self._keeper = keeper
        self._upkeep = upkeep
        self._door = door
        self._metrics = metrics
        self._exchanges = Exchanges()
        self._relay = Door(
            Path(relay.socket_of(str(options.socket))), lambda: build_relay(self._exchanges), cancels=True
        )
        servicer = Servicer(processor, current.snapshot, self._exchanges, lambda: secrets.token_hex(16), metrics)
        self._listener = Listener(options.socket, servicer.handler())
        self._stop = asyncio.Event()
        self._loading: set[asyncio.Task[None]] = set()
        self._one_document = asyncio.Lock()
        self._orphaned = False

    async def run(self) -> None:
        """Serves until SIGTERM (drains) or until the supervisor is gone (stops at once)."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the terminal sends it to all; the supervisor decides
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_reader(sys.stdin.fileno(), self._on_orphaned)
        await self._keeper.prepare(fetched_credentials(self._current.snapshot().gateway), _TOKEN_PATIENCE_SECONDS)
        await self._upkeep.start()
        await self._open_doors()
        await self._listener.start()
        self._metrics.config_loaded(time.time())
        self._tell("ready")
        await self._stop.wait()
        self._tell("draining")
        grace = 0.0 if self._orphaned else self._options.grace_seconds
        await self._listener.drain(0.0 if self._orphaned else _NOTICE_SECONDS, grace)
        await self._relay.close()
        await self._door.close()
        await self._upkeep.stop()
        await self._keeper.close()
        _log.info("worker stopped", extra={"fields": {"exchanges_left": len(self._exchanges)}})

    def _reload(self) -> None:
        task = asyncio.create_task(self._load())
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    async def _load(self) -> None:
        """Takes a new document into force as soon as what it needs was fetched; one after the other."""
        async with self._one_document:
            snapshot = await self._current.read_again()
            if snapshot is None:
                self._metrics.config_rejected()
            else:
                credentials = fetched_credentials(snapshot.gateway)
                await self._keeper.prepare(credentials, _TOKEN_PATIENCE_SECONDS)
                self._current.replace(snapshot)
                self._keeper.keep_only(credentials)
                await self._open_doors()
                self._metrics.config_loaded(time.time())
            if not self._stop.is_set():
                self._tell("ready")

    async def _open_doors(self) -> None:
        gateway = self._current.snapshot().gateway
        await self._door.follow(wanted=bool(gateway.admin_tokens))
        await self._relay.follow(wanted=gateway.cache is not None)

    def _on_orphaned(self) -> None:
        """The supervisor holds the other end of our standard input; it never writes."""
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._orphaned = True
            self._stop.set()

    def _tell(self, state: str) -> None:
        line = json.dumps({"state": state, "version": self._current.snapshot().version}) + "\n"
        os.write(self._options.status_fd, line.encode())
