"""Teams and organisations, from their entries in the document."""

from extproc.config.document_callers import OrganisationEntry, TeamEntry
from extproc.config.limits import Organisation, Team
from extproc.config.mistakes import Mistakes
from extproc.config.named import Named, Served, check_tags


def build_organisation(entry: OrganisationEntry, path: str, mistakes: Mistakes) -> Organisation:
    """The organisation of an entry; what is wrong with it is in `mistakes`. `path` is where the entry stands."""
    check_tags(entry.tags, f"{path}.tags", mistakes)
    return Organisation(entry.name, entry.tags, tuple(entry.metadata.items()))


def build_team(entry: TeamEntry, path: str, organisations: Named, served: Served, mistakes: Mistakes) -> Team:
    """The team of an entry; what is wrong with it is in `mistakes`. `path` is where the entry stands."""
    if entry.organisation is not None:
        organisations.check(entry.organisation, f"{path}.organisation", mistakes)
    served.check_all(entry.models, f"{path}.models", mistakes)
    check_tags(entry.tags, f"{path}.tags", mistakes)
    return Team(
        name=entry.name,
        organisation=entry.organisation or "",
        models=entry.models,
        endpoints=entry.endpoints,
        tags=entry.tags,
        blocked=entry.blocked,
        metadata=tuple(entry.metadata.items()),
    )
