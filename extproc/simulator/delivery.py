"""Sends a reply over the connection, as slowly and as badly as a directive asks."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping

from aiohttp import web

from extproc.simulator import event_bytes
from extproc.simulator.directives import Directives
from extproc.simulator.format import Reply
from extproc.simulator.request_log import Stats

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, no seconds
Pieces = Iterable[tuple[bytes, int]]


async def hold_back(request: web.Request, directives: Directives) -> bool:
    """What happens before an answer. Says whether one may still be given; otherwise the connection is gone."""
    if directives.reset:
        hang_up(request, reset=True)
        return False
    if directives.stall is not None:
        await asyncio.sleep(directives.stall)
        hang_up(request, reset=False)
        return False
    if directives.slow_headers is not None:
        await asyncio.sleep(directives.slow_headers)
    return True


async def send_body(request: web.Request, reply: Reply, directives: Directives) -> web.StreamResponse:
    """A body that is not streamed. Cut or reset, its second half is missing."""
    body = event_bytes.gzipped(reply.body) if directives.gzip else reply.body
    headers = _encoded(reply.headers, directives)
    hanging = _hangs_after(directives) is not None
    if not hanging and directives.split is None:
        return web.Response(status=reply.status, headers=headers, body=body)
    length = {"content-length": str(len(body))}
    response = web.StreamResponse(status=reply.status, headers={**headers, **length})
    await response.prepare(request)
    await _write(response, body[: len(body) // 2] if hanging else body, directives.split)
    if hanging:
        hang_up(request, reset=directives.reset_after is not None)
    return response


async def send_stream(
    request: web.Request, reply: Reply, pieces: Pieces, directives: Directives, rate: float | None, stats: Stats
) -> web.StreamResponse:
    """A stream, `rate` tokens a second: a piece is due when the tokens before it and its own have had their time."""
    response = web.StreamResponse(status=reply.status, headers=_encoded(reply.headers, directives))
    await response.prepare(request)
    clock = asyncio.get_running_loop().time
    due, last = clock(), _hangs_after(directives)
    for number, (data, tokens) in enumerate(pieces):
        if number == last:
            hang_up(request, reset=directives.reset_after is not None)
            break
        if rate is not None and tokens:
            due += tokens / rate
            await asyncio.sleep(max(0.0, due - clock()))
        stats.output_tokens += tokens
        await _write(response, data, directives.split)
    return response


async def _write(response: web.StreamResponse, data: bytes, split: int | None) -> None:
    if split is None:
        await response.write(data)
        return
    for piece in event_bytes.cut(data, split):
        await response.write(piece)
        await asyncio.sleep(0)  # so that pieces leave one by one


def hang_up(request: web.Request, *, reset: bool) -> None:
    """Ends the TCP connection: FIN after what was written, or RST."""
    transport = request.transport
    if transport is None:
        return  # the client was faster
    if not reset:
        transport.close()
        return
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def _hangs_after(directives: Directives) -> int | None:
    return directives.cut_after if directives.reset_after is None else directives.reset_after


def _encoded(headers: Mapping[str, str], directives: Directives) -> dict[str, str]:
    return {**headers, "content-encoding": "gzip"} if directives.gzip else dict(headers)
