"""A budget that runs out while a worker is killed: `test_budget_chaos` in small, with a store whose clock can leap."""

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import Gateway, running_gateway, wait_until
from tests.integration.spenders import Books, Habits, Purse, Spenders, balance, kill_a_worker, standing
from tests.store.servers import Clock, Server, data_server

QUANTUM = 16
PURSE = Purse("openai", "gpt-4o-mini", {"tokens": 9_000})
HABITS = Habits(callers=60, rate=20, shortest=10, longest=100, allowed=100, pause=0.5)
KILL_AFTER_SECONDS = 2.5
LEASE_MS = 60_000


def governed(server: Server) -> dict[str, Any]:
    return document(
        backends=[backend("openai", "openai", provider="openai")],
        models=[{"name": PURSE.model, "targets": ["openai"]}],
        keys=keys(key("openai", PURSE.key, team=PURSE.name)),
        accounting={"quantum_tokens": QUANTUM},
        budgets=[PURSE.entry],
        store={"redis": {"url": f"redis://127.0.0.1:{server.port}/0", "timeout_ms": 2000}},
    )


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "now", int(time.time() * 1000))


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[Server]:
    server = data_server(tmp_path, clock=clock)
    yield server
    server.kill()


async def spend(gateway: Gateway) -> Books:
    spenders = Spenders(gateway, PURSE, HABITS)
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(spenders.run(session))
        await asyncio.sleep(KILL_AFTER_SECONDS)
        kill_a_worker(gateway, random.Random(1))
    return spenders.books


def test_a_budget_holds_when_a_worker_dies(server: Server, clock: Clock) -> None:
    simulators = {"openai": Settings(formats=("openai",), log_size=10_000)}
    with running_gateway(governed(server), simulators, workers=2) as gateway:
        books = asyncio.run(spend(gateway))
        clock.advance(LEASE_MS + 1)
        wait_until(lambda: standing(gateway, PURSE).reserved == 0, what="the end of all leases")
        with server.client() as client:
            found = balance(gateway, client, PURSE, books, HABITS, QUANTUM)
        assert (books.mistakes, books.false_refusals) == ([], [])
        assert list(found.broken_promises()) == []
        assert found.dead > 0
        assert books.cut_by_budget > 0
        assert gateway.metric("llm_gateway_settlements_lost_total") == 0
