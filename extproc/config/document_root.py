"""The shape of `gateway.yaml` as a whole."""

from typing import Annotated, Literal

from msgspec import Meta

from extproc.config.document import BackendEntry, ModelEntry, Name, Section
from extproc.config.document_cache import CacheSection
from extproc.config.document_callers import AdminSection, IdentityEntry, KeysSection, OrganisationEntry, TeamEntry
from extproc.config.document_guardrails import GuardrailsSection
from extproc.config.document_limits import AccountingSection, Budgets, LimitsSection
from extproc.config.document_privacy import PrivacySection
from extproc.config.document_store import StoreSection


class GatewayDocument(Section, frozen=True):
    """The gateway: backends, the models they answer for, and those who may call, with their limits and budgets.

    `passthrough` names the backend that answers the endpoints of OpenAI's API that have no model (files, batches, …);
    without it there are none.
    """

    version: Literal[1]
    backends: Annotated[tuple[BackendEntry, ...], Meta(min_length=1, description="a list with at least one backend")]
    models: Annotated[tuple[ModelEntry, ...], Meta(min_length=1, description="a list with at least one model")]
    keys: KeysSection | None = None
    passthrough: Name | None = None
    organisations: tuple[OrganisationEntry, ...] = ()
    teams: tuple[TeamEntry, ...] = ()
    identities: tuple[IdentityEntry, ...] = ()
    store: StoreSection = StoreSection()
    limits: LimitsSection = LimitsSection()
    budgets: Budgets = ()
    accounting: AccountingSection = AccountingSection()
    admin: AdminSection = AdminSection()
    privacy: PrivacySection | None = None
    guardrails: GuardrailsSection | None = None
    cache: CacheSection | None = None
