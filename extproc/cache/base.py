"""Where entries are kept: the contract of `memory` and `redis`.

Nothing here can fail a request: a store that is away, slow or full of nonsense is a miss. A purge is the exception,
because whoever orders one must know whether it was done.

Purging a tenant, a route or everything costs the same, whatever it purges: entries bear a *stamp*, the generations that
they were made in, and one with an old stamp is not there any more. The stamp is taken when an answer is looked for, so
that one which was under way during a purge is never seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from extproc.cache.key import Key

Purged = Literal["key", "tenant", "route", "all"]


@dataclass(frozen=True, slots=True)
class Slot:
    """What is under a key. `data` None: nothing. `stamp` None: the store is away, and nothing can be put."""

    data: bytes | None = None
    stamp: bytes | None = None


class Cache(Protocol):
    """Entries by key. `Key.digest` is unique; `Key.tenant` and `Key.route` are what a purge names."""

    async def get(self, key: Key) -> Slot: ...

    async def put(self, key: Key, data: bytes, stamp: bytes, ttl_ms: int) -> bool:
        """Whether it was put. `stamp` is the one that `get` gave before the answer was asked for."""
        ...

    async def purge(self, what: Purged, name: str = "") -> None:
        """Purges one entry, all of a tenant or of a route, by the digest, or all there are.

        Raises StoreAway (of `extproc.store.base`).
        """
        ...

    async def close(self) -> None: ...


Failed = Callable[[], None]
"""Told of each operation that a store could not do, for counting."""
