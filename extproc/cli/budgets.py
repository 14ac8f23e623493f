"""`extproc budgets`: how budgets stand, and more for one of them for some time."""

import argparse

from extproc.cli.admin_client import AdminClient, asking, paged, show, show_table
from extproc.cli.options import Commands

_COLUMNS = "budget scope label limit spent reserved remaining currency window resets_at"


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("budgets", help="see budgets, and raise them", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="budgets of everybody known by name")
    paged(listing)
    listing.add_argument("--budget", metavar="NAME")
    listing.add_argument("--scope", metavar="SCOPE", help="team, key, user …")
    listing.add_argument("--of", dest="subject", metavar="SUBJECT", help="a team, a key's alias or id, a user …")
    asking(listing, _list)
    show_one = actions.add_parser("show", help="one budget of one subject, and how it was raised")
    _add_budget(show_one)
    show_one.add_argument("--organization", dest="organization_id", metavar="NAME", help="of a user who is of several")
    asking(show_one, _show)
    more = actions.add_parser("raise", help="more for a budget, until a moment")
    _add_budget(more)
    more.add_argument("--amount", required=True, metavar="DOLLARS", help="or tokens, where it is of tokens")
    more.add_argument("--duration", metavar="DURATION", help="from now: 12h, 7d …")
    more.add_argument("--until", metavar="TIME", help="2027-01-31, 2027-01-31T12:00:00Z")
    asking(more, _raise)
    less = actions.add_parser("unraise", help="end a raise at once")
    less.add_argument("raise_id", metavar="ID")
    asking(less, _unraise)


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("budget", metavar="NAME")
    parser.add_argument("--of", dest="subject", metavar="SUBJECT", help="a team, a key's alias or id, a user …")


def _list(api: AdminClient, arguments: argparse.Namespace) -> None:
    query = {name: getattr(arguments, name) for name in ("page", "size", "budget", "scope", "subject")}
    answer = api.get("/budget/list", **query)
    show_table(arguments, answer, answer["budgets"], _COLUMNS)


def _show(api: AdminClient, arguments: argparse.Namespace) -> None:
    query = {name: getattr(arguments, name) for name in ("budget", "subject", "organization_id")}
    answer = api.get("/budget/info", **query)
    show(arguments, {**answer["budget"], "raises": answer["raises"]})


def _raise(api: AdminClient, arguments: argparse.Namespace) -> None:
    names = ("budget", "amount", "subject", "duration", "until")
    fields = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    show(arguments, api.post("/budget/raise", fields))


def _unraise(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/budget/raise/delete", {"raise_id": arguments.raise_id}))
