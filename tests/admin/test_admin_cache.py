"""`/cache/purge`: whose kept answers are forgotten, and how it is said when they could not be."""

import logging
from typing import Any

import pytest

from extproc.cache.base import Purged
from extproc.cache.semantic.shadow import SAMPLE, Sample
from extproc.config.cache import CacheRoute, CacheSettings, Semantic
from extproc.config.model import Gateway
from extproc.store.base import StoreAway
from tests.admin.conftest import Starting
from tests.admin.office import Api, document


class Purges:
    """Writes down what it is asked to forget."""

    def __init__(self) -> None:
        self.away = False
        self.done: list[tuple[str, str]] = []

    async def purge(self, what: Purged, name: str) -> None:
        if self.away:
            raise StoreAway
        self.done.append((what, name))


def with_cache(**more: object) -> Gateway:
    return document(cache=CacheSettings(b"\x5f" * 32, (CacheRoute(name="faq"), CacheRoute(name="rest"))), **more)


@pytest.fixture
def purges() -> Purges:
    return Purges()


@pytest.fixture
async def api(start: Starting, purges: Purges) -> Api:
    return await start(with_cache(), purges)


async def test_everything_is_purged(api: Api, purges: Purges) -> None:
    assert await api.post("/cache/purge", {"scope": "all"}) == {"purged": "all", "name": ""}
    assert purges.done == [("all", "")]


async def test_one_answer_is_purged(api: Api, purges: Purges) -> None:
    digest = "0f" * 24
    assert await api.post("/cache/purge", {"scope": "key", "name": digest}) == {"purged": "key", "name": digest}
    assert purges.done == [("key", digest)]


async def test_a_route_is_purged(api: Api, purges: Purges) -> None:
    assert await api.post("/cache/purge", {"scope": "route", "name": "faq"}) == {"purged": "route", "name": "faq"}
    assert purges.done == [("route", "faq")]


async def test_whoever_may_be_called_so_is_purged(api: Api, purges: Purges) -> None:
    asked = {"scope": "tenant", "name": "research"}
    assert await api.post("/cache/purge", asked) == {"purged": "tenant", "name": "research"}
    assert purges.done == [("tenant", "organisation:research"), ("tenant", "team:research"), ("tenant", "key:research")]


async def test_a_key_of_the_registry_may_be_named_by_its_alias(api: Api, purges: Purges) -> None:
    made = await api.post("/key/generate", {"key_alias": "ci"})
    await api.post("/cache/purge", {"scope": "tenant", "name": "ci"})
    assert purges.done[-1] == ("tenant", f"key:{made['key_id']}")


MISTAKES: dict[str, tuple[dict[str, Any], int, dict[str, str]]] = {
    "an unknown route": (
        {"scope": "route", "name": "fag"},
        404,
        {"code": "route_not_found", "message": "There is no route 'fag' (did you mean 'faq'?)."},
    ),
    "an unknown scope": (
        {"scope": "team", "name": "research"},
        422,
        {"param": "scope", "message": "scope: must be one of key, tenant, route, all (did you mean 'tenant'?)."},
    ),
    "no scope": ({}, 422, {"message": "the field 'scope' is missing."}),
    "no name": (
        {"scope": "tenant"},
        422,
        {"param": "name", "message": "Give a name with the scopes key, tenant and route, and none with all."},
    ),
    "what is no key": (
        {"scope": "key", "name": "sk-one"},
        422,
        {"param": "name", "message": "The key of an answer is 48 hexadecimal digits."},
    ),
    "a name with all": ({"scope": "all", "name": "research"}, 422, {"param": "name"}),
}


@pytest.mark.parametrize(("asked", "status", "error"), MISTAKES.values(), ids=MISTAKES)
async def test_a_mistake_purges_nothing(
    api: Api, purges: Purges, asked: dict[str, Any], status: int, error: dict[str, str]
) -> None:
    assert (await api.refused("/cache/purge", asked, status)).items() >= error.items()
    assert purges.done == []


@pytest.mark.parametrize("asked", [{"scope": "all"}, {"scope": "tenant", "name": "a"}, {"scope": "route", "name": "a"}])
async def test_without_a_cache_there_is_nothing_to_purge(
    start: Starting, purges: Purges, asked: dict[str, str]
) -> None:
    for api in (await start(document(), purges), await start(document())):
        assert (await api.refused("/cache/purge", asked, 404))["code"] == "admin_off"


async def test_the_cache_needs_no_registry(start: Starting, purges: Purges) -> None:
    api = await start(with_cache(registry=False), purges)
    await api.post("/cache/purge", {"scope": "all"})
    assert purges.done == [("all", "")]


async def test_a_purge_that_could_not_be_done_says_so(
    api: Api, purges: Purges, caplog: pytest.LogCaptureFixture
) -> None:
    purges.away = True
    with caplog.at_level(logging.INFO, "extproc.admin"):
        assert (await api.refused("/cache/purge", {"scope": "all"}, 503))["code"] == "store_unavailable"
    assert caplog.records == []


async def test_a_purge_leaves_a_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "extproc.admin"):
        await api.post("/cache/purge", {"scope": "route", "name": "faq"})
    (line,) = caplog.records
    assert line.message == "cache purged"
    assert line.__dict__["fields"] == {
        "by": "admin.tokens[1]",
        "action": "/cache/purge",
        "kind": "route",
        "id": "faq",
    }


# -- semantic hits ----------------------------------------------------------------------------------------------------


SEMANTIC = CacheSettings(b"\x5f" * 32, (CacheRoute(name="faq", semantic=Semantic()), CacheRoute(name="rest")))


async def test_an_estimate_is_shown(start: Starting) -> None:
    api = await start(document(cache=SEMANTIC))
    assert (await api.get("/cache/semantic/info", route="faq"))["most"] == 1.0
    await api.store.put(SAMPLE, "faq", Sample(compared=299, differed=0).encode(), expected=0)
    found = await api.get("/cache/semantic/info", route="faq")
    assert found.pop("most") == pytest.approx(0.01, abs=0.0001)
    assert found == {
        "route": "faq",
        "mode": "shadow",
        "stopped": False,
        "compared": 299,
        "differed": 0,
        "rate": 0.0,
        "least": 0.0,
    }


async def test_a_stopped_route_is_begun_anew(start: Starting) -> None:
    api = await start(document(cache=SEMANTIC))
    await api.store.put(SAMPLE, "faq", Sample(compared=1, differed=1, stopped=True).encode(), expected=0)
    assert (await api.get("/cache/semantic/info", route="faq"))["stopped"]
    for _ in range(2):
        assert not (await api.post("/cache/semantic/reset", {"route": "faq"}))["stopped"]
    assert not (await api.get("/cache/semantic/info", route="faq"))["stopped"]


@pytest.mark.parametrize("route", ["rest", "other"])
async def test_a_route_without_semantic_hits_has_no_estimate(start: Starting, route: str) -> None:
    api = await start(document(cache=SEMANTIC))
    assert (await api.refused("/cache/semantic/reset", {"route": route}, 404))["code"] == "route_not_found"
