"""A worker's own HTTP listener, on a Unix socket beside its gRPC one: the supervisor hands it the admin API's requests.

It is open while the document has tokens for that API; HTTP's library is imported no sooner.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web


class Door:
    def __init__(self, worker_socket: Path, build: Callable[[], "web.Application"]) -> None:
        """`build` makes the application when it is first wanted."""
        self._socket = door_of(worker_socket)
        self._build = build
        self._runner: web.AppRunner | None = None

    async def follow(self, *, wanted: bool) -> None:
        """Opens when the API is wanted; once open it stays, and says itself that it is off."""
        if not wanted or self._runner is not None:
            return
        from aiohttp import web

        self._runner = web.AppRunner(self._build(), access_log=None)
        await self._runner.setup()
        self._socket.unlink(missing_ok=True)
        await web.UnixSite(self._runner, str(self._socket)).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


def door_of(worker_socket: Path) -> Path:
    """The door's socket, by that of the worker."""
    return worker_socket.with_suffix(".admin.sock")
