"""The simulator's HTTP server: one `aiohttp` application a listening port.

Beside the providers' paths: `GET /__log` (requests received, JSON), `DELETE /__log`, `GET /__stats`.
"""

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from extproc.simulator import delivery, directives, event_bytes, fixed, formats
from extproc.simulator.directives import NONE, Directives
from extproc.simulator.format import Call, Format, Rejected, Reply, encode
from extproc.simulator.request_log import Received, RequestLog, Stats
from extproc.simulator.settings import Settings

_MAX_BODY = 64 << 20
_BACKLOG = 4096
_NO_QUERY: Mapping[str, str] = {}
_HTML = b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n</body>\r\n</html>\r\n"


class Simulator:
    """Answers the requests of one port."""

    def __init__(self, settings: Settings, log: RequestLog, stats: Stats) -> None:
        """Raises KeyError for a format that is not known, DirectiveError for a directive that cannot be read."""
        self._settings = settings
        self._log = log
        self._stats = stats
        self._formats = formats.choose(settings.formats)
        self._always = directives.parse(settings.always)
        self._faults = [(directives.parse(text), chance) for text, chance in settings.faults.items()]
        self._random = random.Random(settings.seed)
        self._fixed = {one.name: fixed.build(one, settings.tokens) for one in self._formats} if settings.fixed else {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request; the only entry for provider paths."""
        self._stats.requests += 1
        self._stats.open += 1
        try:
            response = await self._answer(request, await request.read())
        except (asyncio.CancelledError, ConnectionError):
            self._stats.abandoned += 1
            raise
        finally:
            self._stats.open -= 1
        return response

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        call = self._call(request, body)
        form = next((one for one in self._formats if one.owns(call)), None)
        if self._fixed and form is not None:
            return await self._fixed_answer(request, call, self._fixed[form.name])
        try:
            wanted = self._directives(form, call)
            reply = self._reply(form, call, wanted)
        except Rejected as rejected:
            wanted, reply = NONE, (form or self._formats[-1]).failure(call, rejected)
        self._note(request, body, wanted)
        return await self._send(request, form, reply, wanted)

    def _call(self, request: web.Request, body: bytes) -> Call:
        query = request.query if "?" in request.path_qs else _NO_QUERY
        return Call(
            method=request.method,
            path=request.path,
            query=query,
            headers=request.headers,
            body=body,
            token=secrets.token_hex(12),
            now=int(time.time()),
            keys=self._settings.keys,
            models=self._settings.models,
        )

    def _directives(self, form: Format | None, call: Call) -> Directives:
        asked = _asked(form, call) if b"[[" in call.body and form is not None else {}
        return directives.combine(asked, self._chance(), self._always)

    def _chance(self) -> dict[str, int | float | bool]:
        """At most one of the port's random faults."""
        if not self._faults:
            return {}
        drawn = self._random.random()
        for fault, chance in self._faults:
            drawn -= chance
            if drawn < 0:
                return fault
        return {}

    def _reply(self, form: Format | None, call: Call, wanted: Directives) -> Reply:
        if wanted.html_error is not None:
            page = _HTML % (wanted.html_error, wanted.html_error)
            return Reply(wanted.html_error, {"content-type": "text/html"} | _retry_after(wanted), page)
        if form is None:
            raise Rejected(404, f"Invalid URL ({call.method} {call.path})", kind="invalid_request_error")
        if wanted.status is not None:
            refused = form.failure(call, form.fault(wanted.status))
            return Reply(refused.status, {**refused.headers, **_retry_after(wanted)}, refused.body)
        return form.answer(call, wanted)

    def _note(self, request: web.Request, body: bytes, wanted: Directives) -> None:
        if wanted is not NONE:
            self._stats.directives[str(wanted)] += 1
        if self._log.enabled:
            self._log.add(_received(request, body, wanted))

    async def _send(
        self, request: web.Request, form: Format | None, reply: Reply, wanted: Directives
    ) -> web.StreamResponse:
        if wanted is not NONE and not await delivery.hold_back(request, wanted):
            return web.Response()  # goes nowhere: the connection is closed
        self._stats.statuses[reply.status] += 1
        if form is None or reply.events is None:
            return await delivery.send_body(request, reply, wanted)
        pieces = event_bytes.stream(reply.events, wanted, form.error_event)
        return await self._stream(request, reply, pieces, wanted)

    async def _stream(
        self, request: web.Request, reply: Reply, pieces: delivery.Pieces, wanted: Directives
    ) -> web.StreamResponse:
        self._stats.streams += 1
        try:
            rate = wanted.rate or self._settings.tokens_per_second
            return await delivery.send_stream(request, reply, pieces, wanted, rate, self._stats)
        finally:
            self._stats.streams -= 1

    async def _fixed_answer(self, request: web.Request, call: Call, answer: fixed.Fixed) -> web.StreamResponse:
        if fixed.wants_stream(call):
            return await self._stream(request, answer.streamed, answer.pieces, NONE)
        return web.Response(status=200, headers=answer.whole.headers, body=answer.whole.body)


def _asked(form: Format, call: Call) -> dict[str, int | float | bool]:
    try:
        return directives.find(form.subject(call))
    except directives.DirectiveError as error:
        raise Rejected(400, f"simulator: {error}") from error


def _retry_after(wanted: Directives) -> dict[str, str]:
    return {} if wanted.retry_after is None else {"retry-after": f"{wanted.retry_after:g}"}


def _received(request: web.Request, body: bytes, wanted: Directives) -> Received:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
    chunked = request.headers.get("transfer-encoding", "").lower() == "chunked"
    framing = "chunked" if chunked else "content-length" if "content-length" in request.headers else "none"
    return Received(request.method, request.raw_path, headers, body, framing, str(wanted))


def build_app(settings: Settings, log: RequestLog, stats: Stats | None = None) -> web.Application:
    """The application of one port. Run it with `handler_cancellation=True`, so that a client that leaves ends its
    answer, and `auto_decompress=False`, so that the log has bodies as they came."""
    stats = stats if stats is not None else Stats()
    simulator = Simulator(settings, log, stats)

    async def read_log(_: web.Request) -> web.Response:
        return _json([received.document() for received in log])

    async def clear_log(_: web.Request) -> web.Response:
        log.clear()
        return web.Response(status=204)

    async def read_stats(_: web.Request) -> web.Response:
        return _json(stats.document())

    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_get("/__log", read_log)
    app.router.add_delete("/__log", clear_log)
    app.router.add_get("/__stats", read_stats)
    app.router.add_route("*", "/{path:.*}", simulator.handle)
    return app


def _json(document: Any) -> web.Response:
    return web.Response(body=encode(document), content_type="application/json")


@dataclass(frozen=True, slots=True)
class Running:
    """A port that listens. `port` is 0 for a Unix socket."""

    listen: str
    port: int
    log: RequestLog
    stats: Stats

    @property
    def url(self) -> str:
        return f"http://{self.listen}"


@contextlib.asynccontextmanager
async def running(settings: Settings, listen: str = "127.0.0.1:0") -> AsyncIterator[Running]:
    """Serves while the context lasts. `listen` is `host:port` (0 takes a free one), `[v6]:port` or `unix:/path`."""
    log, stats = RequestLog(settings.log_size), Stats()
    runner = web.AppRunner(
        build_app(settings, log, stats),
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        shutdown_timeout=0.5,
    )
    await runner.setup()
    try:
        yield await _listening(runner, listen, log, stats)
    finally:
        await runner.cleanup()


async def _listening(runner: web.AppRunner, listen: str, log: RequestLog, stats: Stats) -> Running:
    if listen.startswith("unix:"):
        await web.UnixSite(runner, listen.removeprefix("unix:"), backlog=_BACKLOG).start()
        return Running(listen, 0, log, stats)
    host, _, port = listen.rpartition(":")
    await web.TCPSite(runner, host.strip("[]"), int(port), backlog=_BACKLOG).start()
    bound = int(runner.addresses[0][1])
    return Running(f"{host}:{bound}", bound, log, stats)


async def serve(settings: Settings, listen: str) -> None:
    """Serves until cancelled."""
    async with running(settings, listen):
        await asyncio.Event().wait()
