"""`/key/…`, as an administrator uses it and as callers then feel it."""

import logging
import re

import pytest

from extproc.config.model import Key
from extproc.errors import Unauthenticated
from extproc.policy.registry_records import TEAM, TeamRecord, write
from extproc.store.base import Conflict, Record
from tests.admin.conftest import Starting
from tests.admin.office import NOW, Api, document

HOUR = 3600.0


async def generated(api: Api, **fields: object) -> tuple[str, str]:
    """The key, and its id."""
    answer = await api.post("/key/generate", fields)
    return answer["key"], answer["key_id"]


async def test_a_new_key_is_told_once_and_good_at_once(api: Api) -> None:
    answer = await api.post("/key/generate", {"key_alias": "ci", "user_id": "ann@x.com", "models": ["gpt-4o"]})
    assert re.fullmatch(r"sk-[1-9A-HJ-NP-Za-km-z]{62}", answer["key"])
    caller = (await api.directory()).find(answer["key"], NOW)
    assert (caller.id, caller.alias, caller.user, caller.models) == (answer["key_id"], "ci", "ann@x.com", ("gpt-4o",))
    for later in (await api.get("/key/info", key_alias="ci"), await api.get("/key/list")):
        assert answer["key"] not in str(later)
        assert answer["key"][19:59] not in str(later)


async def test_all_that_is_said_of_a_key_is_shown(api: Api) -> None:
    said = {
        "key_alias": "ci",
        "models": ["gpt-4o", "claude-3"],
        "allowed_routes": ["/v1/embeddings", "/v1/files*"],
        "aliases": {"fast": "gpt-4o-mini"},
        "networks": ["10.0.0.0/8"],
        "tags": ["batch"],
        "metadata": {"owner": "Ann"},
        "max_budget": "25.50",
        "soft_budget": 20,
        "budget_duration": "30d",
        "budget_limits": [{"max_budget": 1, "budget_duration": "1d"}],
        "rpm_limit": 60,
        "model_tpm_limit": {"gpt-4o": 1000},
        "model_max_budget": {"gpt-4o": {"budget_limit": "3.00", "time_period": "7d"}},
    }
    answer = await api.post("/key/generate", said)
    shown = (await api.get("/key/info", key=answer["key_id"]))["info"]
    assert {name: shown[name] for name in said} == said | {"soft_budget": 20.0} | {
        "budget_limits": [{"max_budget": 1.0, "budget_duration": "1d"}]
    }
    assert (shown["created_at"], shown["expires"], shown["blocked"]) == ("2026-11-21T12:00:00Z", None, False)
    caller = (await api.directory()).find(answer["key"], NOW)
    assert [rule.name for rule in caller.rules] == [
        "max_budget",
        "budget_limits:1d",
        "model_max_budget:gpt-4o",
        "rpm_limit",
        "model_tpm_limit:gpt-4o",
    ]


@pytest.mark.parametrize("fields", [{}, {"models": [], "allowed_routes": []}, {"models": None, "key_alias": None}])
async def test_a_key_of_which_nothing_is_said_may_use_everything(api: Api, fields: dict[str, object]) -> None:
    key, key_id = await generated(api, **fields)
    caller = (await api.directory()).find(key, NOW)
    assert (caller.alias, caller.models, caller.endpoints, caller.rules) == (key_id, ("*",), ("*",), ())


