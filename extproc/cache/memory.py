"""The cache of one process: bounded in bytes, least recently used out first."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from extproc.cache.base import Purged, Slot
from extproc.cache.key import Key

_OVERHEAD = 512
"""Bytes that an entry may cost beyond its data: key, stamp and the objects that hold them (391 on CPython 3.11)."""


@dataclass(frozen=True, slots=True)
class _Kept:
    data: bytes
    stamp: bytes
    until: float


class MemoryCache:
    """A `Cache`. `most_bytes` bounds all entries together, `clock` gives seconds."""

    def __init__(self, most_bytes: int, clock: Callable[[], float]) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._generations: dict[tuple[str, str], int] = {}

    @property
    def size(self) -> int:
        """Bytes in use, overhead included."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: Key) -> Slot:
        stamp = self._stamp(key)
        kept = self._kept.get(key.digest)
        if kept is None:
            return Slot(None, stamp)
        if kept.stamp != stamp or kept.until <= self._clock():
            self._remove(key.digest)
            return Slot(None, stamp)
        self._kept.move_to_end(key.digest)
        return Slot(kept.data, stamp)

    async def put(self, key: Key, data: bytes, stamp: bytes, ttl_ms: int) -> bool:
        self._remove(key.digest)
        if stamp != self._stamp(key) or len(data) + _OVERHEAD > self._most_bytes:
            return False
        self._kept[key.digest] = _Kept(data, stamp, self._clock() + ttl_ms / 1000)
        self._bytes += len(data) + _OVERHEAD
        while self._bytes > self._most_bytes:
            self._remove(next(iter(self._kept)))
        return True

    async def purge(self, what: Purged, name: str = "") -> None:
        """Entries of a tenant or a route leave when they are looked for, or as the least recently used."""
        if what == "key":
            self._remove(name)
            return
        generation = self._generations.get((what, name), 0)
        self._generations[what, name] = generation + 1
        if what == "all":
            self._kept.clear()
            self._bytes = 0

    async def close(self) -> None:
        """There is nothing to close."""

    def _stamp(self, key: Key) -> bytes:
        generation = self._generations.get
        numbers = generation(("all", ""), 0), generation(("tenant", key.tenant), 0), generation(("route", key.route), 0)
        return b"%d.%d.%d" % numbers

    def _remove(self, digest: str) -> None:
        kept = self._kept.pop(digest, None)
        if kept is not None:
            self._bytes -= len(kept.data) + _OVERHEAD
