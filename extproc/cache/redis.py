"""The cache in Redis or Valkey, for all workers.

Keys, all below `{prefix}:c:`, with the digest as hash tag so that an entry and its lease lie together:

| key                           | what it is                                                                |
|-------------------------------|---------------------------------------------------------------------------|
| `{prefix}:c:{digest}:entry`   | stamp, a line feed, the sealed entry; expires with its TTL                |
| `{prefix}:c:{digest}:lease`   | who is asking for the answer; expires                                     |
| `{prefix}:c:{digest}:watched` | there while another worker follows that one; expires                      |
| `{prefix}:c:{digest}:{holder}`| a list of what the holder has shown of its answer, sealed; expires        |
| `{prefix}:c:{generations}`    | a hash: `all`, `t:` and a tenant, `r:` and a route, each a random value   |

The server may evict: an entry that is gone is a miss, and where the generations are gone, so is everything that was
stamped with them, since new ones are like no others. Connections, circuit and time limits are those of
`extproc.store`, apart from the ledger's own, and shorter: a cache that takes long is none.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from extproc.cache.base import Failed, Purged, Slot
from extproc.cache.elsewhere import Watched
from extproc.cache.key import Key
from extproc.config.model import RedisOptions
from extproc.store.base import StoreAway
from extproc.store.redis_scripts import CACHE_PUBLISH, CACHE_RELEASE, CACHE_RENEW, CACHE_WATCH, Script
from extproc.store.redis_topology import Surroundings, topology

MOST_MS = 50
"""How long any operation may take."""

_WATCHED_MS = 3000
_SHOWN_MS = 10_000
_FIELDS = {"tenant": "t", "route": "r"}


class RedisCache:
    """A `Cache` and its `Leases`, for one event loop. `failed` is told of each operation that could not be done,
    `token` gives a new unguessable word; `now` is monotonic time in seconds, and `chance` gives 0 to 1."""

    def __init__(
        self,
        options: RedisOptions,
        *,
        token: Callable[[], str],
        failed: Failed,
        most_ms: int = MOST_MS,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._seconds = most_ms / 1000
        own = replace(options, timeout_ms=min(options.timeout_ms, most_ms), wait_replicas=0)
        self._servers = topology(own, Surroundings(now, chance, lambda: None))
        self._prefix = f"{options.prefix}:c:"
        self._generations = f"{self._prefix}{{generations}}"
        self._token = token
        self._failed = failed

    async def get(self, key: Key) -> Slot:
        try:
            async with asyncio.timeout(self._seconds):
                stored, stamp = await asyncio.gather(self._ask("GET", self._entry(key.digest)), self._stamp(key))
        except (StoreAway, TimeoutError):
            self._failed()
            return Slot()
        made, _, data = (stored or b"").partition(b"\n")
        return Slot(data if stored is not None and made == stamp else None, stamp)

    async def put(self, key: Key, data: bytes, stamp: bytes, ttl_ms: int) -> bool:
        words = ("SET", self._entry(key.digest), stamp + b"\n" + data, "PX", ttl_ms)
        return await self._try(words, otherwise=None) is not None

    async def lease(self, key: Key, holder: str, ttl_ms: int) -> bool:
        """Had as well where the store is away: then every worker asks for itself."""
        return await self._try(("SET", self._lease(key), holder, "NX", "PX", ttl_ms), otherwise=b"OK") is not None

    async def renew(self, key: Key, holder: str, ttl_ms: int) -> bool:
        keys = (self._lease(key), self._watched(key), self._shown(key, holder))
        return bool(await self._run(CACHE_RENEW, keys, holder, ttl_ms, _SHOWN_MS))

    async def release(self, key: Key, holder: str) -> None:
        with contextlib.suppress(StoreAway):
            await self._run(CACHE_RELEASE, (self._lease(key),), holder)

    async def publish(self, key: Key, holder: str, start: int, pieces: list[bytes]) -> None:
        await self._run(CACHE_PUBLISH, (self._shown(key, holder),), _SHOWN_MS, start, *pieces)

    async def watch(self, key: Key, holder: str, start: int) -> Watched:
        keys = (self._lease(key), self._watched(key), self._shown(key, holder))
        held, pieces = await self._run(CACHE_WATCH, keys, _WATCHED_MS, start)
        return Watched(held.decode(), tuple(pieces))

    async def purge(self, what: Purged, name: str = "") -> None:
        match what:
            case "all":
                await self._ask("DEL", self._generations)
            case "key":
                await self._ask("DEL", self._entry(name))
            case _:
                await self._ask("HSET", self._generations, f"{_FIELDS[what]}:{name}", self._token())

    async def close(self) -> None:
        await self._servers.close()

    async def _stamp(self, key: Key) -> bytes:
        """The generations of now: of everything, the tenant and the route."""
        fields = ("all", f"t:{key.tenant}", f"r:{key.route}")
        every, *rest = await self._ask("HMGET", self._generations, *fields)
        if every is None:
            await self._ask("HSETNX", self._generations, "all", self._token())
            every, *rest = await self._ask("HMGET", self._generations, *fields)
        if every is None:
            raise StoreAway("the generations went as soon as they came")
        return b".".join(part or b"" for part in (every, *rest))

    async def _try(self, words: tuple[str | bytes | int, ...], *, otherwise: Any) -> Any:
        """The answer; `otherwise` where there is none in time."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ask(*words)
        except (StoreAway, TimeoutError):
            self._failed()
            return otherwise

    async def _run(self, script: Script, keys: tuple[str, ...], *words: str | bytes | int) -> Any:
        """Raises StoreAway. The keys have one hash tag."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._servers.call(script, keys[0], len(keys), *keys, *words)
        except (StoreAway, TimeoutError):
            self._failed()
            raise StoreAway("the cache's store did not answer in time") from None

    async def _ask(self, *words: str | bytes | int) -> Any:
        """Raises StoreAway. The second word is the key."""
        return await self._servers.call(None, str(words[1]), *words)

    def _entry(self, digest: str) -> str:
        return f"{self._prefix}{{{digest}}}:entry"

    def _lease(self, key: Key) -> str:
        return f"{self._prefix}{{{key.digest}}}:lease"

    def _watched(self, key: Key) -> str:
        return f"{self._prefix}{{{key.digest}}}:watched"

    def _shown(self, key: Key, holder: str) -> str:
        return f"{self._prefix}{{{key.digest}}}:{holder}"
