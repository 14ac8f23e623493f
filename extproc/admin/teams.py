"""`/team/…`: teams of the registry. A team of the document is the document's, and its name is taken."""

from typing import Any

import msgspec

from extproc.admin.fields import (
    DeletedTeams,
    DeleteTeams,
    NewTeam,
    TeamAnswer,
    TeamChoice,
    TeamFields,
    TeamInfo,
    TeamList,
    TeamListQuery,
    UpdateTeam,
)
from extproc.admin.pages import page, pages
from extproc.admin.references import limits, one_name, refused, require_models, stored
from extproc.admin.refusals import Conflicting, no_such, unknown_name
from extproc.admin.registrar import Registrar
from extproc.admin.times import shown
from extproc.errors import NotFound
from extproc.policy.registry_records import KEY, TEAM, TeamRecord

_DEFAULT = TeamRecord(created=0.0)


async def new(registrar: Registrar, fields: NewTeam) -> TeamInfo:
    """Makes a team."""
    await registrar.catch_up()
    name = one_name(fields.team_id, fields.team_alias, "team")
    if any(team.name == name for team in registrar.gateway.teams):
        raise Conflicting(f"There is a team {name!r} in the document.", param="team_id")
    record = _valid(TeamRecord(created=registrar.now, **_changes(registrar, fields)), name)
    await registrar.create(TEAM, name, record)
    return _info(name, record)


async def update(registrar: Registrar, fields: UpdateTeam) -> TeamInfo:
    """Changes the fields that are given."""
    await registrar.catch_up()
    return await _change(registrar, fields.team_id, _changes(registrar, fields))


async def block(registrar: Registrar, fields: TeamChoice) -> TeamInfo:
    """All keys of the team are refused until it is unblocked."""
    return await _change(registrar, fields.team_id, {"blocked": True})


async def unblock(registrar: Registrar, fields: TeamChoice) -> TeamInfo:
    """Its keys are served again."""
    return await _change(registrar, fields.team_id, {"blocked": False})


async def delete(registrar: Registrar, fields: DeleteTeams) -> DeletedTeams:
    """Deletes teams. All of them must be there, or none is deleted."""
    await registrar.catch_up()
    keys = [key_id for name in fields.team_ids for key_id in _keys(registrar, name)]
    if keys and not fields.force:
        message = f"{len(keys)} keys are of these teams: move or delete them, or have 'force' delete them."
        raise Conflicting(message, param="force")
    for key_id in keys:
        await registrar.delete(KEY, key_id)
    for name in fields.team_ids:
        await registrar.delete(TEAM, name)
    return DeletedTeams(deleted_teams=fields.team_ids, deleted_keys=len(keys))


async def info(registrar: Registrar, query: TeamChoice) -> TeamAnswer:
    """A team, and how many keys of the registry are of it."""
    await registrar.catch_up()
    keys = _keys(registrar, query.team_id)
    record = registrar.records.teams.record(query.team_id)
    if record is None:
        raise _no_such_team(registrar, query.team_id)
    return TeamAnswer(team_id=query.team_id, team_info=_info(query.team_id, record), keys=len(keys))


async def list_teams(registrar: Registrar, query: TeamListQuery) -> TeamList:
    """Teams of the registry, by name."""
    await registrar.catch_up()
    teams = registrar.records.teams
    found = [
        (name, record)
        for name in sorted(teams)
        if (record := teams.record(name)) and query.organization_id in (None, record.organisation)
    ]
    infos = tuple(_info(name, record) for name, record in page(found, query.page, query.size))
    total_pages = pages(len(found), query.size)
    return TeamList(teams=infos, total_count=len(found), current_page=query.page, total_pages=total_pages)


def _changes(registrar: Registrar, fields: TeamFields) -> dict[str, Any]:
    changes = stored(fields, registrar.given, _DEFAULT)
    require_models(registrar.gateway, changes)
    organisation = changes.get("organisation", "")
    if organisation and organisation not in registrar.organisation_names():
        raise unknown_name("organization", organisation, registrar.organisation_names(), "organization_id")
    return changes


def _valid(record: TeamRecord, name: str) -> TeamRecord:
    try:
        record.team(name)
    except ValueError as error:
        raise refused(error) from None
    return record


async def _change(registrar: Registrar, name: str, changes: dict[str, Any]) -> TeamInfo:
    def replace(record: TeamRecord) -> TeamRecord:
        return _valid(msgspec.structs.replace(record, **changes), name)

    record = await registrar.change(TEAM, name, TeamRecord, replace)
    if record is None:
        raise _no_such_team(registrar, name)
    return _info(name, record)


def _keys(registrar: Registrar, name: str) -> list[str]:
    """The ids of a team's keys. Raises NotFound."""
    if registrar.records.teams.record(name) is None:
        raise _no_such_team(registrar, name)
    keys = registrar.records.keys
    return [key_id for key_id in keys if (record := keys.record(key_id)) and record.team == name]


def _no_such_team(registrar: Registrar, name: str) -> NotFound:
    return no_such("team", name, registrar.records.teams, "team_id")


def _info(name: str, record: TeamRecord) -> TeamInfo:
    return TeamInfo(
        team_id=name,
        organization_id=record.organisation,
        models=record.models,
        allowed_routes=record.endpoints,
        tags=record.tags,
        metadata=record.metadata,
        blocked=record.blocked,
        created_at=shown(record.created),
        **limits(record),
    )
