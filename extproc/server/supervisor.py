"""The supervisor: starts the workers, restarts those that die, reloads and drains them, and knows how they are.

It serves no request itself and does not import gRPC.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_log = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_STABLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """`command` gives the command line of worker `index`, which is to report on file descriptor `status_fd`."""

    workers: int
    grace_seconds: float
    command: Callable[[int, int], Sequence[str]]
    environment: dict[str, str]


@dataclass(slots=True)
class WorkerState:
    """What is known of a worker: `state` is starting, ready, draining or dead."""

    index: int
    state: str = "starting"
    version: str = ""
    restarts: int = 0
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None


class Supervisor:
    def __init__(self, options: SupervisorOptions, on_exit: Callable[[int], None]) -> None:
        """`on_exit` is told the process id of every worker that ended."""
        self._options = options
        self._on_exit = on_exit
        self._stopping = False
        self.workers = [WorkerState(index) for index in range(options.workers)]

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def ready(self) -> bool:
        return not self._stopping and all(worker.state == "ready" for worker in self.workers)

    @property
    def alive(self) -> bool:
        """At least one worker is up: false calls for a restart of the whole."""
        return any(worker.state in ("ready", "starting", "draining") for worker in self.workers)

    async def run(self) -> None:
        """Keeps the workers running until `stop`; returns when all have ended."""
        await asyncio.gather(*(self._keep(worker) for worker in self.workers))

    def stop(self) -> None:
        """Drains all workers: they let open streams finish."""
        self._stopping = True
        for process in self._running():
            process.terminate()

    def reload(self) -> None:
        """Has every worker read the document again."""
        for process in self._running():
            process.send_signal(signal.SIGHUP)

    def _running(self) -> list[asyncio.subprocess.Process]:
        processes = (worker.process for worker in self.workers)
        return [process for process in processes if process is not None and process.returncode is None]

    async def _keep(self, worker: WorkerState) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while not self._stopping:
            began = loop.time()
            code = await self._run_once(worker)
            worker.state = "dead"
            if self._stopping:
                break
            pause = _FIRST_PAUSE if loop.time() - began > _STABLE_SECONDS else min(pause * 2, _LONGEST_PAUSE)
            worker.restarts += 1
            _log.error(
                "worker died", extra={"fields": {"worker": worker.index, "exit_code": code, "restart_in": pause}}
            )
            await asyncio.sleep(pause)

    async def _run_once(self, worker: WorkerState) -> int:
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._options.command(worker.index, writing),
                stdin=asyncio.subprocess.PIPE,  # never written to: its end tells the worker that we are gone
                pass_fds=(writing,),
                env=self._options.environment,
            )
        finally:
            os.close(writing)
        worker.process, worker.state = process, "starting"
        reports = asyncio.create_task(_follow(reading, worker))
        if self._stopping:
            process.terminate()
        code = await process.wait()
        await reports
        self._on_exit(process.pid)
        return code


async def _follow(reading: int, worker: WorkerState) -> None:
    """Takes in what a worker reports until its end of the pipe is closed."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb"))
    try:
        while line := await stream.readline():
            report = json.loads(line)
            worker.state, worker.version = report["state"], report["version"]
    finally:
        transport.close()


def worker_command(arguments: Sequence[str], socket_dir: Path, index: int, status_fd: int) -> list[str]:
    """The command line of a worker, in the same Python as this one. `arguments` are the same for all of them."""
    own = ["--socket", str(worker_socket(socket_dir, index)), "--status-fd", str(status_fd)]
    return [sys.executable, "-m", "extproc", "worker", *arguments, *own]


def worker_socket(socket_dir: Path, index: int) -> Path:
    """Where worker `index` serves gRPC."""
    return socket_dir / f"w{index}.sock"
