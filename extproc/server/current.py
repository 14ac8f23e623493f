"""The document in force: loaded, replaced by one assignment, and kept when a new one is bad."""

import asyncio
import logging
from collections.abc import Callable

from extproc.config.model import Gateway
from extproc.errors import ConfigError
from extproc.pipeline.snapshot import Snapshot

_log = logging.getLogger(__name__)


class Current:
    """Holds the snapshot that new exchanges begin with."""

    def __init__(
        self,
        read: Callable[[], Gateway],
        compile_: Callable[[Gateway], Snapshot],
        read_last_good: Callable[[], Gateway] | None = None,
    ) -> None:
        """`read` and `compile_` are called in another thread later. `read_last_good` gives the document that was in
        force when this worker's forerunner died.

        Raises ConfigError when the first document is bad, and there is no last good one.
        """
        self._read = read
        self._compile = compile_
        self._snapshot = self._first(read_last_good)

    def snapshot(self) -> Snapshot:
        return self._snapshot

    async def read_again(self) -> Snapshot | None:
        """The document as it is now; None for a bad one, which leaves the last good one in force.

        Exchanges go on meanwhile: what detectors and guardrails need takes seconds to compile.
        """
        return await asyncio.to_thread(self._read_again)

    def _read_again(self) -> Snapshot | None:
        try:
            gateway = self._read()
            self._refuse_another_store(gateway)
            return self._compile(gateway)
        except ConfigError as error:
            fields = {"error": str(error), "version_kept": self._snapshot.version}
            _log.error("configuration rejected", extra={"fields": fields})
            return None

    def _refuse_another_store(self, gateway: Gateway) -> None:
        """What is reserved in one store cannot be settled in another."""
        if gateway.store != self._snapshot.gateway.store or gateway.registry != self._snapshot.gateway.registry:
            raise ConfigError(
                "the store, and whether its registry counts, can change with a restart only", path="store"
            )

    def replace(self, snapshot: Snapshot) -> None:
        """New exchanges begin with this one from now on."""
        self._snapshot = snapshot
        _log.info("configuration loaded", extra={"fields": {"version": snapshot.version}})

    def _first(self, read_last_good: Callable[[], Gateway] | None) -> Snapshot:
        try:
            return self._compile(self._read())
        except ConfigError as error:
            if read_last_good is None:
                raise
            _log.error("configuration rejected", extra={"fields": {"error": str(error)}})
            return self._compile(read_last_good())