@pytest.mark.parametrize(
    ("fields", "expires"),
    [
        ({"duration": "30d"}, "2026-12-21T12:00:00Z"),
        ({"expires": "2027-01-31"}, "2027-01-31T00:00:00Z"),
        ({"expires": "2027-01-31T12:00:00+02:00"}, "2027-01-31T10:00:00Z"),
        ({"duration": None}, None),
    ],
)
async def test_a_key_expires(api: Api, fields: dict[str, object], expires: str | None) -> None:
    assert (await api.post("/key/generate", fields))["expires"] == expires


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"modells": ["gpt-4o"]}, "modells", "modells: there is no such field (did you mean 'models'?)."),
        ({"guardrails": []}, "guardrails", "guardrails: there is no such field."),
        ({"models": ["gpt-4"]}, "models", "There is no model 'gpt-4' (did you mean 'gpt-4o'?)."),
        ({"models": "gpt-4o"}, "models", "models: must be a list, not text."),
        ({"model_rpm_limit": {"nope": 1}}, "model_rpm_limit", "There is no model 'nope'."),
        ({"aliases": {"gpt-4o": "gpt-4o-mini"}}, "aliases", "'gpt-4o' is the name of a model."),
        ({"aliases": {"fast": "gpt-4x"}}, "aliases", "There is no model 'gpt-4x' (did you mean 'gpt-4o'?)."),
        ({"team_id": "reserch"}, "team_id", "There is no team 'reserch' (did you mean 'research'?)."),
        (
            {"networks": ["10.0.0.1/8"]},
            "networks",
            "'10.0.0.1/8' has bits of a host: the network is '10.0.0.0/8'.",
        ),
        ({"networks": ["10.0.0.0/33"]}, "networks", "'10.0.0.0/33' is not a CIDR block."),
        (
            {"rpm_limit": 0},
            "rpm_limit",
            "rpm_limit: must be a whole number from 1 to 1000000000000.",
        ),
        ({"soft_budget": 5}, "soft_budget", "soft_budget: has no meaning without max_budget."),
        ({"duration": "999999999w"}, "duration", "duration: must be at most 36500d."),
        ({"duration": "30d", "expires": "2030-01-01"}, "expires", "Give either duration or expires."),
        ({"expires": "2026-11-21"}, "expires", "This time is past."),
        ({"expires": "2027-02-30"}, "expires", "There is no such date or time."),
        ({"blocked": "yes"}, "blocked", "blocked: must be true or false, not text."),
        ({"metadata": {"a": 1}}, "metadata.a", "metadata.a: must be text, not a whole number."),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, fields: dict[str, object], param: str, message: str) -> None:
    await api.post("/team/new", {"team_id": "research"})
    error = await api.refused("/key/generate", fields, 422)
    assert (error["param"], error["message"]) == (param, message)
    assert (await api.get("/key/list"))["total_count"] == 0


async def test_all_mistakes_are_told_at_once(api: Api) -> None:
    error = await api.refused("/key/generate", {"tpm_limit": "1", "tag": []}, 422)
    assert error["message"] == (
        "tpm_limit: must be a whole number, not text; tag: there is no such field (did you mean 'tags'?)."
    )


@pytest.mark.parametrize("alias", ["ci", "dev"])
async def test_an_alias_is_one_keys(api: Api, alias: str) -> None:
    await generated(api, key_alias="ci")
    error = await api.refused("/key/generate", {"key_alias": alias}, 409)
    assert error["message"] == f"There is a key with the alias {alias!r} already."


async def test_an_update_changes_what_is_given_and_nothing_else(api: Api) -> None:
    key, key_id = await generated(api, key_alias="ci", tags=["a"], rpm_limit=5, models=["gpt-4o"], duration="1h")
    answer = await api.post("/key/update", {"key": key_id, "key_alias": "ci", "rpm_limit": None, "tags": ["b"]})
    assert (answer["key_alias"], answer["tags"], answer["rpm_limit"]) == ("ci", ["b"], None)
    assert (answer["models"], answer["expires"]) == (["gpt-4o"], "2026-11-21T13:00:00Z")
    answer = await api.post("/key/update", {"key": key, "models": [], "duration": None})
    assert (answer["models"], answer["expires"], answer["tags"]) == (["*"], None, ["b"])


async def test_an_update_must_make_sense_as_a_whole(api: Api) -> None:
    _, key_id = await generated(api, max_budget=10, soft_budget=5)
    error = await api.refused("/key/update", {"key": key_id, "max_budget": None}, 422)
    assert error["param"] == "soft_budget"


async def test_a_blocked_key_is_refused_until_it_is_unblocked(api: Api) -> None:
    key, key_id = await generated(api)
    assert (await api.post("/key/block", {"key": key}))["blocked"]
    with pytest.raises(Unauthenticated, match="blocked"):
        (await api.directory()).find(key, NOW)
    assert not (await api.post("/key/unblock", {"key": key_id}))["blocked"]
    assert (await api.directory()).find(key, NOW).id == key_id


async def test_a_regenerated_key_keeps_its_id_and_the_old_one_has_its_grace(api: Api) -> None:
    old, key_id = await generated(api, key_alias="ci")
    answer = await api.post("/key/regenerate", {"key": old, "grace_period": "1h"})
    assert (answer["key_id"], answer["replaced_until"]) == (key_id, "2026-11-21T13:00:00Z")
    directory = await api.directory()
    assert directory.find(answer["key"], NOW) is directory.find(old, NOW + HOUR - 1)
    with pytest.raises(Unauthenticated):
        directory.find(old, NOW + HOUR)


async def test_without_grace_no_older_key_is_good_any_more(api: Api) -> None:
    first, key_id = await generated(api)
    second = (await api.post("/key/regenerate", {"key": key_id, "grace_period": "1h"}))["key"]
    third = (await api.post("/key/regenerate", {"key": key_id}))["key"]
    directory = await api.directory()
    for old in (first, second):
        with pytest.raises(Unauthenticated):
            directory.find(old, NOW)
    assert directory.find(third, NOW).id == key_id


