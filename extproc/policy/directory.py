"""Who is who: the keys, teams and organisations of the document, and of the registry where the document wants it.

What stands in both is the document's: its operator has the last word, and the registry adds nothing to that name.
"""

import hmac
from dataclasses import dataclass, replace

from extproc.config.keys import MAX_KEY_BYTES, digest, has_check
from extproc.config.limits import Organisation, Raise, Team
from extproc.config.model import Gateway, Key
from extproc.errors import KeyRefused, StoreUnavailable, Unauthenticated
from extproc.policy.principal import Principal, Source
from extproc.policy.records import Records, Unreadable

_MOST_KNOWN = 65_536
_NO_TEAM, _NO_ORGANISATION = Team(""), Organisation("")


@dataclass(frozen=True, slots=True)
class _Known:
    """A principal, and what it was made of: it is the same for as long as these are."""

    base: Key | Principal
    team: Team
    organisation: Organisation
    principal: Principal

    def is_made_of(self, base: Key | Principal, team: Team, organisation: Organisation) -> bool:
        same_base = self.base is base or self.base == base
        return same_base and self.team is team and self.organisation is organisation


class Directory:
    """One document, and the registry's records as they are at each moment."""

    def __init__(self, gateway: Gateway, records: Records) -> None:
        """`records` are the replica's: keys and teams count where the document wants the registry, raises always."""
        self._salt = gateway.key_salt
        self._has_registry = gateway.registry
        self._raised = records
        self._records = records if gateway.registry else Records()
        self._keys = {key.digest: key for key in gateway.keys}
        self._teams = {team.name: team for team in gateway.teams}
        self._organisations = {organisation.name: organisation for organisation in gateway.organisations}
        self._known: dict[tuple[Source, str], _Known] = {}

    @property
    def raises(self) -> tuple[Raise, ...]:
        """By what budgets were raised; some may be over."""
        return self._raised.raises

    def find(self, presented: str, now: float) -> Principal:
        """The principal of a presented key at Unix time `now`: the same object until something about it changes.

        Raises Unauthenticated; StoreUnavailable where too little is known of the registry to tell.
        """
        if not presented:
            raise Unauthenticated("No API key was given. Send it as 'Authorization: Bearer <key>'.")
        made = digest(self._salt, presented) if len(presented) <= MAX_KEY_BYTES else ""
        key = self._keys.get(made)
        if key is not None and hmac.compare_digest(key.digest, made):
            return self._admitted(key, key.alias, "document", now)
        key_id = self._records.key_id(made, now)
        key = self._registered(key_id)
        if key is None:
            raise self._unknown(presented)
        return self._admitted(key, key_id, "registry", now)

    def enrol(self, base: Principal) -> Principal:
        """A principal without a key, with what its team and organisation add. Raises as `find` does."""
        return self._enrolled(base, base.id, base.source)

    def team(self, name: str) -> Team | None:
        """Raises StoreUnavailable for one whose record cannot be read."""
        try:
            return self._teams.get(name) or self._records.teams.get(name)
        except Unreadable:
            raise StoreUnavailable from None

    def organisation(self, name: str) -> Organisation | None:
        """Raises StoreUnavailable for one whose record cannot be read."""
        try:
            return self._organisations.get(name) or self._records.organisations.get(name)
        except Unreadable:
            raise StoreUnavailable from None

    def _registered(self, id: str) -> Key | None:
        try:
            return self._records.keys.get(id)
        except Unreadable:
            raise StoreUnavailable from None

    def _unknown(self, presented: str) -> Unauthenticated | StoreUnavailable:
        """A key of ours may be in the registry, as long as nobody has told."""
        if self._has_registry and not self._records.loaded and has_check(self._salt, presented):
            return StoreUnavailable()
        return Unauthenticated("The API key is not known here.")

    def _admitted(self, key: Key, id: str, source: Source, now: float) -> Principal:
        if key.blocked:
            raise KeyRefused("The API key is blocked.")
        if key.expires is not None and now >= key.expires:
            raise KeyRefused("The API key has expired.")
        return self._enrolled(key, id, source)

    def _enrolled(self, base: Key | Principal, id: str, source: Source) -> Principal:
        team = self._team_of(base.team, source)
        organisation = (self.organisation(team.organisation) if team.organisation else None) or _NO_ORGANISATION
        known = self._known.get((source, id))
        if known is not None and known.is_made_of(base, team, organisation):
            return known.principal
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        principal = _in_team(_principal(base, id, source) if isinstance(base, Key) else base, team, organisation)
        self._known[source, id] = _Known(base, team, organisation, principal)
        return principal

    def _team_of(self, name: str, source: Source) -> Team:
        """A team that nobody knows is a label; but one that the registry's key once had was deleted, limits and all."""
        team = (self.team(name) if name else None) or _NO_TEAM
        if team.blocked:
            raise KeyRefused("The caller's team is blocked.")
        if team is _NO_TEAM and name and source == "registry":
            raise KeyRefused("The caller's team does not exist any more.")
        return team


def _principal(key: Key, id: str, source: Source) -> Principal:
    return Principal(
        id=id,
        alias=key.alias,
        user=key.user,
        team=key.team,
        tags=key.tags,
        models=key.models,
        endpoints=key.endpoints,
        aliases=key.aliases,
        networks=key.networks,
        rules=key.rules,
        source=source,
        expires=key.expires,
        metadata=key.metadata,
    )


def _in_team(base: Principal, team: Team, organisation: Organisation) -> Principal:
    return replace(
        base,
        organisation=team.organisation,
        tags=tuple(dict.fromkeys((*base.tags, *team.tags, *organisation.tags))),
        team_models=team.models,
        team_endpoints=team.endpoints,
        rules=(*base.rules, *team.rules),
    )
