"""`/team/…` and `/organization/…`."""

import pytest

from extproc.config.limits import Organisation, Team
from extproc.errors import Unauthenticated
from tests.admin.conftest import Starting
from tests.admin.office import NOW, Api, document


@pytest.mark.parametrize("name", ["team_id", "team_alias"])
async def test_a_team_has_one_name_and_its_keys_have_its_limits(api: Api, name: str) -> None:
    answer = await api.post("/team/new", {name: "research", "models": ["gpt-4o"], "max_budget": "100"})
    assert (answer["team_id"], answer["models"], answer["max_budget"]) == ("research", ["gpt-4o"], "100")
    key = (await api.post("/key/generate", {"team_id": "research"}))["key"]
    caller = (await api.directory()).find(key, NOW)
    assert (caller.team, caller.team_models) == ("research", ("gpt-4o",))
    assert [(rule.scope.value, rule.subject, rule.name) for rule in caller.rules] == [
        ("team", "research", "max_budget")
    ]


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({}, 422, "Give team_id."),
        ({"team_id": "a", "team_alias": "b"}, 422, "A team has one name: leave out team_alias."),
        ({"team_id": "research"}, 409, "There is a team 'research' already."),
        ({"team_id": "ops"}, 409, "There is a team 'ops' in the document."),
        ({"team_id": "a", "organization_id": "acne"}, 422, "There is no organization 'acne' (did you mean 'acme'?)."),
        ({"team_id": "a", "models": ["x"]}, 422, "There is no model 'x'."),
        ({"team_id": "a", "budget_duration": "1d"}, 422, "budget_duration: has no meaning without max_budget."),
        (
            {"team_id": "a b"},
            422,
            "team_id: must be 1 to 64 letters, digits, '.', '_', '-', '@' and '/' that begin with a letter or digit.",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(
    start: Starting, fields: dict[str, object], status: int, message: str
) -> None:
    api = await start(document(teams=(Team("ops"),), organisations=(Organisation("acme"),)))
    await api.post("/team/new", {"team_id": "research", "organization_id": "acme"})
    assert (await api.refused("/team/new", fields, status))["message"] == message


async def test_an_update_changes_what_is_given(api: Api) -> None:
    await api.post("/team/new", {"team_id": "research", "tags": ["a"], "rpm_limit": 5})
    answer = await api.post("/team/update", {"team_id": "research", "rpm_limit": None, "models": ["gpt-4o"]})
    assert (answer["tags"], answer["rpm_limit"], answer["models"]) == (["a"], None, ["gpt-4o"])
    error = await api.refused("/team/update", {"team_id": "reserch", "tags": []}, 404)
    assert error["message"] == "There is no team 'reserch' (did you mean 'research'?)."


async def test_the_keys_of_a_blocked_team_are_refused(api: Api) -> None:
    await api.post("/team/new", {"team_id": "research"})
    key = (await api.post("/key/generate", {"team_id": "research"}))["key"]
    await api.post("/team/block", {"team_id": "research"})
    with pytest.raises(Unauthenticated):
        (await api.directory()).find(key, NOW)
    await api.post("/team/unblock", {"team_id": "research"})
    assert (await api.directory()).find(key, NOW).team == "research"


async def test_a_team_with_keys_goes_with_force_only_and_takes_them_along(api: Api) -> None:
    for name in ("research", "sales"):
        await api.post("/team/new", {"team_id": name})
    await api.post("/key/generate", {"team_id": "research"})
    left = (await api.post("/key/generate", {"team_id": "sales"}))["key_id"]
    error = await api.refused("/team/delete", {"team_ids": ["research"]}, 409)
    assert error["message"] == "1 keys are of these teams: move or delete them, or have 'force' delete them."
    await api.post("/team/delete", {"team_ids": ["research", "nobody"], "force": True}, status=404)
    answer = await api.post("/team/delete", {"team_ids": ["research"], "force": True})
    assert answer == {"deleted_teams": ["research"], "deleted_keys": 1}
    assert [key["key_id"] for key in (await api.get("/key/list"))["keys"]] == [left]
    assert [team["team_id"] for team in (await api.get("/team/list"))["teams"]] == ["sales"]


async def test_teams_are_shown_and_listed(api: Api) -> None:
    await api.post("/organization/new", {"organization_id": "acme"})
    for name, organisation in (("b", "acme"), ("a", None), ("c", "acme")):
        await api.post("/team/new", {"team_id": name, "organization_id": organisation})
    await api.post("/key/generate", {"team_id": "b"})
    shown = await api.get("/team/info", team_id="b")
    assert (shown["team_id"], shown["team_info"]["organization_id"], shown["keys"]) == ("b", "acme", 1)
    assert [team["team_id"] for team in (await api.get("/team/list", size="2"))["teams"]] == ["a", "b"]
    found = await api.get("/team/list", organization_id="acme")
    assert ([team["team_id"] for team in found["teams"]], found["total_count"]) == (["b", "c"], 2)


async def test_an_organisation_from_beginning_to_end(api: Api) -> None:
    made = await api.post("/organization/new", {"organization_alias": "acme", "tags": ["eu"]})
    assert made == {
        "organization_id": "acme",
        "tags": ["eu"],
        "metadata": {},
        "teams": [],
        "created_at": "2026-11-21T12:00:00Z",
    }
    await api.post("/team/new", {"team_id": "research", "organization_id": "acme"})
    changed = await api.post("/organization/update", {"organization_id": "acme", "metadata": {"vat": "1"}})
    assert (changed["tags"], changed["metadata"], changed["teams"]) == (["eu"], {"vat": "1"}, ["research"])
    assert await api.get("/organization/info", organization_id="acme") == changed
    assert (await api.get("/organization/list"))["organizations"] == [changed]
    error = await api.refused("/organization/delete", {"organization_ids": ["acme"]}, 409)
    assert error["message"] == "The organization 'acme' has 1 teams: move or delete them first."
    await api.post("/team/update", {"team_id": "research", "organization_id": None})
    answer = await api.post("/organization/delete", {"organization_ids": ["acme"]})
    assert answer == {"deleted_organizations": ["acme"]}
    await api.get("/organization/info", organization_id="acme", status=404)
    await api.post("/organization/update", {"organization_id": "acme"}, status=404)


async def test_an_organisations_name_is_not_taken_twice(start: Starting) -> None:
    api = await start(document(organisations=(Organisation("acme"),)))
    await api.post("/organization/new", {"organization_id": "acme"}, status=409)
    await api.post("/organization/new", {"organization_id": "other"})
    await api.post("/organization/new", {"organization_id": "other"}, status=409)
