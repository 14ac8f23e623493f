"""What goes on besides exchanges goes on, whatever it meets."""

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from extproc.server.upkeep import Upkeep
from extproc.store.base import StoreAway


@dataclass
class Work:
    """A governor, a replica and a store in one; `run` fails as it is told to, in turn, and then goes on for ever."""

    failures: list[Exception] = field(default_factory=list)
    first: Exception | None = None
    runs: int = 0
    steady: asyncio.Event = field(default_factory=asyncio.Event)
    done: list[str] = field(default_factory=list)

    async def run(self) -> None:
        self.runs += 1
        if self.failures:
            raise self.failures.pop(0)
        self.steady.set()
        await asyncio.Event().wait()

    async def refresh(self) -> None:
        if self.first is not None:
            raise self.first

    async def close(self, patience_seconds: float = 0.0) -> None:
        self.done.append("closed")


@dataclass
class Machine:
    governor: Work = field(default_factory=Work)
    replica: Work = field(default_factory=Work)
    store: Work = field(default_factory=Work)
    failures: int = 0
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.upkeep = Upkeep(self.governor, self.replica, self.store, self._failed, self._sleep)

    def _failed(self) -> None:
        self.failures += 1

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def until_steady(self) -> None:
        await self.upkeep.start()
        await asyncio.gather(self.governor.steady.wait(), self.replica.steady.wait())


@pytest.mark.parametrize("which", ["governor", "replica"])
async def test_what_fails_is_counted_said_and_begun_again(which: str, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    work: Work = getattr(machine, which)
    work.failures = [KeyError("sk-secret"), ValueError("sk-secret")]
    with caplog.at_level(logging.ERROR):
        await machine.until_steady()
    assert (work.runs, machine.failures, machine.pauses) == (3, 2, [2.0, 2.0])
    assert [record.getMessage() for record in caplog.records] == ["upkeep failed"] * 2
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [KeyError, ValueError]
    await machine.upkeep.stop()


async def test_it_ends_when_it_is_told_to() -> None:
    machine = Machine()
    await machine.until_steady()
    await machine.upkeep.stop()
    assert (machine.governor.runs, machine.replica.runs, machine.failures) == (1, 1, 0)
    assert (machine.governor.done, machine.store.done) == (["closed"], ["closed"])


@pytest.mark.parametrize("error", [StoreAway(), ValueError("a record that nobody expected")])
async def test_a_worker_serves_though_the_registry_cannot_be_read_at_first(error: Exception) -> None:
    machine = Machine()
    machine.replica.first = error
    await machine.until_steady()
    assert machine.replica.runs == 1
    await machine.upkeep.stop()
