"""Writes the registry's records for the admin API, and knows what there is by name."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from extproc.admin.refusals import AdminOff, Conflicting
from extproc.cache.base import Purged
from extproc.config.model import Gateway
from extproc.errors import StoreUnavailable
from extproc.policy.records import Records
from extproc.policy.registry_records import OneRecord, read, write
from extproc.policy.replica import Replica
from extproc.store.base import Account, Conflict, Ledger, Position, Registry, StoreAway

_log = logging.getLogger(__name__)
_TRIES = 5


class CachePurge(Protocol):
    """What can have kept answers forgotten."""

    async def purge(self, what: Purged, name: str) -> None:
        """`name` is that of the route; of a tenant its kind, a colon and its name (`team:research`); empty for all.

        Raises StoreAway.
        """
        ...


@dataclass(frozen=True, slots=True)
class Office:
    """What the admin API works with. `gateway` gives the document in force, `now` Unix time in seconds.

    `cache` may be None where no document has one.
    """

    registry: Registry
    ledger: Ledger
    replica: Replica
    gateway: Callable[[], Gateway]
    now: Callable[[], float]
    cache: CachePurge | None = None


class Registrar:
    """Serves one request. `by` is who asks and `action` what for, for the audit log: one line a change.

    `given` are the names of the fields that the request has. Every method that asks the store raises StoreUnavailable.
    """

    def __init__(self, office: Office, by: str, action: str, given: frozenset[str]) -> None:
        self.office = office
        self.given = given
        self.gateway = office.gateway()
        self.now = office.now()
        self._registry = office.registry
        self._by = by
        self._action = action

    @property
    def records(self) -> Records:
        """What is known after `catch_up`."""
        return self.office.replica.records

    async def catch_up(self) -> None:
        """Has `records` hold everything that was written until now."""
        try:
            await self.office.replica.refresh()
        except StoreAway:
            raise StoreUnavailable from None

    async def read(self, kind: str, id: str) -> bytes | None:
        """A record as it is in the store now; None where there is none."""
        try:
            record = await self._registry.get(kind, id)
        except StoreAway:
            raise StoreUnavailable from None
        return None if record is None else record.data

    async def create(self, kind: str, id: str, record: OneRecord) -> None:
        """Raises Conflicting where there is such a record."""
        try:
            await self._registry.put(kind, id, write(record), expected=0)
        except Conflict:
            raise Conflicting(f"There is a {kind} {id!r} already.") from None
        except StoreAway:
            raise StoreUnavailable from None
        self._audit(kind, id)

    async def change(
        self, kind: str, id: str, type_: type[OneRecord], edit: Callable[[OneRecord], OneRecord]
    ) -> OneRecord | None:
        """The record as `edit` has it; tried again when somebody else was faster. None where there is none.

        Raises Conflicting when others always were.
        """
        for _ in range(_TRIES):
            try:
                changed = await self._try(kind, id, type_, edit)
            except Conflict:
                continue
            except StoreAway:
                raise StoreUnavailable from None
            if changed is not None:
                self._audit(kind, id)
            return changed
        raise Conflicting(f"The {kind} {id!r} was changed by others at the same time. Try again.")

    async def delete(self, kind: str, id: str) -> bool:
        """Whether it was there."""
        try:
            gone = await self._registry.delete(kind, id)
        except StoreAway:
            raise StoreUnavailable from None
        if gone:
            self._audit(kind, id)
        return gone

    async def positions(self, accounts: Sequence[Account]) -> tuple[Position, ...]:
        """How accounts of the ledger stand."""
        try:
            return await self.office.ledger.read(accounts)
        except StoreAway:
            raise StoreUnavailable from None

    async def purge(self, what: Purged, name: str = "") -> None:
        """Has the cache forget; `name` is what `CachePurge.purge` wants. Raises AdminOff where there is no cache."""
        if self.office.cache is None:
            raise AdminOff("Nothing is kept here.")
        try:
            await self.office.cache.purge(what, name)
        except StoreAway:
            raise StoreUnavailable from None
        self._audit(what, name, "cache purged")

    def team_names(self) -> Iterator[str]:
        """Of the document and of the registry."""
        yield from (team.name for team in self.gateway.teams)
        yield from self.records.teams

    def organisation_names(self) -> Iterator[str]:
        """Of the document and of the registry."""
        yield from (organisation.name for organisation in self.gateway.organisations)
        yield from self.records.organisations

    async def _try(
        self, kind: str, id: str, type_: type[OneRecord], edit: Callable[[OneRecord], OneRecord]
    ) -> OneRecord | None:
        found = await self._registry.get(kind, id)
        if found is None or found.data is None:
            return None
        changed = edit(self._read(kind, id, found.data, type_))
        await self._registry.put(kind, id, write(changed), expected=found.version)
        return changed

    def _read(self, kind: str, id: str, data: bytes, type_: type[OneRecord]) -> OneRecord:
        try:
            return read(data, type_)
        except ValueError:
            raise Conflicting(f"The {kind} {id!r} was written by a newer gateway, which must change it.") from None

    def _audit(self, kind: str, id: str, event: str = "registry changed") -> None:
        fields = {"by": self._by, "action": self._action, "kind": kind, "id": id}
        _log.info(event, extra={"fields": fields})
