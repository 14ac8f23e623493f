"""The shape of the admin API: what each request may say and each answer has, once.

Requests are checked against these types, and the OpenAPI document is made of them. In an update a field that is absent
stays as it is, and null (or an empty list or mapping) takes it back to its default. Times are RFC 3339 in UTC; money is
decimal US dollars.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from extproc.config.document import Label, ModelName
from extproc.config.limit_fields import Duration, LimitFields

Route = Annotated[
    str,
    Meta(
        pattern=r"^(\*|/[A-Za-z0-9._~/-]{1,127}\*?)$",
        description="a path such as /v1/embeddings, or /v1/files* for all that begin so, or '*'",
    ),
]
Network = Annotated[
    str, Meta(pattern=r"^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$", description="a CIDR block, such as 10.0.0.0/8")
]
Text = Annotated[str, Meta(max_length=256, description="text of at most 256 characters")]
KeyName = Annotated[
    str,
    Meta(pattern=r"^(sk-)?[1-9A-HJ-NP-Za-km-z]{16,62}$", description="the id of a key (or the key itself)"),
]
RecordId = Annotated[str, Meta(pattern=r"^[1-9A-HJ-NP-Za-km-z]{16}$", description="an id: 16 letters and digits")]
When = Annotated[
    str,
    Meta(
        pattern=r"^2[0-9]{3}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$",
        description="a date (2027-01-31, from its first moment in UTC) or a time with its zone (2027-01-31T12:00:00Z)",
    ),
]
Page = Annotated[int, Meta(ge=1, le=1_000_000, description="a page's number, from 1")]
Size = Annotated[int, Meta(ge=1, le=100, description="entries a page, from 1 to 100")]
Amount = (
    Annotated[str, Meta(pattern=r"^[0-9]{1,16}(\.[0-9]{1,9})?$", description="US dollars, or a number of tokens")]
    | Annotated[float, Meta(ge=0, lt=1 << 52, description="US dollars, or a number of tokens")]
)
Moment = Annotated[str, Meta(description="a time in UTC (RFC 3339)")]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request is."""


class Answer(Struct, frozen=True, kw_only=True):
    """What every answer is."""


# Keys


class KeyFields(LimitFields, frozen=True, kw_only=True):
    """What may be said of a key. `models` and `allowed_routes`: none given, all allowed. `duration` counts from now."""

    key_alias: Label | None = None
    user_id: Label | None = None
    team_id: Label | None = None
    models: tuple[ModelName, ...] | None = None
    allowed_routes: tuple[Route, ...] | None = None
    aliases: Mapping[ModelName, ModelName] | None = None
    networks: tuple[Network, ...] | None = None
    tags: tuple[Label, ...] | None = None
    metadata: Mapping[Label, Text] | None = None
    blocked: bool | None = None
    duration: Duration | None = None
    expires: When | None = None


class UpdateKey(KeyFields, frozen=True, kw_only=True):
    key: KeyName


class KeyChoice(Request, frozen=True):
    key: KeyName


class RegenerateKey(Request, frozen=True):
    """The old key is good for as long as `grace_period` says; without it, not any more."""

    key: KeyName
    grace_period: Duration | None = None


class DeleteKeys(Request, frozen=True):
    keys: tuple[KeyName, ...] = ()
    key_aliases: tuple[Label, ...] = ()


class KeyQuery(Request, frozen=True):
    """One of the two."""

    key: KeyName | None = None
    key_alias: Label | None = None


class KeyListQuery(Request, frozen=True):
    page: Page = 1
    size: Size = 20
    key_alias: Label | None = None
    user_id: Label | None = None
    team_id: Label | None = None


class KeyInfo(LimitFields, frozen=True, kw_only=True, omit_defaults=False):
    """A key, without the key. `replaced_until`: until when the key that this one replaced is good."""

    key_id: str
    key_alias: str
    user_id: str
    team_id: str
    models: tuple[str, ...]
    allowed_routes: tuple[str, ...]
    aliases: Mapping[str, str]
    networks: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    blocked: bool
    created_at: Moment
    expires: Moment | None
    replaced_until: Moment | None


class NewKey(KeyInfo, frozen=True, kw_only=True):
    """A key with the key itself, which is told this once."""

    key: str


class KeyAnswer(Answer, frozen=True):
    key: str
    info: KeyInfo


class KeyList(Answer, frozen=True):
    keys: tuple[KeyInfo, ...]
    total_count: int
    current_page: int
    total_pages: int


class DeletedKeys(Answer, frozen=True):
    deleted_keys: tuple[str, ...]


# Teams


class TeamFields(LimitFields, frozen=True, kw_only=True):
    """What may be said of a team. `models` and `allowed_routes`: none given, all allowed."""

    organization_id: Label | None = None
    models: tuple[ModelName, ...] | None = None
    allowed_routes: tuple[Route, ...] | None = None
    tags: tuple[Label, ...] | None = None
    metadata: Mapping[Label, Text] | None = None
    blocked: bool | None = None


class NewTeam(TeamFields, frozen=True, kw_only=True):
    """A team has one name: `team_id`, or `team_alias` where that is not given."""

    team_id: Label | None = None
    team_alias: Label | None = None


