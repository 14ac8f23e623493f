"""The supervisor's way to the admin API of a worker."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from extproc.server.admin_proxy import AdminProxy
from extproc.server.door import Door, admin_socket
from extproc.server.supervisor import Supervisor, SupervisorOptions, worker_socket


async def told(request: web.Request) -> web.Response:
    """What arrived at the worker."""
    if request.path == "/refused":
        headers = {"www-authenticate": "Bearer", "retry-after": "1", "set-cookie": "a=b", "cache-control": "no-store"}
        return web.json_response({}, status=401, headers=headers)
    body = (await request.read()).decode()
    return web.json_response({"target": request.raw_path, "headers": dict(request.headers), "body": body})


def worker_app() -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", told)
    return app


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    """Three workers: one that is starting, one that is ready by what it said last but gone, and one that is there."""
    supervisor = Supervisor(SupervisorOptions(3, 0.0, lambda index, fd: (), {}), lambda pid: None)
    for worker in supervisor.workers[1:]:
        worker.state = "ready"
    door = Door(admin_socket(worker_socket(tmp_path, 2)), worker_app, cancels=False)
    await door.follow(wanted=True)
    proxy = AdminProxy(supervisor, tmp_path, lambda: True)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", proxy.forward)
    app.on_cleanup.append(proxy.close)
    client: TestClient[Any, Any] = TestClient(TestServer(app))
    await client.start_server()
    yield client
    await client.close()
    await door.close()


async def test_a_worker_that_has_just_died_is_passed_over(admin: TestClient[Any, Any]) -> None:
    response = await admin.post("/key/generate", data=b'{"a": 1}', headers={"authorization": "Bearer t"})
    arrived = await response.json()
    assert (response.status, arrived["target"], arrived["body"]) == (200, "/key/generate", '{"a": 1}')


async def test_of_the_headers_only_the_token_and_the_type_arrive(admin: TestClient[Any, Any]) -> None:
    sent = {"authorization": "Bearer t", "content-type": "application/json", "x-forwarded-for": "::1", "cookie": "a=b"}
    arrived = await (await admin.get("/key/info?key=a%2Fb&key_alias=%41", headers=sent)).json()
    assert arrived["target"] == "/key/info?key=a/b&key_alias=A"
    own = {"host", "accept", "accept-encoding", "content-length", "user-agent"}
    assert {name.lower() for name in arrived["headers"]} - own == {"authorization", "content-type"}


async def test_a_refusal_keeps_what_tells_the_caller_what_to_do(admin: TestClient[Any, Any]) -> None:
    response = await admin.get("/refused")
    assert (response.status, response.headers["www-authenticate"], response.headers["retry-after"]) == (
        401,
        "Bearer",
        "1",
    )
    assert response.headers["cache-control"] == "no-store"
    assert "set-cookie" not in response.headers


async def test_a_body_that_is_too_large_goes_to_nobody(admin: TestClient[Any, Any]) -> None:
    response = await admin.post("/key/generate", data=b"x" * 70_000)
    assert (response.status, (await response.json())["error"]["code"]) == (413, "request_too_large")
