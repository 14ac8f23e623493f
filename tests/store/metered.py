"""Streams that are metered against one budget, all at once: what they can overspend together, and that none is refused
for nothing. For a test module to inherit, like the contract."""

import asyncio
from dataclasses import dataclass
from random import Random

import pytest

from extproc.store.base import Charge, Hold, Position, Stretch
from tests.store.contract import TTL_MS, Timed, budget, standing

_NEED = 20
_SHARED = budget(limit=10_000)


@dataclass
class Holder:
    """Reserves what it is likely to use, asks for a quantum whenever it has used more than it holds, and stops when it
    is refused: `used` is then at most a quantum more than `held`. One that `dies` never says what it used."""

    timed: Timed
    lease: str
    random: Random
    quantum: int
    dies: bool
    held: int = 0
    used: int = 0
    refused: bool = False

    async def run(self) -> None:
        await self._pause()
        if await self._reserve(likely=self.random.randint(_NEED, 600)):
            await self._stream(until=self.random.randint(0, 1200))
            if not self.dies:
                await self.timed.store.settle(self.lease, (Charge(_SHARED, self.held, self.used),))

    async def _reserve(self, likely: int) -> bool:
        verdict = await self.timed.store.reserve(self.lease, TTL_MS, (Hold(_SHARED, _NEED, likely),))
        (position,) = verdict.positions
        assert verdict.admitted or position.remaining < _NEED  # nobody is refused what was there
        self.held = position.granted
        return verdict.admitted

    async def _stream(self, until: int) -> None:
        while self.used < until and not self.refused:
            await self._pause()
            self.used = min(until, self.used + self.random.randint(1, self.quantum))
            if self.used > self.held:
                await self._extend()

    async def _extend(self) -> None:
        part = Stretch(_SHARED, self.held, self.quantum)
        verdict = await self.timed.store.extend(self.lease, TTL_MS, (part,))
        (position,) = verdict.positions
        assert verdict.admitted or position.remaining < self.quantum
        self.held += position.granted
        self.refused = not verdict.admitted

    async def _pause(self) -> None:
        for _ in range(self.random.randint(0, 3)):
            await asyncio.sleep(0)


class MeteredContract:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("quantum", [16, 256])
    async def test_streams_overspend_by_a_quantum_each_at_most(self, store: Timed, quantum: int, seed: int) -> None:
        random = Random(seed)
        holders = [Holder(store, f"lease-{n}", random, quantum, dies=n % 10 == 0) for n in range(60)]

        await asyncio.gather(*(holder.run() for holder in holders))

        stopped = sum(holder.refused for holder in holders)
        assert stopped > 0
        assert sum(holder.used for holder in holders) <= _SHARED.limit + stopped * quantum
        await store.advance(TTL_MS + 1)
        counted = sum(holder.held if holder.dies else holder.used for holder in holders)
        assert await standing(store, _SHARED) == Position(spent=counted, remaining=_SHARED.limit - counted)