class UpdateTeam(TeamFields, frozen=True, kw_only=True):
    team_id: Label


class TeamChoice(Request, frozen=True):
    team_id: Label


class DeleteTeams(Request, frozen=True):
    """A team that has keys is deleted with `force` only, and its keys with it."""

    team_ids: tuple[Label, ...]
    force: bool = False


class TeamListQuery(Request, frozen=True):
    page: Page = 1
    size: Size = 20
    organization_id: Label | None = None


class TeamInfo(LimitFields, frozen=True, kw_only=True, omit_defaults=False):
    """A team of the registry."""

    team_id: str
    organization_id: str
    models: tuple[str, ...]
    allowed_routes: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    blocked: bool
    created_at: Moment


class TeamAnswer(Answer, frozen=True):
    team_id: str
    team_info: TeamInfo
    keys: int


class TeamList(Answer, frozen=True):
    teams: tuple[TeamInfo, ...]
    total_count: int
    current_page: int
    total_pages: int


class DeletedTeams(Answer, frozen=True):
    """`deleted_keys` is how many keys went with them."""

    deleted_teams: tuple[str, ...]
    deleted_keys: int


# Organisations


class OrganisationFields(Request, frozen=True):
    tags: tuple[Label, ...] | None = None
    metadata: Mapping[Label, Text] | None = None


class NewOrganisation(OrganisationFields, frozen=True):
    """An organisation has one name: `organization_id`, or `organization_alias` where that is not given."""

    organization_id: Label | None = None
    organization_alias: Label | None = None


class UpdateOrganisation(OrganisationFields, frozen=True, kw_only=True):
    organization_id: Label


class OrganisationChoice(Request, frozen=True):
    organization_id: Label


class DeleteOrganisations(Request, frozen=True):
    """An organisation that has teams is not deleted."""

    organization_ids: tuple[Label, ...]


class OrganisationListQuery(Request, frozen=True):
    page: Page = 1
    size: Size = 20


class OrganisationInfo(Answer, frozen=True):
    organization_id: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    teams: tuple[str, ...]
    created_at: Moment


class OrganisationList(Answer, frozen=True):
    organizations: tuple[OrganisationInfo, ...]
    total_count: int
    current_page: int
    total_pages: int


class DeletedOrganisations(Answer, frozen=True):
    deleted_organizations: tuple[str, ...]


# Budgets


class BudgetListQuery(Request, frozen=True):
    """`subject` is a team, a user, the id or the alias of a key, …"""

    page: Page = 1
    size: Size = 20
    budget: Text | None = None
    scope: Text | None = None
    subject: Text | None = None


class BudgetQuery(Request, frozen=True):
    """`subject` is not needed for a budget of one subject, `organization_id` for one who is of one organisation."""

    budget: Text
    subject: Text | None = None
    organization_id: Label | None = None


class BudgetInfo(Answer, frozen=True):
    """How a budget stands. `currency` is USD (amounts are dollars) or what tokens are counted. `limit` is with raises.

    `remaining` is negative where the limit was lowered below what is spent. `resets_at`: when there is more, where a
    calendar window ends or the oldest step of a rolling window leaves.
    """

    budget: str
    scope: str
    subject: str
    label: str
    organization_id: str
    models: tuple[str, ...]
    mode: str
    currency: str
    limit: str | int
    raised: str | int
    spent: str | int
    reserved: str | int
    remaining: str | int
    window: str
    resets_at: Moment | None


class RaiseInfo(Answer, frozen=True):
    raise_id: str
    budget: str
    subject: str
    amount: str | int
    until: Moment
    created_at: Moment


class BudgetAnswer(Answer, frozen=True):
    budget: BudgetInfo
    raises: tuple[RaiseInfo, ...]


class BudgetList(Answer, frozen=True):
    budgets: tuple[BudgetInfo, ...]
    current_page: int
    has_more: bool


class RaiseBudget(Request, frozen=True):
    """More for a budget, for `duration` from now or `until` a time. `subject` '*': for each of them."""

    budget: Text
    amount: Amount
    subject: Text | None = None
    duration: Duration | None = None
    until: When | None = None


class RaiseChoice(Request, frozen=True):
    raise_id: RecordId


class DeletedRaise(Answer, frozen=True):
    deleted_raise: str


# Cache


class CacheScope(StrEnum):
    """Whose kept answers are meant."""

    KEY = "key"
    TENANT = "tenant"
    ROUTE = "route"
    ALL = "all"


class PurgeCache(Request, frozen=True):
    """`name` is a tenant's (an organisation, else a team, else a key by its alias or id), a route's, or with the scope
    `key` the `x-gateway-cache-key` of an answer."""

    scope: CacheScope
    name: Text | None = None


class CacheRouteChoice(Request, frozen=True):
    """A route of the cache that answers questions in other words."""

    route: Text


class SemanticEstimate(Answer, frozen=True):
    """What is known of a route's false hits: the share as counted, and its bounds with 95 % confidence each.

    `stopped`: the route serves no semantic hits.
    """

    route: str
    mode: str
    stopped: bool
    compared: int
    differed: int
    rate: float
    least: float
    most: float


class CachePurged(Answer, frozen=True):
    """`name` is empty where everything was purged."""

    purged: str
    name: str
