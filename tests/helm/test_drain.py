"""The preStop hook by itself: what it asks of Envoy, and that it waits whatever comes of it."""

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.helm.chart import manifests, pod
from tests.ports import free_port

SETTLE_SECONDS = 0.5
PROXY = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", "NO_PROXY": "", "no_proxy": ""}


class Admin(http.server.ThreadingHTTPServer):
    """An admin port that notes what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Admin)
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def admin() -> Iterator[Admin]:
    with Admin() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def drained(port: int) -> tuple[int, float]:
    """The hook's exit code and how long it took, in an environment with a proxy that refuses connections."""
    command = pod(manifests())["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    hook = [sys.executable, *command[1:-2], f"127.0.0.1:{port}", str(SETTLE_SECONDS)]
    began = time.monotonic()
    done = subprocess.run(hook, env={**os.environ, **PROXY}, stderr=subprocess.DEVNULL, timeout=10, check=False)
    return done.returncode, time.monotonic() - began


def test_envoy_is_asked_directly_whatever_proxy_providers_need(admin: Admin) -> None:
    code, seconds = drained(admin.server_address[1])
    assert (code, admin.asked) == (0, ["/healthcheck/fail"])
    assert seconds >= SETTLE_SECONDS


def test_the_pod_settles_also_without_envoy() -> None:
    code, seconds = drained(free_port())
    assert code == 1
    assert seconds >= SETTLE_SECONDS
