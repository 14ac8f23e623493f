"""`/organization/…`: organisations of the registry. Their limits and budgets are rules of the document."""

from typing import Any

import msgspec

from extproc.admin.fields import (
    DeletedOrganisations,
    DeleteOrganisations,
    NewOrganisation,
    OrganisationChoice,
    OrganisationInfo,
    OrganisationList,
    OrganisationListQuery,
    UpdateOrganisation,
)
from extproc.admin.pages import page, pages
from extproc.admin.references import one_name, stored
from extproc.admin.refusals import Conflicting, no_such
from extproc.admin.registrar import Registrar
from extproc.admin.times import shown
from extproc.errors import NotFound
from extproc.policy.registry_records import ORGANISATION, OrganisationRecord

_DEFAULT = OrganisationRecord(created=0.0)


async def new(registrar: Registrar, fields: NewOrganisation) -> OrganisationInfo:
    """Makes an organisation."""
    await registrar.catch_up()
    name = one_name(fields.organization_id, fields.organization_alias, "organization")
    if any(organisation.name == name for organisation in registrar.gateway.organisations):
        raise Conflicting(f"There is an organization {name!r} in the document.", param="organization_id")
    record = OrganisationRecord(created=registrar.now, **stored(fields, registrar.given, _DEFAULT))
    await registrar.create(ORGANISATION, name, record)
    return _info(registrar, name, record)


async def update(registrar: Registrar, fields: UpdateOrganisation) -> OrganisationInfo:
    """Changes the fields that are given."""
    await registrar.catch_up()
    name, changes = fields.organization_id, stored(fields, registrar.given, _DEFAULT)
    record = await registrar.change(ORGANISATION, name, OrganisationRecord, lambda old: _replaced(old, changes))
    if record is None:
        raise _no_such(registrar, name)
    return _info(registrar, name, record)


async def delete(registrar: Registrar, fields: DeleteOrganisations) -> DeletedOrganisations:
    """Deletes organisations without teams. All of them must be there, or none is deleted."""
    await registrar.catch_up()
    for name in fields.organization_ids:
        if registrar.records.organisations.record(name) is None:
            raise _no_such(registrar, name)
        if teams := _teams(registrar, name):
            raise Conflicting(f"The organization {name!r} has {len(teams)} teams: move or delete them first.")
    for name in fields.organization_ids:
        await registrar.delete(ORGANISATION, name)
    return DeletedOrganisations(deleted_organizations=fields.organization_ids)


async def info(registrar: Registrar, query: OrganisationChoice) -> OrganisationInfo:
    """An organisation, and its teams in the registry."""
    await registrar.catch_up()
    record = registrar.records.organisations.record(query.organization_id)
    if record is None:
        raise _no_such(registrar, query.organization_id)
    return _info(registrar, query.organization_id, record)


async def list_organisations(registrar: Registrar, query: OrganisationListQuery) -> OrganisationList:
    """Organisations of the registry, by name."""
    await registrar.catch_up()
    found = registrar.records.organisations
    names = page(sorted(found), query.page, query.size)
    infos = tuple(_info(registrar, name, record) for name in names if (record := found.record(name)))
    total_pages = pages(len(found), query.size)
    return OrganisationList(
        organizations=infos, total_count=len(found), current_page=query.page, total_pages=total_pages
    )


def _replaced(record: OrganisationRecord, changes: dict[str, Any]) -> OrganisationRecord:
    return msgspec.structs.replace(record, **changes)


def _teams(registrar: Registrar, name: str) -> tuple[str, ...]:
    teams = registrar.records.teams
    return tuple(sorted(team for team in teams if (record := teams.record(team)) and record.organisation == name))


def _no_such(registrar: Registrar, name: str) -> NotFound:
    return no_such("organization", name, registrar.records.organisations, "organization_id")


def _info(registrar: Registrar, name: str, record: OrganisationRecord) -> OrganisationInfo:
    return OrganisationInfo(
        organization_id=name,
        tags=record.tags,
        metadata=record.metadata,
        teams=_teams(registrar, name),
        created_at=shown(record.created),
    )
