"""Every route of the admin API: the server and the OpenAPI document are made of this list."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from extproc.admin import budgets, cache, fields, keys, organisations, teams
from extproc.admin.registrar import Registrar

Handler = Callable[[Registrar, Any], Awaitable[Struct]]


@dataclass(frozen=True, slots=True)
class Route:
    """`asks` is the type of the body of a POST and of the query of a GET."""

    method: str
    path: str
    asks: type[Struct]
    answers: type[Struct]
    handler: Handler

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").strip()

    @property
    def is_of_registry(self) -> bool:
        """Budgets and the cache are of the document too; the rest wants the registry."""
        return not self.path.startswith(("/budget/", "/cache/"))


ROUTES = (
    Route("POST", "/key/generate", fields.KeyFields, fields.NewKey, keys.generate),
    Route("POST", "/key/update", fields.UpdateKey, fields.KeyInfo, keys.update),
    Route("POST", "/key/block", fields.KeyChoice, fields.KeyInfo, keys.block),
    Route("POST", "/key/unblock", fields.KeyChoice, fields.KeyInfo, keys.unblock),
    Route("POST", "/key/regenerate", fields.RegenerateKey, fields.NewKey, keys.regenerate),
    Route("POST", "/key/delete", fields.DeleteKeys, fields.DeletedKeys, keys.delete),
    Route("GET", "/key/info", fields.KeyQuery, fields.KeyAnswer, keys.info),
    Route("GET", "/key/list", fields.KeyListQuery, fields.KeyList, keys.list_keys),
    Route("POST", "/team/new", fields.NewTeam, fields.TeamInfo, teams.new),
    Route("POST", "/team/update", fields.UpdateTeam, fields.TeamInfo, teams.update),
    Route("POST", "/team/block", fields.TeamChoice, fields.TeamInfo, teams.block),
    Route("POST", "/team/unblock", fields.TeamChoice, fields.TeamInfo, teams.unblock),
    Route("POST", "/team/delete", fields.DeleteTeams, fields.DeletedTeams, teams.delete),
    Route("GET", "/team/info", fields.TeamChoice, fields.TeamAnswer, teams.info),
    Route("GET", "/team/list", fields.TeamListQuery, fields.TeamList, teams.list_teams),
    Route("POST", "/organization/new", fields.NewOrganisation, fields.OrganisationInfo, organisations.new),
    Route("POST", "/organization/update", fields.UpdateOrganisation, fields.OrganisationInfo, organisations.update),
    Route(
        "POST", "/organization/delete", fields.DeleteOrganisations, fields.DeletedOrganisations, organisations.delete
    ),
    Route("GET", "/organization/info", fields.OrganisationChoice, fields.OrganisationInfo, organisations.info),
    Route(
        "GET",
        "/organization/list",
        fields.OrganisationListQuery,
        fields.OrganisationList,
        organisations.list_organisations,
    ),
    Route("GET", "/budget/info", fields.BudgetQuery, fields.BudgetAnswer, budgets.info),
    Route("GET", "/budget/list", fields.BudgetListQuery, fields.BudgetList, budgets.list_budgets),
    Route("POST", "/budget/raise", fields.RaiseBudget, fields.RaiseInfo, budgets.raise_budget),
    Route("POST", "/budget/raise/delete", fields.RaiseChoice, fields.DeletedRaise, budgets.delete_raise),
    Route("POST", "/cache/purge", fields.PurgeCache, fields.CachePurged, cache.purge),
    Route("GET", "/cache/semantic/info", fields.CacheRouteChoice, fields.SemanticEstimate, cache.semantic_info),
    Route("POST", "/cache/semantic/reset", fields.CacheRouteChoice, fields.SemanticEstimate, cache.semantic_reset),
)
