"""`extproc cache`: has kept answers forgotten, and tells how often semantic hits are wrong."""

import argparse

from extproc.cli.admin_client import AdminClient, asking, show
from extproc.cli.options import Commands


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("cache", help="purge kept answers, watch semantic hits", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    purge = actions.add_parser("purge", help="what was kept until now is not given again")
    scope = purge.add_mutually_exclusive_group(required=True)
    scope.add_argument("--all", action="store_true", help="everything")
    scope.add_argument("--key", metavar="KEY", help="of one answer: the x-gateway-cache-key that came with it")
    scope.add_argument("--tenant", metavar="NAME", help="of an organisation, else a team, else a key")
    scope.add_argument("--route", metavar="NAME", help="of a route of the document's section cache")
    asking(purge, _purge)
    semantic = actions.add_parser("semantic", help="how often a route's semantic hits are wrong")
    semantic.add_argument("route", metavar="ROUTE", help="a route of the document's section cache")
    semantic.add_argument("--reset", action="store_true", help="begin a new estimate: a stopped route serves again")
    asking(semantic, _semantic)


def _semantic(api: AdminClient, arguments: argparse.Namespace) -> None:
    if arguments.reset:
        show(arguments, api.post("/cache/semantic/reset", {"route": arguments.route}))
    else:
        show(arguments, api.get("/cache/semantic/info", route=arguments.route))


def _purge(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/cache/purge", _fields(arguments)))


def _fields(arguments: argparse.Namespace) -> dict[str, str]:
    if arguments.all:
        return {"scope": "all"}
    if arguments.key is not None:
        return {"scope": "key", "name": arguments.key}
    if arguments.tenant is not None:
        return {"scope": "tenant", "name": arguments.tenant}
    return {"scope": "route", "name": arguments.route}
