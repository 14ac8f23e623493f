"""A server on loopback that answers as token endpoints do, and remembers what it was asked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Asked:
    """One request: `query` and `form` as they were, `headers` with names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]
    body: bytes


@dataclass
class TokenServer:
    """Gives its answers in turn, the last one for ever. An answer is a status and a JSON value, or text as it is."""

    url: str
    answers: list[tuple[int, Any]]
    asked: list[Asked] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        form = {name: str(value) for name, value in (await request.post()).items()}
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, request.path, dict(request.query), headers, form, body))
        status, value = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = value if isinstance(value, str) else json.dumps(value)
        content_type = "text/xml" if text.startswith("<") else "application/json"
        return web.Response(status=status, text=text, content_type=content_type)


@asynccontextmanager
async def token_server(*answers: tuple[int, Any]) -> AsyncIterator[TokenServer]:
    app = web.Application()
    server = TokenServer("", list(answers))
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()
