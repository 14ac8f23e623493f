"""Two budgets spent by hundreds of streams at a time, while workers and the store's master are killed.

What is to hold, by the providers' own counts: no more is spent than the budget and a quantum for each request under
way, nothing is refused that the budget could pay for, and nothing stays reserved or is left over.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import Gateway, running_gateway, wait_until
from tests.integration.load import allow_many_files
from tests.integration.spenders import Balance, Books, Habits, Purse, Spenders, balance, kill_a_worker, standing
from tests.store.servers import Server, data_server, replica_server, sentinel_server

WORKERS = 4
KILLS, BETWEEN_KILLS_SECONDS, MASTER_DIES_AFTER_SECONDS = 8, 7.0, 32.0
HABITS = Habits(callers=250, rate=4, shortest=16, longest=600, allowed=4096, pause=5.0)
QUANTUM = 16
PURSES = (
    Purse("tokens", "gpt-4o-mini", {"tokens": 150_000}),
    Purse("money", "gpt-4o", {"amount": "0.28"}, input_price=1_000, output_price=2_000),
)
PRICES = {"provider": "openai", "model": "gpt-4o", "input": "1.00", "output": "2.00"}
LEASES_END_SECONDS = 90.0
FAILOVER_SECONDS = 10.0  # later than that, the store was missed for other reasons
MASTER = "mymaster"


class Redis:
    """A master, its replica, and the sentinel that watches them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers = ExitStack()
        self.master = self._keep(data_server(folder))
        self.replica = self._keep(replica_server(folder, self.master))
        self.sentinel = self._keep(sentinel_server(folder, self.master, name=MASTER))

    def lose_the_master(self) -> None:
        """Kills it, and waits until the replica has taken its place."""
        self.master.kill()
        self.master = self.replica
        self.master.until(lambda client: client.info("replication")["role"] == "master")

    def add_a_replica(self) -> None:
        """As whoever runs the servers does: without one, no change counts as made."""
        self.replica = self._keep(replica_server(self._folder, self.master))

    def close(self) -> None:
        self._servers.close()

    def _keep(self, server: Server) -> Server:
        self._servers.callback(server.kill)
        return server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    servers = Redis(tmp_path)
    yield servers
    servers.close()


def governed(redis: Redis) -> dict[str, Any]:
    store = {
        "mode": "sentinel",
        "nodes": [f"127.0.0.1:{redis.sentinel.port}"],
        "master_name": MASTER,
        "wait_replicas": 1,
        "timeout_ms": 200,
    }
    return document(
        backends=[backend(purse.name, "openai", provider="openai") for purse in PURSES],
        models=[{"name": purse.model, "targets": [purse.name]} for purse in PURSES],
        keys=keys(*(key(purse.name, purse.key, team=purse.name) for purse in PURSES)),
        accounting={"quantum_tokens": QUANTUM, "prices": [PRICES]},
        budgets=[purse.entry for purse in PURSES],
        passthrough="tokens",
        store={"redis": store},
    )


@dataclass(slots=True)
class Chaos:
    """What is done to the gateway. `promoted` is when there was a new master, after `died` (monotonic seconds)."""

    gateway: Gateway
    redis: Redis
    kills: int = 0
    died: float = 0.0
    promoted: float = 0.0

    async def kill_workers(self) -> None:
        chance = random.Random(1)
        for _ in range(KILLS):
            await asyncio.sleep(BETWEEN_KILLS_SECONDS)
            kill_a_worker(self.gateway, chance)
            self.kills += 1

    async def kill_the_master(self) -> None:
        await asyncio.sleep(MASTER_DIES_AFTER_SECONDS)
        self.died = time.monotonic()
        await asyncio.to_thread(self.redis.lose_the_master)
        self.promoted = time.monotonic()
        await asyncio.to_thread(self.redis.add_a_replica)


async def spend(chaos: Chaos) -> list[Books]:
    spenders = [Spenders(chaos.gateway, purse, HABITS) for purse in PURSES]
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout()
    async with (
        asyncio.timeout(240),
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(chaos.kill_workers())
        group.create_task(chaos.kill_the_master())
        for one in spenders:
            group.create_task(one.run(session))
    return [one.books for one in spenders]


def wait_for_leases(gateway: Gateway, purse: Purse) -> None:
    """Until those of dead workers have expired."""
    wait_until(lambda: standing(gateway, purse).reserved == 0, LEASES_END_SECONDS, "the end of all leases")


def missed_until(books: Sequence[Books], chaos: Chaos) -> float:
    """Seconds from the master's death to the last answer that missed it."""
    since = (moment - chaos.died for book in books for moment in book.store_missed)
    return max((seconds for seconds in since if 0 <= seconds < FAILOVER_SECONDS), default=0.0)


def show(purse: Purse, books: Books, found: Balance) -> None:
    """One figure a line; tokens, or nano-dollars."""
    figures = {
        "budget": found.limit,
        "made upstream": found.made,
        "settled": found.settled,
        "overshoot": max(0, found.settled - found.limit),
        "bound of the overshoot": found.quanta,
        "left": found.limit - found.settled,
        "requested by the last refusal": found.likely,
        "requests admitted": books.admitted,
        "most under way": books.most_asked,
        "refusals": books.outcomes["refused"],
        "false refusals": len(books.false_refusals),
        "leases of dead workers": found.dead,
        "charged for them": found.held,
        "made for them": found.dead_made,
        "settled by the living": found.settled - found.held,
        "made for the living": found.made - found.dead_made,
        **{name: count for name, count in sorted(books.outcomes.items()) if name != "refused"},
    }
    print(f"\n{purse.name}", *(f"  {name:32} {figure:>14,}" for name, figure in figures.items()), sep="\n")


@pytest.mark.soak
@pytest.mark.timeout(330)
def test_budgets_hold_under_kills_and_failover(redis: Redis) -> None:
    allow_many_files()
    simulators = {purse.name: Settings(formats=("openai",), log_size=100_000) for purse in PURSES}
    with running_gateway(governed(redis), simulators, workers=WORKERS) as gateway:
        chaos, began = Chaos(gateway, redis), time.monotonic()
        books = asyncio.run(spend(chaos))
        spent_in = time.monotonic() - began
        for purse in PURSES:
            wait_for_leases(gateway, purse)
        with redis.master.client() as client:
            found = [
                balance(gateway, client, purse, book, HABITS, QUANTUM)
                for purse, book in zip(PURSES, books, strict=True)
            ]
        lost = gateway.metric("llm_gateway_settlements_lost_total")
        for purse, book, one in zip(PURSES, books, found, strict=True):
            show(purse, book, one)
        print(f"\nspent in {spent_in:.0f} s, reconciled after {time.monotonic() - began:.0f} s")
        print(f"{chaos.kills} workers killed; settlements lost: {lost:.0f}")
        print(f"a new master after {chaos.promoted - chaos.died:.2f} s")
        print(f"requests missed the store until {missed_until(books, chaos):.2f} s")
        assert [(book.mistakes, book.false_refusals) for book in books] == [([], []), ([], [])]
        assert [list(one.broken_promises()) for one in found] == [[], []]
        assert all(book.cut_by_budget for book in books)
        assert lost == 0
        assert gateway.metric("llm_gateway_internal_errors_total") == 0
