"""`extproc cache`: has kept answers forgotten."""

import argparse

from extproc.cli.admin_client import AdminClient, asking, show
from extproc.cli.options import Commands


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("cache", help="purge kept answers", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    purge = actions.add_parser("purge", help="what was kept until now is not given again")
    scope = purge.add_mutually_exclusive_group(required=True)
    scope.add_argument("--all", action="store_true", help="everything")
    scope.add_argument("--tenant", metavar="NAME", help="of an organisation, else a team, else a key")
    scope.add_argument("--route", metavar="NAME", help="of a route of the document's section cache")
    asking(purge, _purge)


def _purge(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/cache/purge", _fields(arguments)))


def _fields(arguments: argparse.Namespace) -> dict[str, str]:
    if arguments.all:
        return {"scope": "all"}
    if arguments.tenant is not None:
        return {"scope": "tenant", "name": arguments.tenant}
    return {"scope": "route", "name": arguments.route}
