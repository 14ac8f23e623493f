"""The command line; one file a command, no logic."""

import argparse
import sys
from collections.abc import Sequence

from extproc import __version__
from extproc.cli import budgets, cache, check, demo, dry_run, keys, render, run, schema, serve, simulate, teams, worker
from extproc.errors import ConfigError

_COMMANDS = (run, serve, check, dry_run, render, keys, teams, budgets, cache, schema, simulate, demo, worker)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit status. 2 is a mistake of the operator's, said on stderr."""
    parser = argparse.ArgumentParser(prog="extproc", description="An LLM gateway on Envoy.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in _COMMANDS:
        module.add_to(commands)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.command(arguments)
    except ConfigError as error:
        print(f"extproc: {error}", file=sys.stderr)
        return 2
    return status
