"""The store in Redis or Valkey, for many workers: every operation is a script, which is atomic where it runs.

Keys are `{prefix}:{partition}:…`, with the partition as hash tag; the clock is the server's. The server must not evict
(`maxmemory-policy noeviction`): a lease that is evicted leaves behind what it reserved. Its user needs the keys
`~{prefix}:*`, and the commands of the scripts besides EVALSHA, EVAL and HSCAN (and CLUSTER SLOTS, WAIT where used).

Everything ends within `timeout_ms`, in a cluster within twice that: where it is not known yet who has which slot, and
where something must be given back. The registry's `changes` take that long for each page.
"""

import random
import time
from collections.abc import Callable

from extproc.config.model import RedisMode, RedisOptions
from extproc.store.redis_ledger import RedisLedger
from extproc.store.redis_registry import RedisRegistry
from extproc.store.redis_requests import Keys
from extproc.store.redis_topology import Surroundings, topology


class RedisStore(RedisLedger, RedisRegistry):
    """A `Store`, for one event loop. `on_change` is told when the store goes away (False), and when all of it is back
    (True); `now` is monotonic time in seconds, and `chance` gives 0 to 1."""

    def __init__(
        self,
        options: RedisOptions,
        *,
        on_change: Callable[[bool], None] = lambda available: None,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._on_change = on_change
        self._was_available = True
        self._servers = topology(options, Surroundings(now, chance, self._changed))
        keys = Keys(options.prefix, together=options.mode is not RedisMode.CLUSTER)
        RedisLedger.__init__(self, self._servers, keys)
        RedisRegistry.__init__(self, self._servers, *keys.registry())

    @property
    def available(self) -> bool:
        """Whether every server answered when it was last asked."""
        return self._servers.available

    async def close(self) -> None:
        await self._servers.close()

    def _changed(self) -> None:
        if self.available != self._was_available:
            self._was_available = self.available
            self._on_change(self._was_available)
