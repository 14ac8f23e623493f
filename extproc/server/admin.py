"""The admin port: metrics of all workers, health, readiness, the document in force with its secrets hidden, and the way
to the admin API.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from extproc.server.admin_proxy import AdminProxy
from extproc.server.supervisor import Supervisor
from extproc.telemetry.metrics import CONTENT_TYPE

Handler = Callable[[web.Request], Awaitable[web.Response]]


def build_admin(
    supervisor: Supervisor,
    exposition: Callable[[], bytes],
    config_view: Callable[[], dict[str, Any]],
    proxy: AdminProxy,
) -> web.Application:
    """`exposition` gives the metrics as Prometheus text, `config_view` the document without secrets.

    `proxy` is asked for everything else.
    """

    async def metrics(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(exposition)  # reads a file a worker and metric type: long enough to be felt
        return web.Response(body=text, headers={"content-type": CONTENT_TYPE})

    async def healthz(_: web.Request) -> web.Response:
        return _status(supervisor, ok=supervisor.alive)

    async def readyz(_: web.Request) -> web.Response:
        return _status(supervisor, ok=supervisor.ready)

    async def config(_: web.Request) -> web.Response:
        return web.json_response(config_view(), dumps=lambda value: json.dumps(value, indent=2) + "\n")

    app = web.Application()
    routes: dict[str, Handler] = {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz, "/config": config}
    for path, handler in routes.items():
        app.router.add_get(path, handler)
    app.router.add_route("*", "/{path:.*}", proxy.forward)
    app.on_cleanup.append(proxy.close)
    return app


def _status(supervisor: Supervisor, *, ok: bool) -> web.Response:
    workers = [
        {"index": worker.index, "state": worker.state, "version": worker.version, "restarts": worker.restarts}
        for worker in supervisor.workers
    ]
    return web.json_response({"ok": ok, "workers": workers}, status=200 if ok else 503)
