"""`/budget/…`: how budgets stand, counted on the very accounts that requests are charged to."""

from typing import Any

import pytest

from extproc.config.keys import digest
from extproc.config.limits import (
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Measure,
    Organisation,
    Period,
    Rolling,
    Scope,
    Team,
    Total,
)
from extproc.config.model import Gateway, Key
from extproc.policy.plan import Planner
from extproc.store.base import Charge
from tests.admin.conftest import Starting
from tests.admin.office import NOW, Api, document
from tests.policy.registry import SALT

DOLLAR = 1_000_000_000


def rule(name: str, scope: Scope, **more: Any) -> BudgetRule:
    fields: dict[str, Any] = {"measure": Measure.MONEY, "amount": 100 * DOLLAR, "window": Total()}
    return BudgetRule(name=name, scope=scope, **(fields | more))


def with_rules(*rules: BudgetRule | ConcurrencyLimit) -> Gateway:
    return document(
        rules=rules,
        teams=(Team("research", "acme"), Team("sales")),
        organisations=(Organisation("acme", tags=("eu",)),),
        keys=(Key("dev", digest(SALT, "sk-document"), user="ann", team="research"),),
    )


async def spend(api: Api, presented: str, amount: int, model: str = "gpt-4o") -> None:
    """As a request of this key does."""
    directory, planner = await api.directory(), Planner(api.document.rules)
    plan = planner.plan(directory.find(presented, NOW), model, model)
    accounts = [planner.account(entry, directory.raises, NOW) for entry in plan.entries]
    await api.store.settle(f"lease-{presented}-{amount}", [Charge(account, 0, amount) for account in accounts])


