"""`/key/…`: virtual keys of the registry."""

from dataclasses import dataclass
from typing import Any

import msgspec

from extproc.admin.fields import (
    DeletedKeys,
    DeleteKeys,
    KeyAnswer,
    KeyChoice,
    KeyFields,
    KeyInfo,
    KeyList,
    KeyListQuery,
    KeyQuery,
    NewKey,
    RegenerateKey,
    UpdateKey,
)
from extproc.admin.pages import oldest_first, pages
from extproc.admin.references import limits, refused, require_models, require_networks, stored
from extproc.admin.refusals import Conflicting, InvalidField, no_such, unknown_name
from extproc.admin.registrar import Registrar
from extproc.admin.times import seconds, shown, shown_if_any, until
from extproc.config.keys import digest, new_id, new_registry_key
from extproc.errors import NotFound
from extproc.policy.registry_records import KEY, KeyRecord, OldDigest

_DEFAULT = KeyRecord(digest="", created=0.0)
_MOST_PREVIOUS = 5  # replaced keys that are good at one time


async def generate(registrar: Registrar, fields: KeyFields) -> NewKey:
    """Makes a key. The answer has the key itself, this once."""
    await registrar.catch_up()
    changes = _changes(registrar, fields, "")
    key_id = new_id()
    key = new_registry_key(registrar.gateway.key_salt, key_id)
    made = digest(registrar.gateway.key_salt, key)
    record = _valid(KeyRecord(digest=made, created=registrar.now, **changes), key_id)
    await registrar.create(KEY, key_id, record)
    return _with_key(_info(key_id, record), key)


async def update(registrar: Registrar, fields: UpdateKey) -> KeyInfo:
    """Changes the fields that are given."""
    key_id = await _id_of(registrar, fields.key)
    changes = _changes(registrar, fields, key_id)
    return await _change(registrar, key_id, changes)


async def block(registrar: Registrar, fields: KeyChoice) -> KeyInfo:
    """The key is refused until it is unblocked."""
    return await _change(registrar, await _id_of(registrar, fields.key), {"blocked": True})


async def unblock(registrar: Registrar, fields: KeyChoice) -> KeyInfo:
    """The key is served again."""
    return await _change(registrar, await _id_of(registrar, fields.key), {"blocked": False})


async def regenerate(registrar: Registrar, fields: RegenerateKey) -> NewKey:
    """Another key for the same record: its id, limits and what was spent stay."""
    key_id = await _id_of(registrar, fields.key)
    grace = 0 if fields.grace_period is None else seconds(fields.grace_period, "grace_period")
    key = new_registry_key(registrar.gateway.key_salt, key_id)
    made = digest(registrar.gateway.key_salt, key)

    def replace(record: KeyRecord) -> KeyRecord:
        old = OldDigest(digest=record.digest, until=registrar.now + grace)
        earlier = (each for each in record.previous if each.until > registrar.now)
        previous = (old, *earlier)[:_MOST_PREVIOUS] if grace else ()
        return msgspec.structs.replace(record, digest=made, previous=previous)

    record = await registrar.change(KEY, key_id, KeyRecord, replace)
    if record is None:
        raise _no_such_key()
    return _with_key(_info(key_id, record), key)


async def delete(registrar: Registrar, fields: DeleteKeys) -> DeletedKeys:
    """Deletes keys, by key or alias. All of them must be there, or none is deleted."""
    ids = [await _id_of(registrar, key) for key in fields.keys]
    ids += [await _id_by_alias(registrar, alias) for alias in fields.key_aliases]
    unique = tuple(dict.fromkeys(ids))
    if not unique:
        raise InvalidField("Name at least one key.", param="keys")
    for key_id in unique:
        await registrar.delete(KEY, key_id)
    return DeletedKeys(deleted_keys=unique)


async def info(registrar: Registrar, query: KeyQuery) -> KeyAnswer:
    """What a key may use. The key itself is not known."""
    key_id = await _id_asked_for(registrar, query)
    record = registrar.records.keys.record(key_id)
    if record is None:
        raise _no_such_key()
    return KeyAnswer(key=key_id, info=_info(key_id, record))


