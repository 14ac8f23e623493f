"""`extproc keys`, `teams`, `budgets` and `cache`, against an admin API that serves."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from extproc.cache.base import Purged
from extproc.cache.semantic.shadow import SAMPLE, Sample
from extproc.cli import main
from extproc.config.cache import CacheRoute, CacheSettings, Semantic
from extproc.config.limits import BudgetRule, Measure, Scope, Total
from tests.admin.office import NOW, TOKEN, Api, document, started

Command = Callable[..., Awaitable[tuple[int, str, str]]]
CACHE = CacheSettings(b"\x5f" * 32, (CacheRoute(name="faq"), CacheRoute(name="other-words", semantic=Semantic())))
RULE = BudgetRule(name="month", scope=Scope.TEAM, measure=Measure.MONEY, amount=10**11, window=Total())


class Purges:
    """Writes down what it is asked to forget."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    async def purge(self, what: Purged, name: str) -> None:
        self.done.append((what, name))


@pytest.fixture
def purges() -> Purges:
    return Purges()


@pytest.fixture
async def api(purges: Purges) -> AsyncIterator[Api]:
    made = await started(document(rules=(RULE,), cache=CACHE), purges)
    yield made
    await made.client.close()


@pytest.fixture
def extproc(api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command; gives its status and what it wrote to stdout and stderr."""
    monkeypatch.setenv("LLM_GATEWAY_ADMIN_TOKEN", TOKEN)

    async def run(*words: str) -> tuple[int, str, str]:
        command = [*words, "--admin", str(api.client.make_url(""))]
        status = await asyncio.to_thread(main, command)
        return status, *capsys.readouterr()

    return run


def fields(out: str) -> dict[str, str]:
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in out.splitlines())


async def asked(extproc: Command, *words: str) -> Any:
    status, out, err = await extproc(*words, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


async def test_a_key_is_made_shown_and_deleted(extproc: Command, api: Api) -> None:
    status, out, _ = await extproc(
        *("keys", "create", "--alias", "ci", "--user", "ann", "--model", "gpt-4o", "--model", "gpt-4o-mini"),
        *("--max-budget", "12.50", "--budget-duration", "1mo", "--rpm", "60", "--network", "10.0.0.0/8"),
        *("--duration", "30d", "--set", 'metadata={"owner": "Ann"}', "--set", "aliases={}"),
    )
    made = fields(out)
    assert status == 0
    assert (await api.directory()).find(made["key"], NOW).alias == "ci"
    assert (made["models"], made["max_budget"], made["rpm_limit"]) == ("gpt-4o,gpt-4o-mini", "12.50", "60")
    assert (made["metadata"], made["expires"]) == ('{"owner": "Ann"}', "2026-12-21T12:00:00Z")
    _, out, _ = await extproc("keys", "show", "ci")
    assert fields(out) == {name: value for name, value in made.items() if name != "key"}
    assert fields((await extproc("keys", "delete", made["key_id"]))[1]) == {"deleted_keys": made["key_id"]}


async def test_keys_are_listed_in_a_table(extproc: Command) -> None:
    ids = [(await asked(extproc, "keys", "create", "--alias", f"k{number}"))["key_id"] for number in range(3)]
    status, out, err = await extproc("keys", "list", "--size", "2")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["key_id", "key_alias", "team_id", "user_id", "models", "blocked", "expires", "max_budget"]
    assert sorted(line[0] for line in lines[1:] if line[0] in ids) == sorted(line[0] for line in lines[1:])
    assert lines[1][2:] == ["-", "-", "*", "false", "-", "-"]
    assert (status, len(lines), err) == (0, 3, "page 1; there are more: --page 2\n")


async def test_a_key_is_changed_blocked_and_rotated(extproc: Command, api: Api) -> None:
    made = await asked(extproc, "keys", "create", "--alias", "ci", "--rpm", "5")
    changed = await asked(extproc, "keys", "update", "ci", "--tpm", "1000", "--set", "rpm_limit=null")
    assert (changed["tpm_limit"], changed["rpm_limit"]) == (1000, None)
    assert (await asked(extproc, "keys", "block", "ci"))["blocked"]
    assert not (await asked(extproc, "keys", "unblock", "ci"))["blocked"]
    rotated = await asked(extproc, "keys", "rotate", "ci", "--grace", "1h")
    directory = await api.directory()
    assert directory.find(made["key"], NOW) is directory.find(rotated["key"], NOW)


async def test_a_team_from_beginning_to_end(extproc: Command) -> None:
    assert (await asked(extproc, "teams", "create", "research", "--max-budget", "5"))["team_id"] == "research"
    assert (await asked(extproc, "teams", "update", "research", "--tag", "eu"))["tags"] == ["eu"]
    assert (await asked(extproc, "teams", "block", "research"))["blocked"]
    assert not (await asked(extproc, "teams", "unblock", "research"))["blocked"]
    await asked(extproc, "keys", "create", "--team", "research")
    assert (await asked(extproc, "teams", "show", "research"))["keys"] == 1
    assert "research" in (await extproc("teams", "list"))[1]
    status, _, err = await extproc("teams", "delete", "research")
    assert (status, err.startswith("extproc: 1 keys are of these teams")) == (1, True)
    assert (await asked(extproc, "teams", "delete", "research", "--force"))["deleted_keys"] == 1


async def test_a_budget_is_shown_and_raised(extproc: Command) -> None:
    await asked(extproc, "teams", "create", "research")
    made = await asked(extproc, "budgets", "raise", "month", "--of", "research", "--amount", "50", "--duration", "1d")
    assert (made["amount"], made["until"]) == ("50.00", "2026-11-22T12:00:00Z")
    assert (await asked(extproc, "budgets", "show", "month", "--of", "research"))["limit"] == "150.00"
    status, out, _ = await extproc("budgets", "list", "--scope", "team")
    assert (status, out.splitlines()[1].split()) == (
        0,
        ["month", "team", "research", "150.00", "0.00", "0.00", "150.00", "USD", "total", "-"],
    )
    assert (await asked(extproc, "budgets", "unraise", made["raise_id"]))["deleted_raise"] == made["raise_id"]


async def test_kept_answers_are_purged(extproc: Command, purges: Purges) -> None:
    assert await extproc("cache", "purge", "--all") == (0, "purged  all\n", "")
    assert await asked(extproc, "cache", "purge", "--route", "faq") == {"purged": "route", "name": "faq"}
    assert await extproc("cache", "purge", "--tenant", "acme") == (0, "purged  tenant\nname    acme\n", "")
    assert purges.done == [
        ("all", ""),
        ("route", "faq"),
        ("tenant", "organisation:acme"),
        ("tenant", "team:acme"),
        ("tenant", "key:acme"),
    ]
    assert (await extproc("cache", "purge", "--route", "fag"))[2] == (
        "extproc: There is no route 'fag' (did you mean 'faq'?).\n"
    )


async def test_a_semantic_route_is_watched_and_begun_anew(extproc: Command, api: Api) -> None:
    await api.store.put(SAMPLE, "other-words", Sample(compared=3, differed=3, stopped=True).encode(), expected=0)
    shown = await asked(extproc, "cache", "semantic", "other-words")
    assert (shown["stopped"], shown["compared"], shown["rate"]) == (True, 3, 1.0)
    shown = await asked(extproc, "cache", "semantic", "other-words", "--reset")
    assert (shown["stopped"], shown["compared"]) == (False, 0)


@pytest.mark.parametrize("words", [(), ("--all", "--route", "faq")])
def test_a_purge_says_of_what(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cache", "purge", *words])
    assert "--tenant" in capsys.readouterr().err


async def test_what_the_api_refuses_is_said_in_one_line(extproc: Command) -> None:
    assert await extproc("keys", "create", "--model", "gpt-4") == (
        1,
        "",
        "extproc: There is no model 'gpt-4' (did you mean 'gpt-4o'?).\n",
    )
    assert await extproc("keys", "show", "nobody") == (1, "", "extproc: There is no key 'nobody'.\n")


async def test_a_token_comes_from_a_file(extproc: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM_GATEWAY_ADMIN_TOKEN", "wrong")
    status, _, err = await extproc("keys", "list")
    assert (status, err) == (1, "extproc: Send a token of admin.tokens as 'Authorization: Bearer <token>'.\n")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert (await extproc("keys", "list", "--token-file", str(tmp_path / "token")))[0] == 0


@pytest.mark.parametrize(
    ("token", "words", "message"),
    [
        ("", ("keys", "list"), "give a token of admin.tokens in $LLM_GATEWAY_ADMIN_TOKEN or --token-file"),
        ("a\nb", ("keys", "list"), "give a token of admin.tokens in $LLM_GATEWAY_ADMIN_TOKEN or --token-file"),
        ("t", ("keys", "list", "--token-file", "/nowhere"), "/nowhere: cannot be read: FileNotFoundError"),
        ("t", ("keys", "list", "--admin", "127.0.0.1:9464"), "--admin: must be a URL with http or https and a host"),
        ("t", ("keys", "list", "--admin", "ftp://x"), "--admin: must be a URL with http or https and a host"),
        ("t", ("keys", "list", "--admin", "http://x:y"), "--admin: must be a URL with http or https and a host"),
        (
            "t",
            ("keys", "list", "--admin", "http://127.0.0.1:1"),
            "http://127.0.0.1:1: cannot be asked: ConnectionRefusedError",
        ),
    ],
)
def test_what_is_missing_is_named(
    token: str,
    words: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LLM_GATEWAY_ADMIN_TOKEN", token)
    assert main(words) == 2
    assert capsys.readouterr().err == f"extproc: {message}\n"


def test_a_setting_has_a_name_and_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "create", "--set", "rpm_limit"])
    assert "'rpm_limit' is not NAME=VALUE" in capsys.readouterr().err
