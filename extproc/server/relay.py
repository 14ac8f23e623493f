"""Gives Envoy the answers that are under way in this worker, over HTTP on a socket of its own (`exchange.relay`).

Envoy asks with the id of the exchange that follows: unguessable, and never the caller's. 503 sends it on to a provider.
"""

import contextlib

from aiohttp import web

from extproc.server.exchanges import Exchanges

_EVENT_STREAM, _JSON = "text/event-stream", "application/json"


def build_relay(exchanges: Exchanges) -> web.Application:
    async def answer(request: web.Request) -> web.StreamResponse:
        exchange = exchanges.find(request.match_info["exchange"])
        followed = await exchange.followed() if exchange is not None else None
        if followed is None:
            return web.Response(status=503)
        if not followed.streamed:
            body = b"".join([piece async for piece in followed.pieces])
            return web.Response(body=body, content_type=_JSON)
        response = web.StreamResponse(headers={"content-type": _EVENT_STREAM})
        with contextlib.suppress(ConnectionResetError):  # the caller has left, and Envoy with it
            await response.prepare(request)
            async for piece in followed.pieces:
                await response.write(piece)
            await response.write_eof()
        return response

    app = web.Application()
    app.router.add_route("*", "/{exchange}", answer)
    return app