@pytest.mark.parametrize(
    ("scope", "subject", "label"),
    [
        (Scope.GATEWAY, "", ""),
        (Scope.ORGANISATION, "acme", "acme"),
        (Scope.TEAM, "research", "research"),
        (Scope.USER, "ann", "ann"),
        (Scope.KEY, "dev", "dev"),
        (Scope.TAG, "eu", "eu"),
        (Scope.MODEL, "gpt-4o", "gpt-4o"),
    ],
)
async def test_what_requests_spend_is_shown_at_every_scope(
    start: Starting, scope: Scope, subject: str, label: str
) -> None:
    api = await start(with_rules(rule("b", scope)))
    await spend(api, "sk-document", 3 * DOLLAR // 2)
    query = {"budget": "b", "subject": subject} if subject else {"budget": "b"}
    shown = (await api.get("/budget/info", status=200, **query))["budget"]
    assert shown == {
        "budget": "b",
        "scope": scope.value,
        "subject": subject,
        "label": label,
        "organization_id": "acme" if scope.value in ("organisation", "team", "user", "key") else "",
        "models": ["*"],
        "mode": "enforce",
        "currency": "USD",
        "limit": "100.00",
        "raised": "0.00",
        "spent": "1.50",
        "reserved": "0.00",
        "remaining": "98.50",
        "window": "total",
        "resets_at": None,
    }


async def test_a_budget_of_one_model_and_a_calendar_month(start: Starting) -> None:
    month = Calendar(Period.MONTH, "Europe/Berlin")
    budget = rule(
        "m", Scope.TEAM, subject="research", models=("gpt-*",), measure=Measure.TOKENS, amount=1000, window=month
    )
    api = await start(with_rules(budget))
    await spend(api, "sk-document", 10)
    shown = (await api.get("/budget/info", budget="m"))["budget"]
    assert (shown["currency"], shown["limit"], shown["spent"]) == ("tokens", 1000, 10)
    assert (shown["window"], shown["resets_at"]) == ("calendar month Europe/Berlin", "2026-11-30T23:00:00Z")


async def test_of_a_rolling_window_it_is_shown_when_some_of_it_comes_back(start: Starting) -> None:
    api = await start(with_rules(rule("d", Scope.TEAM, measure=Measure.TOKENS, amount=1000, window=Rolling(86400))))
    await spend(api, "sk-document", 10)
    shown = (await api.get("/budget/info", budget="d", subject="research"))["budget"]
    assert (shown["window"], shown["resets_at"]) == ("rolling 86400s", "2026-11-22T12:24:00Z")


async def test_a_budget_of_a_key_of_the_registry_is_found_by_alias(start: Starting) -> None:
    api = await start(with_rules())
    made = await api.post("/key/generate", {"key_alias": "ci", "team_id": "research", "max_budget": "10"})
    await spend(api, made["key"], DOLLAR)
    shown = (await api.get("/budget/info", budget="max_budget", subject="ci"))["budget"]
    assert (shown["subject"], shown["label"], shown["spent"]) == (made["key_id"], "ci", "1.00")
    assert shown["window"] == "total"


async def test_all_budgets_are_listed_in_pages(start: Starting) -> None:
    each_team = rule("per-team", Scope.TEAM, window=Rolling(86400))
    api = await start(
        with_rules(rule("all", Scope.GATEWAY), ConcurrencyLimit(name="c", scope=Scope.TEAM, amount=5), each_team)
    )
    await api.post("/team/new", {"team_id": "more", "max_budget": 5})
    first = await api.get("/budget/list", size="3")
    assert [(each["budget"], each["subject"]) for each in first["budgets"]] == [
        ("all", ""),
        ("per-team", "more"),
        ("per-team", "research"),
    ]
    assert (first["current_page"], first["has_more"]) == (1, True)
    second = await api.get("/budget/list", size="3", page="2")
    assert [(each["budget"], each["subject"]) for each in second["budgets"]] == [
        ("per-team", "sales"),
        ("max_budget", "more"),
    ]
    assert not second["has_more"]
    found = await api.get("/budget/list", scope="team", subject="more", budget="max_budget")
    assert [each["limit"] for each in found["budgets"]] == ["5.00"]


async def test_a_budget_of_a_user_who_is_known_by_a_token_is_found_by_name(start: Starting) -> None:
    api = await start(with_rules(rule("per-user", Scope.USER)))
    assert (await api.get("/budget/info", budget="per-user", subject="zoe"))["budget"]["subject"] == "zoe"


async def test_who_is_named_by_a_rule_alone_is_listed(start: Starting) -> None:
    api = await start(
        with_rules(
            rule("team", Scope.TEAM, subject="by-token"),
            rule("model", Scope.MODEL, subject="claude-3"),
            rule("some", Scope.MODEL, models=("gpt-4o",)),
        )
    )
    await spend(api, "sk-document", DOLLAR, "claude-*")
    shown = (await api.get("/budget/list"))["budgets"]
    assert [(each["budget"], each["subject"], each["label"]) for each in shown] == [
        ("team", "by-token", "by-token"),
        ("model", "claude-*", "claude-3"),
        ("some", "gpt-4o", "gpt-4o"),
    ]


async def test_a_user_of_two_organisations_has_two_budgets_and_one_raise(start: Starting) -> None:
    api = await start(with_rules(rule("per-user", Scope.USER)))
    await api.post("/key/generate", {"user_id": "ann"})
    await api.get("/budget/info", budget="per-user", subject="ann", status=422)
    one = await api.get("/budget/info", budget="per-user", subject="ann", organization_id="acme")
    assert one["budget"]["organization_id"] == "acme"
    await api.post("/budget/raise", {"budget": "per-user", "subject": "ann", "amount": 5, "duration": "1d"})
    assert [each["raised"] for each in (await api.get("/budget/list"))["budgets"]] == ["5.00", "5.00"]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"budget": "per-taem"}, 404, "There is no budget 'per-taem' (did you mean 'per-team'?)."),
        ({"budget": "per-team"}, 422, "The budget 'per-team' is of several: say of which."),
        ({"budget": "per-team", "subject": "nobody"}, 404, "There is no budget 'per-team' of 'nobody'."),
    ],
)
async def test_a_budget_must_be_one(start: Starting, query: dict[str, str], status: int, message: str) -> None:
    api = await start(with_rules(rule("per-team", Scope.TEAM)))
    assert (await api.get("/budget/info", status=status, **query))["error"]["message"] == message


