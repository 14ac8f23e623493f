"""What the registry keeps: keys, teams, organisations and raises of budgets, as JSON.

Every record says the format it is written in. A record in another format, or with a field that is not known here, was
written by a newer gateway: it is refused, since what is not understood may be a restriction. Fields at their defaults
are not written, so that an older gateway reads what a newer one wrote without using anything new.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import TypeVar

import msgspec

from extproc.config.limit_fields import LimitedStruct, LimitFields
from extproc.config.limits import Measure, Organisation, Raise, Scope, Team
from extproc.config.model import Key
from extproc.config.rules import key_rules

KEY, TEAM, ORGANISATION, RAISE = "key", "team", "organisation", "raise"
"""The kinds of records."""


class OldDigest(LimitedStruct, frozen=True, kw_only=True):
    """A key that was replaced and is good until a moment (Unix seconds)."""

    digest: str
    until: float


class KeyRecord(LimitFields, frozen=True, kw_only=True, tag_field="format", tag=1):
    """A virtual key; its fields are those of `config.model.Key`. Without an alias it is known by its id.

    `created` is Unix time in seconds.
    """

    digest: str
    created: float
    alias: str = ""
    user: str = ""
    team: str = ""
    models: tuple[str, ...] = ("*",)
    endpoints: tuple[str, ...] = ("*",)
    aliases: Mapping[str, str] = {}
    networks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    blocked: bool = False
    expires: float | None = None
    metadata: Mapping[str, str] = {}
    previous: tuple[OldDigest, ...] = ()

    def __repr__(self) -> str:
        return f"KeyRecord(alias={self.alias!r})"

    def key(self, id: str) -> Key:
        """Raises ValueError."""
        return Key(
            alias=self.alias or id,
            digest=self.digest,
            user=self.user,
            team=self.team,
            models=self.models,
            endpoints=self.endpoints,
            aliases=tuple(self.aliases.items()),
            networks=tuple(ip_network(network) for network in self.networks),
            tags=self.tags,
            blocked=self.blocked,
            expires=self.expires,
            rules=key_rules(Scope.KEY, id, self),
            metadata=tuple(self.metadata.items()),
        )


class TeamRecord(LimitFields, frozen=True, kw_only=True, tag_field="format", tag=1):
    """A team; its name is the record's id. `created` is Unix time in seconds."""

    created: float
    organisation: str = ""
    models: tuple[str, ...] = ("*",)
    endpoints: tuple[str, ...] = ("*",)
    tags: tuple[str, ...] = ()
    blocked: bool = False
    metadata: Mapping[str, str] = {}

    def team(self, name: str) -> Team:
        """Raises ValueError."""
        return Team(
            name=name,
            organisation=self.organisation,
            models=self.models,
            endpoints=self.endpoints,
            tags=self.tags,
            blocked=self.blocked,
            rules=key_rules(Scope.TEAM, name, self),
            metadata=tuple(self.metadata.items()),
        )


class OrganisationRecord(LimitedStruct, frozen=True, kw_only=True, tag_field="format", tag=1):
    """An organisation; its name is the record's id. `created` is Unix time in seconds."""

    created: float
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}

    def organisation(self, name: str) -> Organisation:
        return Organisation(name, self.tags, tuple(self.metadata.items()))


class RaiseRecord(LimitedStruct, frozen=True, kw_only=True, tag_field="format", tag=1):
    """More for a budget: `amount` of `measure`, until a Unix time in seconds. `created` is another."""

    budget: str
    subject: str
    measure: Measure
    amount: int
    until: float
    created: float

    def as_raise(self) -> Raise:
        return Raise(self.budget, self.subject, self.amount, self.until)


AnyRecord = KeyRecord | TeamRecord | OrganisationRecord | RaiseRecord
OneRecord = TypeVar("OneRecord", bound=AnyRecord)


def write(record: AnyRecord) -> bytes:
    return msgspec.json.encode(record)


def read(data: bytes, type_: type[OneRecord]) -> OneRecord:
    """Raises ValueError for what is not of this format."""
    return msgspec.json.decode(data, type=type_)
