"""The store of a single process: for one worker, for development and for tests. It forgets everything when it ends."""

from collections.abc import Callable

from extproc.store.memory_ledger import MemoryLedger
from extproc.store.memory_registry import MemoryRegistry


class MemoryStore(MemoryLedger, MemoryRegistry):
    """A `Store`. `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        MemoryLedger.__init__(self, clock)
        MemoryRegistry.__init__(self)

    async def close(self) -> None:
        """There is nothing to close."""
