"""An HTTP listener of a worker's own, on a Unix socket beside its gRPC one, for what the document asks for."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

_MOST_HEADER_BYTES = 8 << 20  # Envoy's own bound may be set as high, and what it let in is not ours to refuse
_CLOSING_SECONDS = 1.0  # for requests under way: a drain has had its grace, and a pod that ends has no minute left


class Door:
    """Open while it is wanted. `cancels`: a request is worked on no longer than somebody waits for it."""

    def __init__(self, path: Path, build: Callable[[], web.Application], *, cancels: bool) -> None:
        """`build` makes the application when it is first wanted."""
        self._path = path
        self._build = build
        self._cancels = cancels
        self._runner: web.AppRunner | None = None

    async def follow(self, *, wanted: bool) -> None:
        """Opens when it is wanted; once open it stays, and what is behind it says itself that it is off."""
        if not wanted or self._runner is not None:
            return
        self._runner = web.AppRunner(
            self._build(),
            access_log=None,
            handler_cancellation=self._cancels,
            max_field_size=_MOST_HEADER_BYTES,
            shutdown_timeout=_CLOSING_SECONDS,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, _bound(self._path)).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


def _bound(path: Path) -> socket.socket:
    """A socket for this user alone."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o077)
    try:
        listening.bind(str(path))
    finally:
        os.umask(previous)
    return listening


def admin_socket(worker_socket: Path) -> Path:
    """Where the supervisor hands requests for the admin API to a worker, by the worker's socket."""
    return worker_socket.with_suffix(".admin.sock")
