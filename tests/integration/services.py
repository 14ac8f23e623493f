"""Services beside the gateway, for a test: on loopback, in a thread of their own."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.ports import free_port

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service(ABC):
    """Answers POSTs, by path, while it is `serving`. `asked` are the JSON bodies that it noted.

    `never` is an answer that does not come before all is over.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    def handlers(self) -> Mapping[str, Handler]: ...

    async def note(self, request: web.Request) -> dict[str, Any]:
        asked: dict[str, Any] = await request.json()
        self.asked.append(asked)
        return asked

    async def never(self, request: web.Request) -> web.Response:
        await self.note(request)
        await self._stop.wait()
        return web.Response()

    @contextmanager
    def serving(self) -> Iterator[None]:
        started = threading.Event()
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(started),), daemon=True)
        thread.start()
        assert started.wait(10)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(10)

    async def _run(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        app = web.Application()
        app.add_routes([web.post(path, handler) for path, handler in self.handlers().items()])
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        started.set()
        await self._stop.wait()
        await runner.cleanup()
