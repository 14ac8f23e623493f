"""From the text of `gateway.yaml` to a `Gateway`.

First the text becomes plain values (`tree`), then these are checked against the document's types (`shape`), then every
part that has its right shape is given its meaning. Mistakes are collected all the way: one try shows them all, but for
those that a malformed entry hides within itself.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping

import msgspec

from extproc.config import shape, tree
from extproc.config.admin import build_admin_tokens
from extproc.config.backends import build_backend
from extproc.config.binding import check_binding
from extproc.config.cache import CacheSettings
from extproc.config.cache_routes import build_cache
from extproc.config.chains import BackendNames, build_model
from extproc.config.credentials import SecretReader
from extproc.config.document import BackendEntry, ModelEntry
from extproc.config.document_cache import CacheRouteEntry, CacheSection
from extproc.config.document_callers import AdminSection, IdentityEntry, KeyEntry, OrganisationEntry, TeamEntry
from extproc.config.document_guardrails import GuardrailEntry, GuardrailsSection
from extproc.config.document_limits import AccountingSection, BudgetEntry, LimitEntry, LimitsSection, PriceEntry
from extproc.config.document_privacy import PrivacyPolicyEntry, PrivacySection, RecogniserEntry
from extproc.config.document_root import GatewayDocument
from extproc.config.document_store import StoreSection
from extproc.config.guardrail_rules import GuardrailsBuilder
from extproc.config.guardrails import Guardrails
from extproc.config.identities import build_identity
from extproc.config.limit_rules import RuleBuilder
from extproc.config.limits import AnyRule, Organisation, Scope, Team
from extproc.config.mistakes import Mistakes
from extproc.config.model import Backend, Gateway, IdentityRule, Key, Model, Secret
from extproc.config.named import Named, Served
from extproc.config.parts import Part, Parts
from extproc.config.prices import build_default_price, build_prices
from extproc.config.privacy import Privacy
from extproc.config.privacy_policies import PrivacyBuilder
from extproc.config.providers import SPEAKS_OPENAI
from extproc.config.store import build_store
from extproc.config.teams import build_organisation, build_team
from extproc.config.virtual_keys import KeyBuilder

_VERSION_DIGITS = 12
_DOCUMENT = msgspec.inspect.type_info(GatewayDocument)


def load(text: str, source: str, environ: Mapping[str, str], read_file: Callable[[str], bytes]) -> Gateway:
    """The gateway that a document describes.

    `source` is the document's file name, for messages. Secrets come from `environ` and, by absolute path, `read_file`,
    which raises OSError. Raises ConfigError; when the text can be read at all it is a ConfigErrors with every mistake.
    """
    mistakes = Mistakes(source)
    values = tree.read(text, source, mistakes)
    shape.check(values, _DOCUMENT, "", mistakes)
    secrets = SecretReader(environ, read_file, mistakes)
    gateway = _Builder(Parts(values, mistakes), secrets, mistakes).gateway(_version(text))
    mistakes.raise_if_any()
    return gateway


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]


class _Builder:
    """Gives the parts of one document their meaning."""

    def __init__(self, parts: Parts, secrets: SecretReader, mistakes: Mistakes) -> None:
        self._parts = parts
        self._secrets = secrets
        self._mistakes = mistakes
        self._registry = parts.is_on("keys.registry")
        self._served = Served(parts.names("models"))
        self._team_names = self._named("team", "teams")
        self._organisation_names = self._named("organisation", "organisations")

    def gateway(self, version: str) -> Gateway:
        """The gateway, as far as its document allows."""
        backends = self._backends()
        names = BackendNames({backend.name: backend for backend in backends}, self._parts.names("backends"))
        accounting = self._parts.section("accounting", AccountingSection())
        salt = bytes.fromhex(self._parts.text("keys.salt") or "")
        self._check_somebody_may_call()
        return Gateway(
            backends=backends,
            models=self._models(names),
            keys=self._keys(salt),
            key_salt=salt,
            passthrough=self._passthrough(names),
            max_request_bytes=self._parts.section("limits", LimitsSection()).max_request_bytes,
            usage_extraction=accounting.usage_extraction,
            unknown_price=accounting.unknown_price,
            prices=tuple(build_prices(self._parts.entries("accounting.prices", PriceEntry), self._mistakes)),
            default_price=build_default_price(accounting, "accounting", self._mistakes),
            organisations=self._organisations(),
            teams=self._teams(),
            rules=self._rules(),
            identities=self._identities(),
            store=build_store(self._parts.section("store", StoreSection()), self._secrets, self._mistakes),
            registry=self._registry,
            budget_status=accounting.budget_status,
            quantum_tokens=accounting.quantum_tokens,
            admin_tokens=self._admin_tokens(),
            privacy=self._privacy(),
            guardrails=self._guardrails(),
            cache=self._cache(),
            version=version,
        )

    def _named(self, kind: str, section: str) -> Named:
        """What a section lists; all names where the document does not list them, or the registry may have more."""
        listed = self._parts.has(section) and not self._registry
        return Named(kind, self._parts.names(section) if listed else None)

    def _check_somebody_may_call(self) -> None:
        somebody = self._registry or self._parts.has("keys.entries") or self._parts.has("identities")
        where = "keys" if self._parts.has("keys") else ""
        if not somebody and not self._mistakes.touches("keys"):
            self._mistakes.add(where, "nobody may call: there are no keys.entries, no keys.registry and no identities")

    def _backends(self) -> tuple[Backend, ...]:
        entries = self._distinct("backends", BackendEntry)
        built = (build_backend(entry, path, self._secrets, self._mistakes) for path, entry in entries)
        return tuple(backend for backend in built if backend is not None)

    def _models(self, backends: BackendNames) -> tuple[Model, ...]:
        entries = self._distinct("models", ModelEntry)
        return tuple(build_model(entry, path, backends, self._mistakes) for path, entry in entries)

    def _keys(self, salt: bytes) -> tuple[Key, ...]:
        entries = self._distinct("keys.entries", KeyEntry, "alias")
        builder = KeyBuilder(salt, self._served, self._team_names, self._secrets, self._mistakes)
        built = [(path, builder.build(entry, path)) for path, entry in entries]
        keys = [(path, key) for path, key in built if key is not None]
        self._refuse_repeats(((path, key.digest) for path, key in keys), "")
        return tuple(key for _, key in keys)

    def _organisations(self) -> tuple[Organisation, ...]:
        entries = self._distinct("organisations", OrganisationEntry)
        return tuple(build_organisation(entry, path, self._mistakes) for path, entry in entries)

    def _teams(self) -> tuple[Team, ...]:
        entries = self._distinct("teams", TeamEntry)
        built = (
            build_team(entry, path, self._organisation_names, self._served, self._mistakes) for path, entry in entries
        )
        return tuple(built)

    def _identities(self) -> tuple[IdentityRule, ...]:
        entries = self._distinct("identities", IdentityEntry)
        built = (build_identity(entry, path, self._team_names, self._served, self._mistakes) for path, entry in entries)
        return tuple(built)

    def _rules(self) -> tuple[AnyRule, ...]:
        builder = RuleBuilder(self._served, self._subjects(), self._mistakes)
        limits, budgets = self._limits(builder), self._budgets(builder)
        names = {rule.name: path for path, rule in limits}
        for path, budget in budgets:
            if budget.name in names:
                self._mistakes.add(f"{path}.name", f"is the name of a limit already, from {names[budget.name]}")
        check_binding([*limits, *budgets], self._mistakes)
        return tuple(rule for _, rule in (*limits, *budgets))

    def _limits(self, builder: RuleBuilder) -> list[tuple[str, AnyRule]]:
        entries = self._distinct("limits.rules", LimitEntry)
        return [(path, rule) for path, entry in entries for rule in builder.limits(entry, path)]

    def _budgets(self, builder: RuleBuilder) -> list[tuple[str, AnyRule]]:
        entries = self._distinct("budgets", BudgetEntry)
        return [(path, rule) for path, entry in entries if (rule := builder.budget(entry, path)) is not None]

    def _privacy(self) -> Privacy | None:
        section = self._parts.optional("privacy", PrivacySection)
        self._distinct("privacy.policies", PrivacyPolicyEntry)
        self._distinct("privacy.recognisers", RecogniserEntry)
        if section is None:
            return None
        keys = self._subjects()[Scope.KEY]
        return PrivacyBuilder(section, self._team_names, keys, self._served, self._mistakes).build(self._secrets)

    def _guardrails(self) -> Guardrails | None:
        section = self._parts.optional("guardrails", GuardrailsSection)
        self._distinct("guardrails.rules", GuardrailEntry)
        if section is None:
            return None
        keys = self._subjects()[Scope.KEY]
        return GuardrailsBuilder(section, self._team_names, keys, self._served, self._mistakes).build(self._secrets)

    def _cache(self) -> CacheSettings | None:
        section = self._parts.optional("cache", CacheSection)
        self._distinct("cache.routes", CacheRouteEntry)
        return None if section is None else build_cache(section, self._served, self._secrets, self._mistakes)

    def _subjects(self) -> dict[Scope, Named]:
        """Of scopes whose subjects are all known. An identity may be the subject of a rule as a key may."""
        callers = [*self._parts.names("keys.entries", "alias"), *self._parts.names("identities")]
        return {
            Scope.ORGANISATION: self._organisation_names,
            Scope.TEAM: self._team_names,
            Scope.KEY: Named("key", None if self._registry else callers),
        }

    def _admin_tokens(self) -> tuple[Secret, ...]:
        if self._registry and not self._parts.has("admin.tokens"):
            self._mistakes.add("keys.registry", "needs admin.tokens, or nobody could put a key into the registry")
        section = self._parts.section("admin", AdminSection())
        return tuple(build_admin_tokens(section, self._secrets, self._mistakes))

    def _passthrough(self, backends: BackendNames) -> Backend | None:
        name = self._parts.text("passthrough")
        backend = backends.find(name, "passthrough", self._mistakes) if name is not None else None
        if backend is not None and backend.schema not in SPEAKS_OPENAI:
            self._mistakes.add("passthrough", f"the backend {backend.name!r} does not speak OpenAI's format")
        return backend

    def _distinct(self, path: str, type_: type[Part], field: str = "name") -> list[tuple[str, Part]]:
        """The right entries of a list, each with where it stands; `field` must be another in each."""
        entries = self._parts.entries(path, type_)
        self._refuse_repeats(((where, getattr(entry, field)) for where, entry in entries), field)
        return entries

    def _refuse_repeats(self, values: Iterable[tuple[str, str]], field: str) -> None:
        """Every value may stand once. `field` names it in the entry; '' for the key that an entry stands for."""
        seen: dict[str, str] = {}
        for path, value in values:
            first = seen.setdefault(value, path)
            if first != path and field:
                self._mistakes.add(f"{path}.{field}", f"is the {field} of {first} already")
            elif first != path:
                self._mistakes.add(path, f"is the same key as {first}")
