"""Asks the admin API, for the commands that do; the standard library's HTTP is enough for that."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from extproc.cli.options import DEFAULT_ADMIN
from extproc.errors import ConfigError

_TOKEN_VARIABLE = "LLM_GATEWAY_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
_TIMEOUT_SECONDS = 30.0
_MOST_COLUMN = 40
_CONNECTIONS: dict[str, type[HTTPConnection]] = {"http": HTTPConnection, "https": HTTPSConnection}
_FIRST = ("key", "key_id", "key_alias", "team_id", "budget", "raise_id")

Row = Mapping[str, Any]


class AdminRefused(Exception):
    """The API said no. `status` is HTTP's; the message is what it said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """The admin API at a URL, which may have a path that comes before the API's own."""

    def __init__(self, url: str, token: str) -> None:
        """Raises ConfigError for what is no such URL."""
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            raise _no_url() from None
        if parts.scheme not in _CONNECTIONS or not self._host:
            raise _no_url()
        self._kind = _CONNECTIONS[parts.scheme]
        self._base_path = parts.path.rstrip("/")
        self._url = url
        self._token = token

    def get(self, path: str, **query: object) -> Any:
        """Raises AdminRefused, and ConfigError where nobody answers. A parameter that is None is left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(given)}" if given else path, None)

    def post(self, path: str, fields: Mapping[str, object]) -> Any:
        """Raises as `get` does."""
        return self._ask("POST", path, json.dumps(fields).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        connection = self._kind(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, self._base_path + path, body, headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, HTTPException) as error:
            raise ConfigError(f"cannot be asked: {type(error).__name__}", source=self._url) from None
        finally:
            connection.close()
        return self._answer(status, text)

    def _answer(self, status: int, text: bytes) -> Any:
        try:
            answer = json.loads(text)
            message = "" if status == 200 else str(answer["error"]["message"])
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"does not answer as the admin API does (status {status})", source=self._url) from None
        if status != 200:
            raise AdminRefused(status, message)
        return answer


def _no_url() -> ConfigError:
    return ConfigError("must be a URL with http or https and a host", source="--admin")


Action = Callable[[AdminClient, argparse.Namespace], None]


def asking(parser: argparse.ArgumentParser, action: Action) -> None:
    """Has a command ask the admin API, and gives it the options for that."""
    default = "http://{}:{}".format(*DEFAULT_ADMIN)
    parser.add_argument("--admin", default=default, metavar="URL", help=f"the gateway's admin port; default: {default}")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"has a token of admin.tokens; default: ${_TOKEN_VARIABLE}"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as it is")
    parser.set_defaults(command=lambda arguments: _run(action, arguments))


def _run(action: Action, arguments: argparse.Namespace) -> int:
    """1: the gateway refused what was asked."""
    try:
        action(AdminClient(arguments.admin, _token(arguments.token_file)), arguments)
    except AdminRefused as refusal:
        print(f"extproc: {refusal}", file=sys.stderr)
        return 1
    return 0


def _token(path: Path | None) -> str:
    if path is None:
        token = os.environ.get(_TOKEN_VARIABLE, "")
    else:
        try:
            token = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {type(error).__name__}", source=str(path)) from None
    if not (token := token.strip()) or not token.isascii() or not token.isprintable():
        raise ConfigError(f"give a token of admin.tokens in ${_TOKEN_VARIABLE} or --token-file")
    return token


def setting(text: str) -> tuple[str, object]:
    """`name=value` of a `--set`: the value is JSON, or text where it is not."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def show(arguments: argparse.Namespace, answer: Row) -> None:
    """One thing: a line for each field that says something."""
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return
    said = {name: value for name, value in _in_order(answer).items() if value not in (None, [], {}, "")}
    width = max(map(len, said), default=0)
    for name, value in said.items():
        print(f"{name.ljust(width)}  {_text(value)}")


def show_table(arguments: argparse.Namespace, answer: Mapping[str, Any], rows: Sequence[Row], columns: str) -> None:
    """Many things: a line each. `columns` are fields with spaces between."""
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return
    names = columns.split()
    lines = [names, *([_short(_text(row[name])) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    pages = answer.get("total_pages", answer["current_page"] + answer.get("has_more", False))
    if pages > answer["current_page"]:
        print(f"page {answer['current_page']}; there are more: --page {answer['current_page'] + 1}", file=sys.stderr)


def paged(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--page", type=int, default=1, metavar="N")
    parser.add_argument("--size", type=int, default=50, metavar="N", help="entries a page")


def given(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, object]:
    """The fields of a request that the command line has, those of `--set` last."""
    fields = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return fields | dict(arguments.set)


def _in_order(answer: Row) -> Row:
    return {name: answer[name] for name in _FIRST if name in answer} | dict(answer)


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case str():
            return value or "-"
        case list():
            return ",".join(map(_text, value)) or "-"
        case _:
            return json.dumps(value)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_COLUMN else text[: _MOST_COLUMN - 1] + "…"