async def list_keys(registrar: Registrar, query: KeyListQuery) -> KeyList:
    """Keys of the registry, oldest first."""
    await registrar.catch_up()
    keys = registrar.records.keys
    wanted = _Wanted(query.key_alias, query.user_id, query.team_id)
    created = (
        (record.created, key_id) if (record := keys.record(key_id)) is not None and wanted.has(record) else None
        for key_id in list(keys)
    )
    ids, count = await oldest_first(created, query.page, query.size)
    infos = tuple(_info(key_id, record) for key_id in ids if (record := keys.record(key_id)) is not None)
    return KeyList(keys=infos, total_count=count, current_page=query.page, total_pages=pages(count, query.size))


@dataclass(frozen=True, slots=True)
class _Wanted:
    alias: str | None
    user: str | None
    team: str | None

    def has(self, record: KeyRecord) -> bool:
        return (
            self.alias in (None, record.alias) and self.user in (None, record.user) and self.team in (None, record.team)
        )


def _changes(registrar: Registrar, fields: KeyFields, key_id: str) -> dict[str, Any]:
    """What is to be written; `key_id` is the key's own. Raises InvalidField, Conflicting."""
    changes = stored(fields, registrar.given - {"expires"}, _DEFAULT)
    if registrar.given & {"duration", "expires"}:
        changes["expires"] = until(registrar.now, fields.duration, fields.expires, "expires")
    require_models(registrar.gateway, changes)
    require_networks(changes.get("networks", ()))
    team = changes.get("team", "")
    if team and team not in registrar.team_names():
        raise unknown_name("team", team, registrar.team_names(), "team_id")
    alias = changes.get("alias", "")
    documented = (key.alias for key in registrar.gateway.keys)
    if alias and (alias in documented or registrar.records.key_ids.get(alias, key_id) != key_id):
        raise Conflicting(f"There is a key with the alias {alias!r} already.", param="key_alias")
    return changes


def _valid(record: KeyRecord, key_id: str) -> KeyRecord:
    try:
        record.key(key_id)
    except ValueError as error:
        raise refused(error) from None
    return record


async def _change(registrar: Registrar, key_id: str, changes: dict[str, Any]) -> KeyInfo:
    def replace(record: KeyRecord) -> KeyRecord:
        return _valid(msgspec.structs.replace(record, **changes), key_id)

    record = await registrar.change(KEY, key_id, KeyRecord, replace)
    if record is None:
        raise _no_such_key()
    return _info(key_id, record)


async def _id_asked_for(registrar: Registrar, query: KeyQuery) -> str:
    if (query.key is None) == (query.key_alias is None):
        raise InvalidField("Give either key or key_alias.", param="key")
    if query.key is not None:
        return await _id_of(registrar, query.key)
    return await _id_by_alias(registrar, query.key_alias or "")


async def _id_of(registrar: Registrar, key: str) -> str:
    """The id of a record that is there. Raises NotFound."""
    await registrar.catch_up()
    if key.startswith("sk-"):
        key = registrar.records.key_id(digest(registrar.gateway.key_salt, key), registrar.now)
    if registrar.records.keys.record(key) is None:
        raise _no_such_key()
    return key


async def _id_by_alias(registrar: Registrar, alias: str) -> str:
    await registrar.catch_up()
    key_id = registrar.records.key_ids.get(alias)
    if key_id is None:
        raise no_such("key", alias, registrar.records.key_ids, "key_alias")
    return key_id


def _no_such_key() -> NotFound:
    """Which is not repeated: it may be a key."""
    return NotFound("There is no such key in the registry.", param="key", code="key_not_found")


def _info(key_id: str, record: KeyRecord) -> KeyInfo:
    return KeyInfo(
        key_id=key_id,
        key_alias=record.alias,
        user_id=record.user,
        team_id=record.team,
        models=record.models,
        allowed_routes=record.endpoints,
        aliases=record.aliases,
        networks=record.networks,
        tags=record.tags,
        metadata=record.metadata,
        blocked=record.blocked,
        created_at=shown(record.created),
        expires=shown_if_any(record.expires),
        replaced_until=shown_if_any(max((old.until for old in record.previous), default=None)),
        **limits(record),
    )


def _with_key(shown_info: KeyInfo, key: str) -> NewKey:
    return NewKey(key=key, **msgspec.structs.asdict(shown_info))
