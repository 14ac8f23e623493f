"""The registry's records as this process knows them: the tables that the replica fills and the directory asks."""

import hmac
import logging
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from extproc.config.limits import Raise
from extproc.policy.registry_records import (
    KEY,
    ORGANISATION,
    RAISE,
    TEAM,
    KeyRecord,
    OneRecord,
    OrganisationRecord,
    RaiseRecord,
    TeamRecord,
    read,
)
from extproc.store.base import Record

_log = logging.getLogger(__name__)
Value = TypeVar("Value")


class Unreadable(Exception):
    """A record that this gateway does not understand: what it asks for is not known."""


class Table(Generic[OneRecord, Value]):
    """The records of one kind, and the values that they stand for, made when they are first used."""

    def __init__(self, kind: str, type_: type[OneRecord], value: Callable[[OneRecord, str], Value]) -> None:
        self._kind = kind
        self._type = type_
        self._value = value
        self._records: dict[str, OneRecord] = {}
        self._values: dict[str, Value] = {}
        self._unreadable: set[str] = set()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[str]:
        """The ids of all records that can be read."""
        return iter(self._records)

    def record(self, id: str) -> OneRecord | None:
        return self._records.get(id)

    def get(self, id: str) -> Value | None:
        """The value of a record; None where there is no such record. Raises Unreadable."""
        value = self._values.get(id)
        if value is not None:
            return value
        if id in self._unreadable:
            raise Unreadable(self._kind)
        record = self._records.get(id)
        return None if record is None else self._make(id, record)

    def take(self, id: str, data: bytes | None) -> None:
        """The record as it is now; None: it is gone."""
        self._values.pop(id, None)
        self._unreadable.discard(id)
        if data is None:
            self._records.pop(id, None)
            return
        try:
            self._records[id] = read(data, self._type)
        except ValueError:
            self._records.pop(id, None)
            self._refuse(id)

    def _make(self, id: str, record: OneRecord) -> Value:
        try:
            self._values[id] = value = self._value(record, id)
        except ValueError:
            self._refuse(id)
            raise Unreadable(self._kind) from None
        return value

    def _refuse(self, id: str) -> None:
        self._unreadable.add(id)
        _log.error("registry record not readable", extra={"fields": {"kind": self._kind, "id": id}})


class Records:
    """All records. Changed between requests, by one replica; `loaded` says whether it ever had the whole."""

    def __init__(self) -> None:
        self.loaded = False
        self.keys = Table(KEY, KeyRecord, KeyRecord.key)
        self.teams = Table(TEAM, TeamRecord, TeamRecord.team)
        self.organisations = Table(ORGANISATION, OrganisationRecord, OrganisationRecord.organisation)
        self.raised = Table(RAISE, RaiseRecord, lambda record, _: record.as_raise())
        self.raises: tuple[Raise, ...] = ()
        self.key_ids: dict[str, str] = {}  # by alias; of two keys with one alias, the later
        self._ids: dict[str, str] = {}  # of keys, by digest

    def key_id(self, digest: str, now: float) -> str:
        """The id of the key with this digest, or that had it and still has its grace; empty where there is none."""
        key_id = self._ids.get(digest, "")
        record = self.keys.record(key_id)
        if record is None:
            return ""
        valid = (record.digest, *(old.digest for old in record.previous if now < old.until))
        return key_id if any(hmac.compare_digest(one, digest) for one in valid) else ""

    def take(self, change: Record) -> None:
        """One change of the registry; a kind that is not known here concerns others."""
        if change.kind == KEY:
            self._take_key(change)
        elif change.kind == TEAM:
            self.teams.take(change.id, change.data)
        elif change.kind == ORGANISATION:
            self.organisations.take(change.id, change.data)
        elif change.kind == RAISE:
            self.raised.take(change.id, change.data)
            self.raises = tuple(raised for each in self.raised if (raised := self.raised.get(each)) is not None)

    def replace(self, other: "Records") -> None:
        """Takes over everything of the other."""
        self.loaded = other.loaded
        self.keys, self.teams, self.organisations = other.keys, other.teams, other.organisations
        self.raised, self.raises = other.raised, other.raises
        self.key_ids, self._ids = other.key_ids, other._ids

    def _take_key(self, change: Record) -> None:
        before = self.keys.record(change.id)
        for digest in _digests(before):
            self._ids.pop(digest, None)
        if before is not None and self.key_ids.get(before.alias) == change.id:
            del self.key_ids[before.alias]
        self.keys.take(change.id, change.data)
        after = self.keys.record(change.id)
        self._ids |= dict.fromkeys(_digests(after), change.id)
        if after is not None and after.alias:
            self.key_ids[after.alias] = change.id


def _digests(record: KeyRecord | None) -> Iterator[str]:
    if record is not None:
        yield record.digest
        yield from (old.digest for old in record.previous)
