"""What goes on in a worker besides exchanges: leases are kept alive, and the registry's copy is kept current."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Protocol

from extproc.policy.governor import Governor
from extproc.policy.replica import Replica
from extproc.store.base import StoreAway

_REGISTRY_PATIENCE_SECONDS = 5.0  # how long a worker waits for the registry before it serves without
_SETTLING_SECONDS = 5.0


class Closing(Protocol):
    async def close(self) -> None: ...


class Upkeep:
    def __init__(self, governor: Governor, replica: Replica, store: Closing) -> None:
        self._governor = governor
        self._replica = replica
        self._store = store
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns as soon as keys of the registry are known, or cannot be known now."""
        self._begin(self._governor.run())
        with contextlib.suppress(StoreAway, TimeoutError):
            await asyncio.wait_for(self._replica.refresh(), _REGISTRY_PATIENCE_SECONDS)
        self._begin(self._replica.run())

    async def stop(self) -> None:
        """Settles what is not settled yet, as far as the store lets us."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._governor.close(_SETTLING_SECONDS)
        await self._store.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))
