"""`extproc keys`: makes virtual keys for gateway.yaml."""

import argparse
import secrets

from extproc.cli.options import Commands
from extproc.config.keys import digest, new_key


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("keys", help="make virtual keys", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    new = actions.add_parser("new", help="print a new key, once, and the entry for gateway.yaml")
    new.add_argument("alias", help="the name it has in logs and metrics")
    new.add_argument("--salt", type=bytes.fromhex, metavar="HEX", help="the document's keys.salt; default: a new one")
    new.set_defaults(command=_new)


def _new(arguments: argparse.Namespace) -> int:
    salt = arguments.salt or secrets.token_bytes(16)
    key = new_key()
    print(f"# The key. It is shown this once:\n# {key}\nkeys:\n  salt: {salt.hex()}\n  entries:")
    print(f"    - {{alias: {arguments.alias}, digest: {digest(salt, key)}}}")
    return 0
