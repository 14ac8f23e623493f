"""Keeps this process's copy of the registry: asks for what was changed, some times a second.

While the store is away the copy stays as it was: a key that is blocked then is refused when the store is back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from extproc.policy.records import Records
from extproc.store.base import Changes, Record, Registry, StoreAway

_log = logging.getLogger(__name__)
_AT_ONCE = 500  # records taken in without a pause: a few milliseconds


class Replica:
    """For one event loop, and the only one that changes `records`."""

    def __init__(
        self,
        registry: Registry,
        records: Records,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        interval: float = 0.5,
    ) -> None:
        """`interval` is in seconds."""
        self.records = records
        self.available = True
        self._registry = registry
        self._sleep = sleep
        self._interval = interval
        self._version = 0
        self._one_poll = asyncio.Lock()

    async def run(self) -> None:
        """Polls until it is cancelled."""
        while True:
            try:
                await self.refresh()
            except StoreAway:
                self._tell(available=False)
            await self._sleep(self._interval)

    async def refresh(self) -> None:
        """Takes in what was changed until now. Raises StoreAway."""
        async with self._one_poll:
            changes = await self._registry.changes(self._version)
            await self._take(changes)
            self._tell(available=True)

    async def _take(self, changes: Changes) -> None:
        if changes.whole or not self.records.loaded:
            fresh = Records()
            await _fill(fresh, changes.records)
            fresh.loaded = True
            self.records.replace(fresh)
        else:
            await _fill(self.records, changes.records)
        self._version = changes.version

    def _tell(self, *, available: bool) -> None:
        """Once for every time that the store goes or comes."""
        if available is not self.available:
            self.available = available
            _log.log(logging.INFO if available else logging.WARNING, "registry back" if available else "registry away")


async def _fill(records: Records, changes: Iterable[Record]) -> None:
    """Lets others run in between: a hundred thousand records take half a second."""
    for index, record in enumerate(changes, 1):
        records.take(record)
        if index % _AT_ONCE == 0:
            await asyncio.sleep(0)