async def test_a_deleted_key_is_gone(api: Api) -> None:
    key, key_id = await generated(api)
    _, other_id = await generated(api, key_alias="ci")
    answer = await api.post("/key/delete", {"keys": [key], "key_aliases": ["ci"]})
    assert answer == {"deleted_keys": [key_id, other_id]}
    assert (await api.get("/key/list"))["keys"] == []
    with pytest.raises(Unauthenticated):
        (await api.directory()).find(key, NOW)


async def test_all_keys_must_be_there_or_none_is_deleted(api: Api) -> None:
    _, key_id = await generated(api)
    await api.post("/key/delete", {"keys": [key_id, "1" * 16]}, status=404)
    await api.post("/key/delete", {"keys": []}, status=422)
    assert (await api.get("/key/list"))["total_count"] == 1


async def test_a_key_of_another_salt_is_not_repeated(api: Api) -> None:
    unknown = "sk-" + "1" * 62
    for path in ("/key/update", "/key/block", "/key/unblock", "/key/regenerate"):
        error = await api.refused(path, {"key": unknown}, 404)
        assert error["message"] == "There is no such key in the registry."
    error = (await api.get("/key/info", key_alias="cii", status=404))["error"]
    assert error["code"] == "key_not_found"


async def test_info_wants_one_name(api: Api) -> None:
    await api.get("/key/info", status=422)
    await api.get("/key/info", key="1" * 16, key_alias="ci", status=422)


async def test_keys_are_listed_in_pages_oldest_first(api: Api) -> None:
    for number in range(5):
        await generated(api, key_alias=f"k{number}", user_id="ann" if number % 2 else "bob")
        api.clock.seconds += 1
    page = await api.get("/key/list", page="2", size="2")
    assert [key["key_alias"] for key in page["keys"]] == ["k2", "k3"]
    assert (page["total_count"], page["current_page"], page["total_pages"]) == (5, 2, 3)
    anns = await api.get("/key/list", user_id="ann")
    assert [key["key_alias"] for key in anns["keys"]] == ["k1", "k3"]
    assert [key["key_alias"] for key in (await api.get("/key/list", key_alias="k4"))["keys"]] == ["k4"]
    await api.get("/key/list", page="0", status=422)
    await api.get("/key/list", size="many", status=422)


async def test_a_change_that_comes_between_is_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key_id = await generated(api)
    put, interfered = api.store.put, False

    async def after_somebody_else(kind: str, id: str, data: bytes, *, expected: int | None) -> int:
        nonlocal interfered
        if not interfered:
            interfered = True
            await api.post("/key/update", {"key": key_id, "tags": ["theirs"]})
        return await put(kind, id, data, expected=expected)

    monkeypatch.setattr(api.store, "put", after_somebody_else)
    answer = await api.post("/key/update", {"key": key_id, "rpm_limit": 5})
    assert (answer["tags"], answer["rpm_limit"]) == (["theirs"], 5)


async def test_who_is_never_first_is_told_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key_id = await generated(api)

    async def put(kind: str, id: str, data: bytes, *, expected: int | None) -> int:
        raise Conflict

    monkeypatch.setattr(api.store, "put", put)
    assert (await api.refused("/key/block", {"key": key_id}, 409))["code"] == "conflict"


async def test_a_key_that_a_newer_gateway_changes_meanwhile_is_left_alone(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key_id = await generated(api)

    async def get(kind: str, id: str) -> Record:
        return Record(kind, id, 9, b'{"format":1,"digest":"d","created":1,"newer":true}')

    monkeypatch.setattr(api.store, "get", get)
    error = await api.refused("/key/block", {"key": key_id}, 409)
    assert error["message"] == f"The key {key_id!r} was written by a newer gateway, which must change it."


async def test_every_change_leaves_a_line_without_secrets(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "extproc.admin"):
        key, key_id = await generated(api, metadata={"note": "private"})
        await api.post("/key/delete", {"keys": [key]})
    lines = [record.__dict__["fields"] for record in caplog.records]
    assert lines == [
        {"by": "admin.tokens[1]", "action": "/key/generate", "kind": "key", "id": key_id},
        {"by": "admin.tokens[1]", "action": "/key/delete", "kind": "key", "id": key_id},
    ]


async def test_an_alias_may_be_anything_but_a_documents(start: Starting) -> None:
    api = await start(document(keys=(Key("prod", "d" * 64),)))
    await generated(api, key_alias="dev")
    await api.refused("/key/generate", {"key_alias": "prod"}, 409)


async def test_a_team_made_elsewhere_is_known_at_once(api: Api) -> None:
    await api.get("/key/list")
    await api.store.put(TEAM, "research", write(TeamRecord(created=1.0)), expected=0)
    await generated(api, team_id="research")