async def test_a_raised_budget_has_more_until_its_moment(start: Starting) -> None:
    api = await start(with_rules(rule("b", Scope.TEAM, subject="research")))
    made = await api.post("/budget/raise", {"budget": "b", "amount": "50.00", "duration": "1d"})
    assert (made["subject"], made["amount"], made["until"]) == ("research", "50.00", "2026-11-22T12:00:00Z")
    answer = await api.get("/budget/info", budget="b")
    assert (answer["budget"]["limit"], answer["budget"]["raised"]) == ("150.00", "50.00")
    assert answer["raises"] == [made]
    api.clock.seconds += 86_400
    answer = await api.get("/budget/info", budget="b")
    assert (answer["budget"]["limit"], answer["raises"]) == ("100.00", [])


async def test_a_raise_is_taken_back(start: Starting) -> None:
    api = await start(with_rules(rule("b", Scope.GATEWAY, measure=Measure.TOKENS, amount=1000)))
    made = await api.post("/budget/raise", {"budget": "b", "amount": 500, "until": "2026-12-01"})
    assert (made["subject"], made["amount"]) == ("*", 500)
    assert (await api.get("/budget/info", budget="b"))["budget"]["limit"] == 1500
    answer = await api.post("/budget/raise/delete", {"raise_id": made["raise_id"]})
    assert answer == {"deleted_raise": made["raise_id"]}
    assert (await api.get("/budget/info", budget="b"))["budget"]["limit"] == 1000
    await api.post("/budget/raise/delete", {"raise_id": made["raise_id"]}, status=404)


async def test_a_budget_of_each_team_is_raised_for_one_or_for_all(start: Starting) -> None:
    api = await start(with_rules(rule("per-team", Scope.TEAM)))
    await api.post("/budget/raise", {"budget": "per-team", "subject": "sales", "amount": 1, "duration": "1d"})
    await api.post("/budget/raise", {"budget": "per-team", "subject": "*", "amount": 2, "duration": "1d"})
    shown = {each["subject"]: each["raised"] for each in (await api.get("/budget/list"))["budgets"]}
    assert shown == {"research": "2.00", "sales": "3.00"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"amount": 1}, "until"),
        ({"amount": 1, "duration": "1d", "until": "2030-01-01"}, "until"),
        ({"amount": 0, "duration": "1d"}, "amount"),
        ({"amount": "-1", "duration": "1d"}, "amount"),
        ({"amount": "0.0000000001", "duration": "1d"}, "amount"),
        ({"amount": "many", "duration": "1d"}, "amount"),
        ({"amount": 1, "duration": "1mo"}, "duration"),
    ],
)
async def test_a_raise_that_makes_no_sense_is_refused(start: Starting, fields: dict[str, object], param: str) -> None:
    api = await start(with_rules(rule("b", Scope.GATEWAY)))
    assert (await api.refused("/budget/raise", {"budget": "b", **fields}, 422))["param"] == param


async def test_tokens_are_raised_by_whole_ones(start: Starting) -> None:
    api = await start(with_rules(rule("b", Scope.GATEWAY, measure=Measure.TOKENS)))
    error = await api.refused("/budget/raise", {"budget": "b", "amount": "1.5", "duration": "1d"}, 422)
    assert error["message"] == "amount: must be a whole number of tokens, more than 0."


async def test_raises_that_are_long_over_are_forgotten(start: Starting) -> None:
    api = await start(with_rules(rule("b", Scope.GATEWAY)))
    await api.post("/budget/raise", {"budget": "b", "amount": 1, "duration": "1d"})
    api.clock.seconds += 9 * 86_400
    made = await api.post("/budget/raise", {"budget": "b", "amount": 1, "duration": "1d"})
    records = (await api.store.changes(0)).records
    assert [record.id for record in records if record.data is not None] == [made["raise_id"]]
