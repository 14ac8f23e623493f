"""The document in force: loaded, replaced by one assignment, and kept when a new one is bad."""

import logging
from collections.abc import Callable

from extproc.config.model import Gateway
from extproc.errors import ConfigError
from extproc.pipeline.snapshot import Snapshot

_log = logging.getLogger(__name__)


class Current:
    """Holds the snapshot that new exchanges begin with. Raises ConfigError when the first document is bad."""

    def __init__(self, read: Callable[[], Gateway], compile_: Callable[[Gateway], Snapshot]) -> None:
        self._read = read
        self._compile = compile_
        self._snapshot = compile_(read())

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def reload(self) -> bool:
        """Reads the document again; a bad one leaves the last good one in force. Whether it was good."""
        try:
            self._snapshot = self._compile(self._read())
        except ConfigError as error:
            fields = {"error": str(error), "version_kept": self._snapshot.version}
            _log.error("configuration rejected", extra={"fields": fields})
            return False
        _log.info("configuration loaded", extra={"fields": {"version": self._snapshot.version}})
        return True
