"""Who may use the admin API, and how it answers what it cannot serve."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from extproc.admin.openapi import openapi
from extproc.admin.routes import ROUTES
from extproc.store.base import Changes, StoreAway
from tests.admin.conftest import Starting
from tests.admin.office import TOKEN, Api, document

KEYS = "/key/list"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é"]
)
async def test_without_a_token_of_the_document_nothing_is_told(api: Api, authorization: str) -> None:
    for path in (KEYS, "/budget/list", "/openapi.json"):
        response = await api.client.get(path, headers={"authorization": authorization})
        assert (response.status, response.headers["www-authenticate"]) == (401, "Bearer")
        assert (await response.json())["error"] == {
            "message": "Send a token of admin.tokens as 'Authorization: Bearer <token>'.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_admin_token",
        }


@pytest.mark.parametrize("token", [TOKEN, "another-token"])
async def test_every_token_of_the_document_will_do(api: Api, token: str) -> None:
    assert (await api.client.get(KEYS, headers={"authorization": f"bearer {token}"})).status == 200


async def test_without_tokens_in_the_document_the_api_is_off(start: Starting) -> None:
    api = await start(document(admin_tokens=()))
    for path in (KEYS, "/budget/list", "/openapi.json"):
        assert (await api.get(path, status=404))["error"]["code"] == "admin_off"


async def test_without_the_registry_there_are_budgets_only(start: Starting) -> None:
    api = await start(document(registry=False))
    await api.get("/budget/list")
    for path in (KEYS, "/team/list", "/organization/list"):
        assert (await api.get(path, status=404))["error"]["code"] == "admin_off"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "The body is not JSON."),
        (b"\xff", 400, "The body is not JSON."),
        (b"[" * 60_000, 400, "The body is not JSON."),
        (b"[]", 400, "The body must be a JSON object."),
        (b'{"tags":["' + b"a" * 70_000 + b'"]}', 413, "The body is larger than 65536 bytes."),
        (b'{"max_budget":1e999}', 400, "The body is not JSON."),
        (
            b'{"rpm_limit":123456789012345678901234567890}',
            422,
            "rpm_limit: must be a whole number from 1 to 1000000000000.",
        ),
    ],
)
async def test_a_body_that_cannot_be_understood_is_refused(api: Api, body: bytes, status: int, message: str) -> None:
    response = await api.client.post("/key/generate", data=body, headers={"authorization": f"Bearer {TOKEN}"})
    assert (response.status, (await response.json())["error"]["message"]) == (status, message)


async def test_unknown_paths_and_methods_are_refused_in_json(api: Api) -> None:
    assert (await api.get("/user/new", status=404))["error"]["code"] == "unknown_path"
    assert (await api.get("/key/generate", status=405))["error"]["message"] == "This path wants POST."


async def test_no_answer_is_kept_by_anybody(api: Api) -> None:
    response = await api.client.get(KEYS, headers={"authorization": f"Bearer {TOKEN}"})
    assert response.headers["cache-control"] == "no-store"


async def test_while_the_store_is_away_so_is_the_api(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(since: int) -> Changes:
        raise StoreAway

    monkeypatch.setattr(api.store, "changes", away)
    answer = await api.post("/key/generate", {}, status=503)
    assert answer["error"]["code"] == "store_unavailable"


async def test_the_openapi_document_is_served(api: Api) -> None:
    assert await api.get("/openapi.json") == json.loads(json.dumps(openapi()))


def test_every_route_is_in_the_openapi_document() -> None:
    paths = openapi()["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods} == {
        (route.path, route.method.lower()) for route in ROUTES
    }
    for methods in paths.values():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["responses"]["200"]


def test_the_openapi_document_keeps_its_references_and_names_its_operations_once() -> None:
    document_text = json.dumps(openapi())
    described: dict[str, Any] = json.loads(document_text)
    schemas = described["components"]["schemas"]
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert f'"#/components/schemas/{name}"' in document_text
    for reference in _references(described):
        assert reference.removeprefix("#/components/schemas/") in schemas
    operations = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(set(operations)) == len(operations)


async def test_answers_have_the_shape_that_the_openapi_document_says(api: Api) -> None:
    schemas = openapi()["components"]["schemas"]
    made = await api.post("/key/generate", {"key_alias": "ci", "max_budget": 1, "duration": "1d"})
    answers = {
        "NewKey": made,
        "KeyList": await api.get("/key/list"),
        "KeyAnswer": await api.get("/key/info", key_alias="ci"),
    }
    answers["BudgetList"] = await api.get("/budget/list")
    answers["Error"] = await api.post("/key/generate", {"x": 1}, status=422)
    for name, answer in answers.items():
        whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        jsonschema.Draft202012Validator(whole).validate(answer)


def _references(value: object) -> list[str]:
    match value:
        case dict():
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for inner in value.values() for found in _references(inner)]
        case list():
            return [found for inner in value for found in _references(inner)]
        case _:
            return []
