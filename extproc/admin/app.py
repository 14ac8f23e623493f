"""The admin API over HTTP: who may ask, what they ask, and how they are answered. The rest is in the handlers.

Every answer is JSON, errors in the form that OpenAI's have.
"""

import hmac
from collections.abc import Sequence
from functools import partial
from hashlib import sha256

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from extproc.admin.asked import body_values, checked, query_values
from extproc.admin.openapi import openapi
from extproc.admin.refusals import AdminOff, AdminUnauthenticated
from extproc.admin.registrar import Office, Registrar
from extproc.admin.routes import ROUTES, Route
from extproc.config.model import Secret
from extproc.errors import GatewayError

_MOST_BYTES = 64 << 10
_HEADERS = {"cache-control": "no-store"}  # an answer may have a key


def build_admin_api(office: Office) -> web.Application:
    """The API, all of it 404 while the document in force has no `admin.tokens`."""
    app = web.Application(client_max_size=_MOST_BYTES, middlewares=[_errors_as_json])
    for route in ROUTES:
        app.router.add_route(route.method, route.path, partial(_serve, office, route))
    app.router.add_get("/openapi.json", partial(_openapi, office))
    return app


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except GatewayError as error:
        return _refusal(error)
    except web.HTTPRequestEntityTooLarge:
        return _error(413, f"The body is larger than {_MOST_BYTES} bytes.", "request_too_large")
    except web.HTTPMethodNotAllowed as error:
        return _error(405, f"This path wants {' or '.join(sorted(error.allowed_methods))}.", "method_not_allowed")
    except web.HTTPNotFound:
        return _error(404, "This path is not served here.", "unknown_path")


async def _serve(office: Office, route: Route, request: web.Request) -> web.Response:
    by = _who(request, office)
    if route.is_of_registry and not office.gateway().registry:
        raise AdminOff("Keys and teams are the document's alone: keys.registry is not on.")
    values = body_values(await request.read()) if route.method == "POST" else query_values(request.query, route.asks)
    asked = checked(values, route.asks)
    registrar = Registrar(office, by, route.path, frozenset(values))
    answer = await route.handler(registrar, asked)
    return _json(200, msgspec.json.encode(answer))


async def _openapi(office: Office, request: web.Request) -> web.Response:
    _who(request, office)
    return _json(200, msgspec.json.encode(openapi()))


def _who(request: web.Request, office: Office) -> str:
    """What the audit log calls the caller: the place of the token in the document."""
    tokens = office.gateway().admin_tokens
    if not tokens:
        raise AdminOff("The admin API is off: the document has no admin.tokens.")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = _position(token.strip(), tokens) if scheme.lower() == "bearer" else None
    if found is None:
        raise AdminUnauthenticated
    return f"admin.tokens[{found}]"


def _position(presented: str, tokens: Sequence[Secret]) -> int | None:
    """Compares with all of them, so that the time taken does not depend on which it is."""
    made = sha256(presented.encode(errors="surrogatepass")).digest()
    expected = [sha256(token.reveal().encode(errors="surrogatepass")).digest() for token in tokens]
    same = [hmac.compare_digest(made, each) for each in expected]
    return same.index(True) if any(same) else None


def _refusal(error: GatewayError) -> web.Response:
    return _error(error.status, error.message, error.code, error.type, error.param, dict(error.headers))


def _error(
    status: int,
    message: str,
    code: str | None,
    type: str = "invalid_request_error",
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    body = {"error": {"message": message, "type": type, "param": param, "code": code}}
    return _json(status, msgspec.json.encode(body), headers)


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    merged = {**_HEADERS, **(headers or {})}
    return web.Response(status=status, body=body, content_type="application/json", headers=merged)
