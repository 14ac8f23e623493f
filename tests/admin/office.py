"""An admin API over a store in memory, and how it is asked. Time stands at 2026-11-21T12:00:00Z until it is moved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from extproc.admin.app import build_admin_api
from extproc.admin.registrar import CachePurge, Office
from extproc.config.model import Backend, Gateway, Model, Schema, Secret, Target
from extproc.policy.directory import Directory
from extproc.policy.records import Records
from extproc.policy.replica import Replica
from extproc.store.memory import MemoryStore
from tests.policy.registry import gateway

NOW = 1_795_262_400.0
TOKEN = "admin-token-of-the-test"
_BACKEND = Backend("openai", "openai", "openai", Schema.OPENAI, "api.openai.com")


def model(name: str) -> Model:
    prefix = name[:-1] if name.endswith("*") else None
    return Model(name, (Target(_BACKEND, name),), prefix)


def document(**more: object) -> Gateway:
    """With two models, one wildcard, and an admin token."""
    fields: dict[str, object] = {
        "models": (model("gpt-4o"), model("gpt-4o-mini"), model("claude-*")),
        "admin_tokens": (Secret("another-token"), Secret(TOKEN)),
    }
    return gateway(**(fields | more))


class Clock:
    def __init__(self) -> None:
        self.seconds = NOW

    def __call__(self) -> float:
        return self.seconds


@dataclass(slots=True)
class Api:
    """Asks one API, and looks at what became of it as a gateway does."""

    client: TestClient[Any, Any]
    store: MemoryStore
    clock: Clock
    document: Gateway

    async def post(self, path: str, fields: object = None, *, status: int = 200) -> Any:
        response = await self.client.post(path, json=fields, headers=_authorized())
        answer = await response.json()
        assert response.status == status, answer
        return answer

    async def get(self, path: str, *, status: int = 200, **query: str) -> Any:
        response = await self.client.get(path, params=query, headers=_authorized())
        answer = await response.json()
        assert response.status == status, answer
        return answer

    async def refused(self, path: str, fields: object, status: int) -> Mapping[str, str]:
        """The error of a POST."""
        error: Mapping[str, str] = (await self.post(path, fields, status=status))["error"]
        return error

    async def directory(self) -> Directory:
        records = Records()
        await Replica(self.store, records).refresh()
        return Directory(self.document, records)


def _authorized() -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}"}


async def started(of: Gateway, cache: CachePurge | None = None) -> Api:
    """Its client is to be closed."""
    clock = Clock()
    store = MemoryStore(clock)
    office = Office(store, store, Replica(store, Records()), lambda: of, clock, cache)
    client: TestClient[Any, Any] = TestClient(TestServer(build_admin_api(office)))
    await client.start_server()
    return Api(client, store, clock, of)
