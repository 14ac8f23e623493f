"""A server on loopback that judges texts, and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from extproc.clients.judge import Connections

Answer = tuple[int, Any]


@dataclass
class JudgeServer:
    """`answer` makes a status and a JSON value, or text as it is, of what was asked; without one there is none before
    all is over.

    `connections` counts the connections that were opened, `most_at_once` the requests that were there together.
    """

    answer: Callable[[Any], Answer] | None
    url: str = ""
    asked: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    most_at_once: int = 0
    _now: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            return await self._answer(request)
        finally:
            self._now -= 1

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.connections.add(request.transport)
        self.bodies.append(body)
        self.asked.append((request.path, json.loads(body)))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.answer is None:
            await self.over.wait()
            return web.Response()
        await asyncio.sleep(0)
        status, value = self.answer(json.loads(body))
        return web.Response(status=status, text=value if isinstance(value, str) else json.dumps(value))


@asynccontextmanager
async def judge_server(answer: Callable[[Any], Answer] | None) -> AsyncIterator[tuple[JudgeServer, Connections]]:
    app = web.Application()
    server = JudgeServer(answer)
    app.router.add_post("/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    connections = Connections()
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server, connections
    finally:
        server.over.set()
        await connections.close()
        await runner.cleanup()
