"""What goes on in a worker besides exchanges: leases are kept alive, and the registry's copy is kept current.

Either is begun again when it fails by a defect of ours: otherwise every lease would expire under its holder, or a
blocked key be let in for ever, and nobody would know.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

_log = logging.getLogger(__name__)
_REGISTRY_PATIENCE_SECONDS = 5.0  # how long a worker waits for the registry before it serves without
_SETTLING_SECONDS = 5.0
_PAUSE_SECONDS = 2.0  # before what has failed is begun again


class Closing(Protocol):
    async def close(self) -> None: ...


class Settling(Protocol):
    """The governor."""

    async def run(self) -> None: ...

    async def close(self, patience_seconds: float) -> None: ...


class Copying(Protocol):
    """The registry's replica."""

    async def run(self) -> None: ...

    async def refresh(self) -> None: ...


class Upkeep:
    """`failed` counts each failure."""

    def __init__(
        self,
        governor: Settling,
        replica: Copying,
        store: Closing,
        failed: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._governor = governor
        self._replica = replica
        self._store = store
        self._failed = failed
        self._sleep = sleep
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns as soon as keys of the registry are known, or cannot be known now."""
        self._begin("settling", self._governor.run)
        first = asyncio.wait_for(self._replica.refresh(), _REGISTRY_PATIENCE_SECONDS)
        await asyncio.gather(first, return_exceptions=True)  # whatever it met, the next poll meets it too
        self._begin("registry", self._replica.run)

    async def stop(self) -> None:
        """Settles what is not settled yet, as far as the store lets us."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._governor.close(_SETTLING_SECONDS)
        await self._store.close()

    def _begin(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._keep_going(name, work)))

    async def _keep_going(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            ended: tuple[BaseException | None] = await asyncio.gather(work(), return_exceptions=True)
            self._failed()
            _log.error("upkeep failed", exc_info=ended[0], extra={"fields": {"of": name, "again_in": _PAUSE_SECONDS}})
            await self._sleep(_PAUSE_SECONDS)
