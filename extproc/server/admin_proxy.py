"""Hands requests for the admin API to a worker: the store is the workers', and the supervisor has none."""

from collections.abc import Callable
from pathlib import Path

import aiohttp
from aiohttp import web

from extproc.server.door import admin_socket
from extproc.server.supervisor import Supervisor, worker_socket

_MOST_BYTES = 64 << 10
_TIMEOUT = aiohttp.ClientTimeout(total=30)
_PASSED_ON = ("authorization", "content-type")
_PASSED_BACK = ("content-type", "cache-control", "www-authenticate", "retry-after")


class AdminProxy:
    def __init__(self, supervisor: Supervisor, socket_dir: Path, wanted: Callable[[], bool]) -> None:
        """`wanted` says whether the document in force has tokens for the API."""
        self._supervisor = supervisor
        self._socket_dir = socket_dir
        self._wanted = wanted
        self._sessions: dict[int, aiohttp.ClientSession] = {}

    async def forward(self, request: web.Request) -> web.Response:
        """The answer of the first worker that is ready, and there: what one changes, all know within a second."""
        if not self._wanted():
            return _error(404, "This path is not served here: the document has no admin.tokens.", "unknown_path")
        if (request.content_length or 0) > _MOST_BYTES:
            return _error(413, f"The body is larger than {_MOST_BYTES} bytes.", "request_too_large")
        for worker in self._supervisor.workers:
            if worker.state == "ready":
                try:
                    return await self._ask(worker.index, request)
                except aiohttp.ClientConnectorError:
                    continue  # it has just died: nothing was asked of it
        return _error(503, "No worker is ready.", "unavailable")

    async def close(self, _: web.Application) -> None:
        for session in self._sessions.values():
            await session.close()

    async def _ask(self, index: int, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        try:
            async with self._session(index).request(
                request.method, f"http://worker{request.rel_url}", headers=headers, data=await request.read()
            ) as answer:
                kept = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError):
            return _error(503, "The worker did not answer.", "unavailable")

    def _session(self, index: int) -> aiohttp.ClientSession:
        if index not in self._sessions:
            path = str(admin_socket(worker_socket(self._socket_dir, index)))
            self._sessions[index] = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path), timeout=_TIMEOUT)
        return self._sessions[index]


def _error(status: int, message: str, code: str) -> web.Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return web.json_response(body, status=status, headers={"cache-control": "no-store"})
