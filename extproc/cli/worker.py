"""`extproc worker`: one worker process; started by the supervisor, not by hand."""

import argparse
import asyncio
import sys
from pathlib import Path

from extproc.cli import options
from extproc.cli.options import Commands


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("worker", description=__doc__)
    options.config(parser)
    options.log_level(parser)
    parser.add_argument("--last-good", type=Path)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--status-fd", type=int, required=True)
    parser.add_argument("--grace", type=float, required=True)
    parser.set_defaults(command=_work)


def _work(arguments: argparse.Namespace) -> int:
    from extproc.app import build_worker
    from extproc.telemetry import log

    log.configure(arguments.log_level, sys.stderr)
    given = arguments

    async def main() -> None:
        await build_worker(given.config, given.last_good, given.socket, given.status_fd, given.grace).run()

    asyncio.run(main())
    return 0
