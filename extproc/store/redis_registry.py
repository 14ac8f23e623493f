"""The registry in Redis or Valkey: a hash of records, and a sorted set that is the log of their changes.

In a cluster both are in one slot. Large answers come in pages, each of which is bounded in time.
"""

from collections.abc import Iterable
from typing import Any

from extproc.store.base import Changes, Conflict, Record
from extproc.store.redis_scripts import REGISTRY_CHANGES, REGISTRY_PUT
from extproc.store.redis_topology import Topology

_PAGE = 500


class RedisRegistry:
    """A `Registry`. `records` and `log` are its keys. Versions follow the server's clock."""

    def __init__(self, topology: Topology, records: str, log: str) -> None:
        self._topology = topology
        self._records = records
        self._log = log

    async def get(self, kind: str, id: str) -> Record | None:
        stored = await self._topology.call(None, self._records, "HGET", self._records, _field(kind, id))
        return None if stored is None else _record(_field(kind, id).encode(), stored)

    async def put(self, kind: str, id: str, data: bytes, *, expected: int | None) -> int:
        version = await self._write(_field(kind, id), "" if expected is None else expected, data)
        if version < 0:
            raise Conflict(f"{kind} {id} was changed since version {expected}")
        return version

    async def delete(self, kind: str, id: str) -> bool:
        return await self._write(_field(kind, id), "") > 0

    async def changes(self, since: int) -> Changes:
        found: dict[bytes, Record] = {}
        while True:
            last, complete, *changed = await self._changed_records(since)
            if not complete:
                return await self._everything(int(last))
            for version, field, stored in zip(changed[::3], changed[1::3], changed[2::3], strict=True):
                found.pop(field, None)
                found[field] = _of_field(field, int(version), None) if stored is None else _record(field, stored)
                since = int(version)
            if len(changed) < 3 * _PAGE:
                return Changes(int(last), _by_version(found.values()))

    async def _write(self, field: str, expected: int | str, *data: bytes) -> int:
        words = (2, self._records, self._log, field, expected, *data)
        return int(await self._topology.call(REGISTRY_PUT, self._records, *words))

    async def _changed_records(self, since: int) -> list[Any]:
        words = (2, self._records, self._log, since, _PAGE)
        return list(await self._topology.call(REGISTRY_CHANGES, self._records, *words))

    async def _everything(self, version: int) -> Changes:
        """All records. One that is written meanwhile has a version after `version`, and comes again with its change."""
        found: dict[bytes, Record] = {}
        cursor = b"0"
        while True:
            words = ("HSCAN", self._records, cursor, "COUNT", _PAGE)
            cursor, pairs = await self._topology.call(None, self._records, *words)
            for field, stored in zip(pairs[::2], pairs[1::2], strict=True):
                found[field] = _record(field, stored)
            if cursor == b"0":
                return Changes(version, _by_version(found.values()), whole=True)


def _field(kind: str, id: str) -> str:
    return f"{kind}:{id}"


def _record(field: bytes, stored: bytes) -> Record:
    """What somebody else wrote there has no version, and is for its readers to refuse: others are not its victims."""
    version, colon, data = stored.partition(b":")
    if not (colon and version.isdigit()):
        return _of_field(field, 0, stored)
    return _of_field(field, int(version), data)


def _of_field(field: bytes, version: int, data: bytes | None) -> Record:
    kind, _, name = field.decode(errors="replace").partition(":")
    return Record(kind, name, version, data)


def _by_version(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda record: record.version))
