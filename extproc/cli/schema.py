"""`extproc schema`: the JSON Schema of gateway.yaml, for editors."""

import argparse
import json

from extproc.cli.options import Commands
from extproc.config.schema import gateway_schema


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("schema", help="print the JSON Schema of gateway.yaml", description=__doc__)
    parser.set_defaults(command=_schema)


def _schema(_: argparse.Namespace) -> int:
    print(json.dumps(gateway_schema(), indent=2))
    return 0
