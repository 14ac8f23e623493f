"""`extproc keys`: makes virtual keys for gateway.yaml (`new`), and keeps those of the registry (all else)."""

import argparse
import secrets
from typing import Any

from extproc.cli.admin_client import AdminClient, AdminRefused, asking, given, paged, show, show_table
from extproc.cli.limit_options import LIMITED, limited
from extproc.cli.options import Commands
from extproc.config.keys import digest, new_key

_FIELDS = ("key_alias", "user_id", "team_id", "networks", "duration", "expires", *LIMITED)
_COLUMNS = "key_id key_alias team_id user_id models blocked expires max_budget"


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("keys", help="make virtual keys", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    new = actions.add_parser("new", help="print a new key, once, and the entry for gateway.yaml")
    new.add_argument("alias", help="the name it has in logs and metrics")
    new.add_argument("--salt", type=bytes.fromhex, metavar="HEX", help="the document's keys.salt; default: a new one")
    new.set_defaults(command=_new)
    create = actions.add_parser("create", help="make a key of the registry, and print it once")
    _add_fields(create)
    asking(create, _create)
    update = actions.add_parser("update", help="change what is given")
    _add_key(update)
    _add_fields(update)
    asking(update, _update)
    _add_list(actions)
    rotate = actions.add_parser("rotate", help="make another key for the same record, and print it once")
    _add_key(rotate)
    rotate.add_argument("--grace", metavar="DURATION", help="how long the old key is good: 24h …; default: no more")
    asking(rotate, _rotate)
    for verb, says, action in (
        ("show", "what a key may use", _show),
        ("block", "refuse a key", _block),
        ("unblock", "serve it again", _unblock),
        ("delete", "for ever", _delete),
    ):
        of_one = actions.add_parser(verb, help=says)
        _add_key(of_one)
        asking(of_one, action)


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="its alias or its id")


def _add_fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--alias", dest="key_alias", metavar="NAME", help="the name it has in logs and metrics")
    parser.add_argument("--team", dest="team_id", metavar="TEAM")
    parser.add_argument("--user", dest="user_id", metavar="USER")
    parser.add_argument("--network", action="append", dest="networks", metavar="CIDR", help="where it is good from")
    parser.add_argument("--duration", metavar="DURATION", help="how long it is good: 30d …")
    parser.add_argument("--expires", metavar="TIME", help="until when it is good: 2027-01-31")
    limited(parser)


def _add_list(actions: Commands) -> None:
    parser = actions.add_parser("list", help="keys of the registry")
    paged(parser)
    parser.add_argument("--team", dest="team_id", metavar="TEAM")
    parser.add_argument("--user", dest="user_id", metavar="USER")
    asking(parser, _list)


def _new(arguments: argparse.Namespace) -> int:
    salt = arguments.salt or secrets.token_bytes(16)
    key = new_key()
    print(f"# The key. It is shown this once:\n# {key}\nkeys:\n  salt: {salt.hex()}\n  entries:")
    print(f"    - {{alias: {arguments.alias}, digest: {digest(salt, key)}}}")
    return 0


def _create(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/key/generate", given(arguments, _FIELDS)))


def _update(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/key/update", {"key": _id(api, arguments), **given(arguments, _FIELDS)}))


def _list(api: AdminClient, arguments: argparse.Namespace) -> None:
    query = {name: getattr(arguments, name) for name in ("page", "size", "team_id", "user_id")}
    answer = api.get("/key/list", **query)
    show_table(arguments, answer, answer["keys"], _COLUMNS)


def _show(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, _info(api, arguments.key)["info"])


def _rotate(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/key/regenerate", {"key": _id(api, arguments), "grace_period": arguments.grace}))


def _block(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/key/block", {"key": _id(api, arguments)}))


def _unblock(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/key/unblock", {"key": _id(api, arguments)}))


def _delete(api: AdminClient, arguments: argparse.Namespace) -> None:
    show(arguments, api.post("/key/delete", {"keys": [_id(api, arguments)]}))


def _id(api: AdminClient, arguments: argparse.Namespace) -> str:
    key_id: str = _info(api, arguments.key)["key"]
    return key_id


def _info(api: AdminClient, name: str) -> Any:
    """By alias; where there is none, by id."""
    try:
        return api.get("/key/info", key_alias=name)
    except AdminRefused as refusal:
        if refusal.status not in (404, 422):
            raise
        try:
            return api.get("/key/info", key=name)
        except AdminRefused:
            raise refusal from None
