"""`extproc check`: names every mistake in gateway.yaml and Envoy's configuration, and between the two."""

import argparse
import os
from pathlib import Path

from extproc.cli import options
from extproc.cli.options import Commands


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("check", help="find mistakes before traffic does", description=__doc__)
    options.config(parser)
    parser.add_argument(
        "--envoy", type=Path, nargs="+", default=[], metavar="FILE", help="bootstrap or cluster files of Envoy"
    )
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    from extproc.app import Screener, compile_snapshot
    from extproc.config.source import Source
    from extproc.envoyconfig.check import check
    from extproc.envoyconfig.finding import Severity
    from extproc.envoyconfig.read import read

    source = Source(arguments.config, os.environ)
    gateway = source.read()
    compile_snapshot(gateway, screens=Screener().screens)
    findings = check(gateway, read(arguments.envoy), gateway_file=source.name) if arguments.envoy else []
    for finding in findings:
        print(finding)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    print(f"{errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0
