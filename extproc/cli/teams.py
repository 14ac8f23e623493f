"""`extproc teams`: keeps the teams of the registry."""

import argparse

from extproc.cli.admin_client import AdminClient, asking, given, paged, show, show_table
from extproc.cli.limit_options import LIMITED, limited
from extproc.cli.options import Commands

_FIELDS = ("organization_id", *LIMITED)
_COLUMNS = "team_id organization_id models blocked max_budget rpm_limit tpm_limit"


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("teams", help="keep the teams of the registry", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for verb, says, action in (("create", "make a team", _create), ("update", "change what is given", _update)):
        changing = actions.add_parser(verb, help=says)
        _add_team(changing)
        changing.add_argument("--organization", dest="organization_id", metavar="NAME")
        limited(changing)
        asking(changing, action)
    listing = actions.add_parser("list", help="teams of the registry")
    paged(listing)
    listing.add_argument("--organization", dest="organization_id", metavar="NAME")
    asking(listing, _list)
    for verb, says, action in (
        ("show", "a team and its limits", _show),
        ("block", "refuse its keys", _block),
        ("unblock", "serve them again", _unblock),
    ):
        of_one = actions.add_parser(verb, help=says)
        _add_team(of_one)
        asking(of_one, action)
    delete = actions.add_parser("delete", help="for ever")
    _add_team(delete)
    delete.add_argument("--force", action="store_true", help="its keys too")
    asking(delete, _delete)


def _add_team(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("team_id", metavar="TEAM")


def _create(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/team/new", given(arguments, ("team_id", *_FIELDS))))


def _update(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/team/update", given(arguments, ("team_id", *_FIELDS))))


def _list(api: AdminClient, arguments: argparse.Namespace) -> None:
    query = {name: getattr(arguments, name) for name in ("page", "size", "organization_id")}
    answer = api.get("/team/list", **query)
    show_table(arguments, answer, answer["teams"], _COLUMNS)


def _show(api: AdminClient, arguments: argparse.Namespace) -> None:
    answer = api.get("/team/info", team_id=arguments.team_id)
    show(arguments, {**answer["team_info"], "keys": answer["keys"]})


def _block(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/team/block", {"team_id": arguments.team_id}))


def _unblock(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/team/unblock", {"team_id": arguments.team_id}))


def _delete(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/team/delete", {"team_ids": [arguments.team_id], "force": arguments.force}))
