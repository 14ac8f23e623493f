"""`extproc serve`: the ext_proc server for an Envoy that runs elsewhere."""

import argparse
import asyncio
import sys

from extproc.cli import options
from extproc.cli.options import Commands


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("serve", help="serve ext_proc to Envoy", description=__doc__)
    options.serving(parser, grace=600.0)
    parser.set_defaults(command=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from extproc.app import ServeOptions, Serving
    from extproc.telemetry import log

    log.configure(arguments.log_level, sys.stderr)
    made = ServeOptions(arguments.config, arguments.socket_dir, arguments.workers, arguments.admin, arguments.grace)
    asyncio.run(Serving(made).run())
    return 0
