"""`extproc simulate`: stand-ins for the providers, on loopback; no key, no cost, no network."""

import argparse
import asyncio

from extproc.cli import options
from extproc.cli.options import Commands

PORTS = {"openai": 18081, "anthropic": 18082, "azure": 18083, "down": 18084}
_DOWN = "down"


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("simulate", help="stand in for the providers", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--rate", type=float, default=50.0, metavar="TOKENS", help="tokens per second of a stream")
    parser.add_argument("--log", type=options.positive, default=100, metavar="N", help="requests kept at GET /__log")
    parser.set_defaults(command=_simulate)


def _simulate(arguments: argparse.Namespace) -> int:
    try:
        asyncio.run(simulate(arguments.host, arguments.rate, arguments.log))
    except KeyboardInterrupt:
        return 0
    return 0


async def simulate(host: str, rate: float, log_size: int) -> None:
    """One port a provider, and one whose provider is always down. Serves until cancelled."""
    from extproc.simulator.server import serve
    from extproc.simulator.settings import Settings

    def settings(name: str) -> Settings:
        if name == _DOWN:
            return Settings(formats=("openai",), always="status=503", log_size=log_size)
        return Settings(formats=(name,), tokens_per_second=rate, log_size=log_size)

    async with asyncio.TaskGroup() as group:
        for name, port in PORTS.items():
            group.create_task(serve(settings(name), f"{host}:{port}"))
            print(f"simulating {name} on http://{host}:{port}", flush=True)
