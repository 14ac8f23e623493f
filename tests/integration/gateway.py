"""A whole gateway for a test: real Envoy, the ext_proc server as its own processes, simulated providers.

Everything listens on loopback, on ports that were free a moment ago, and ends with the context.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from extproc.config.source import Source
from extproc.envoyconfig.render import RenderOptions, dump, render
from extproc.simulator.server import Running, running
from extproc.simulator.settings import Settings
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
ENVOY = Path(sys.executable).with_name("envoy")
KEY, LIMITED_KEY = "sk-demo", "sk-demo-limited"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_START_SECONDS = 30.0


def get(url: str, timeout: float = 5.0) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections and is nobody else's meanwhile."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def wait_until(condition: Any, seconds: float = _START_SECONDS, what: str = "the condition") -> None:
    """Polls until `condition()` is true; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true in {seconds} s")


class Simulators:
    """Simulated providers by name, in a thread of their own."""

    def __init__(self, settings: Mapping[str, Settings]) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self.by_name: dict[str, Running] = {}

    def __enter__(self) -> "Simulators":
        self._thread.start()
        assert self._started.wait(_START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_SECONDS)

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            for name, settings in self._settings.items():
                self.by_name[name] = await stack.enter_async_context(running(settings))
            self._started.set()
            await self._stop.wait()


@dataclass
class Gateway:
    """What a test sees of a running gateway. `directory` holds the document, Envoy's file and both logs."""

    directory: Path
    simulators: Simulators
    port: int
    admin_port: int
    envoy_admin_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What an SDK is pointed at."""
        return f"{self.url}/v1"

    def simulator(self, name: str) -> Running:
        return self.simulators.by_name[name]

    def clear(self) -> None:
        for one in self.simulators.by_name.values():
            one.log.clear()

    def admin(self, path: str) -> tuple[int, bytes]:
        return get(f"http://127.0.0.1:{self.admin_port}{path}")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels; 0 where there is none."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.admin("/metrics")[1].decode())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def envoy_stat(self, name: str) -> int:
        text = get(f"http://127.0.0.1:{self.envoy_admin_port}/stats?filter=^{name}$")[1].decode()
        return int(text.rpartition(":")[2]) if text.strip() else 0

    def access_log(self) -> list[dict[str, Any]]:
        lines = (self.directory / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def server_log(self) -> list[dict[str, Any]]:
        lines = (self.directory / "serve.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def rewrite(self, document: Mapping[str, Any]) -> None:
        (self.directory / "gateway.yaml").write_text(yaml.safe_dump(dict(document), sort_keys=False))


def cluster(name: str, port: int, filters: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A provider's cluster, as a platform team would write it; `filters` are upstream HTTP filters of its own."""
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        **({"typed_extension_protocol_options": {_HTTP_OPTIONS: _with_filters(filters)}} if filters else {}),
    }


def _with_filters(filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
        "explicit_http_config": {"http_protocol_options": {}},
        "http_filters": list(filters),
    }


@contextmanager
def running_gateway(
    document: Mapping[str, Any],
    simulators: Mapping[str, Settings],
    *,
    workers: int = 1,
    grace: float = 5.0,
    options: Mapping[str, Any] | None = None,
    ports: Mapping[str, int] | None = None,
    filters: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Iterator[Gateway]:
    """Runs `document` with a cluster for each simulator, named as it is, and for each further one in `ports`.

    `options` go to RenderOptions, `filters` are the clusters' own upstream filters.
    """
    directory = Path(tempfile.mkdtemp(prefix="gw-"))
    with Simulators(simulators) as providers:
        gateway = Gateway(directory, providers, free_port(), free_port(), free_port())
        gateway.rewrite(document)
        try:
            _start_server(gateway, workers, grace)
            _start_envoy(gateway, workers, options or {}, ports or {}, filters or {})
            yield gateway
        finally:
            for process in gateway.processes.values():
                process.kill()  # the workers end with their supervisor; a drain would take seconds
            for process in gateway.processes.values():
                process.wait(5)
            shutil.rmtree(directory, ignore_errors=True)


def _start_server(gateway: Gateway, workers: int, grace: float) -> None:
    command = [sys.executable, "-m", "extproc", "serve", "--config", str(gateway.directory / "gateway.yaml")]
    command += ["--socket-dir", str(gateway.directory), "--workers", str(workers), "--grace", str(grace)]
    command += ["--admin", f"127.0.0.1:{gateway.admin_port}"]
    _spawn(gateway, "serve", command)
    _wait_for(gateway, "serve", lambda: gateway.admin("/readyz")[0] == 200)


def _start_envoy(
    gateway: Gateway,
    workers: int,
    options: Mapping[str, Any],
    ports: Mapping[str, int],
    filters: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    source = Source(gateway.directory / "gateway.yaml", os.environ)
    made = RenderOptions(
        port=gateway.port,
        admin_port=gateway.envoy_admin_port,
        socket_directory=str(gateway.directory),
        workers=workers,
        access_log=str(gateway.directory / "access.log"),
        **options,
    )
    simulated = {name: one.port for name, one in gateway.simulators.by_name.items()}
    clusters = [cluster(name, port, filters.get(name, ())) for name, port in {**simulated, **ports}.items()]
    bootstrap = gateway.directory / "envoy.yaml"
    bootstrap.write_text(dump(render(source.read(), clusters, made)))
    command = [str(ENVOY), "-c", str(bootstrap), "--log-level", "warning", "--disable-hot-restart"]
    _spawn(gateway, "envoy", [*command, "--file-flush-interval-msec", "20"])
    ready = f"http://127.0.0.1:{gateway.envoy_admin_port}/ready"
    _wait_for(gateway, "envoy", lambda: get(ready)[0] == 200)


def _wait_for(gateway: Gateway, name: str, condition: Callable[[], bool]) -> None:
    """A process that ends instead of getting ready fails the test at once, with its last words."""
    process, log = gateway.processes[name], gateway.directory / f"{name}.log"
    wait_until(lambda: process.poll() is not None or condition(), what=name)
    assert process.poll() is None, f"{name} ended: {log.read_text()[-2000:]}"


def _spawn(gateway: Gateway, name: str, command: list[str]) -> None:
    with (gateway.directory / f"{name}.log").open("wb") as log:
        gateway.processes[name] = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, "TMPDIR": str(gateway.directory)}
        )
