"""The registry of one process. Nothing here waits, so every operation is atomic."""

from collections import deque
from itertools import takewhile

from extproc.store.base import Changes, Conflict, Record

_CHANGES_KEPT = 10_000


class MemoryRegistry:
    """A `Registry`."""

    def __init__(self) -> None:
        self._version = 0
        self._records: dict[tuple[str, str], Record] = {}
        self._log: deque[Record] = deque(maxlen=_CHANGES_KEPT)

    async def get(self, kind: str, id: str) -> Record | None:
        return self._records.get((kind, id))

    async def put(self, kind: str, id: str, data: bytes, *, expected: int | None) -> int:
        known = self._records.get((kind, id))
        if expected is not None and expected != (known.version if known else 0):
            raise Conflict(f"{kind} {id} was changed since version {expected}")
        record = self._records[kind, id] = self._logged(kind, id, data)
        return record.version

    async def delete(self, kind: str, id: str) -> bool:
        if self._records.pop((kind, id), None) is None:
            return False
        self._logged(kind, id, None)
        return True

    async def changes(self, since: int) -> Changes:
        if self._reaches_back_to(since):
            return Changes(self._version, tuple(self._changed(since)))
        everything = sorted(self._records.values(), key=lambda record: record.version)
        return Changes(self._version, tuple(everything), whole=True)

    def _logged(self, kind: str, id: str, data: bytes | None) -> Record:
        self._version += 1
        record = Record(kind, id, self._version, data)
        self._log.append(record)
        return record

    def _reaches_back_to(self, since: int) -> bool:
        oldest = self._version - len(self._log)
        return since > 0 and oldest <= since <= self._version

    def _changed(self, since: int) -> list[Record]:
        """The last change of each record that was changed, in order."""
        newest: dict[tuple[str, str], Record] = {}
        for record in takewhile(lambda record: record.version > since, reversed(self._log)):
            newest.setdefault((record.kind, record.id), record)
        return list(newest.values())[::-1]
