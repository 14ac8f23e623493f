"""`extproc serve`: the ext_proc server for an Envoy that runs elsewhere."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from extproc.cli import options
from extproc.cli.options import Commands

if TYPE_CHECKING:
    from extproc.app import ServeOptions


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("serve", help="serve ext_proc to Envoy", description=__doc__)
    options.serving(parser, grace=600.0)
    parser.set_defaults(command=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from extproc.app import Serving
    from extproc.telemetry import log

    log.configure(arguments.log_level, sys.stderr)
    asyncio.run(Serving(serve_options(arguments)).run())
    return 0


def serve_options(arguments: argparse.Namespace) -> "ServeOptions":
    from extproc.app import ServeOptions

    return ServeOptions(
        config=arguments.config,
        socket_dir=arguments.socket_dir,
        workers=arguments.workers,
        admin=arguments.admin,
        grace_seconds=arguments.grace,
        log_level=arguments.log_level,
    )
