"""The configuration as administrators may see it: in the document's shape, without anything that opens a door."""

from datetime import UTC, datetime
from typing import Any

from extproc.config.limits import Organisation, Team
from extproc.config.model import (
    Backend,
    Gateway,
    IdentityRule,
    Key,
    Model,
    PriceOverride,
    RedisOptions,
    Secret,
    StoreOptions,
)
from extproc.config.prices import dollars
from extproc.config.redacted_cache import cache_view
from extproc.config.redacted_guardrails import guardrails_view
from extproc.config.redacted_privacy import privacy_view
from extproc.config.redacted_rules import budgets_view, limits_view

_HIDDEN = "***"


def redacted_view(gateway: Gateway) -> dict[str, Any]:
    """JSON-able values: what is in effect, defaults included.

    Credentials and the values of headers are hidden; the salt and the keys' digests are left out, because together they
    let a weak key be guessed. So is metadata, which may be about people.
    """
    return {
        "version": gateway.version,
        "backends": [_backend(backend) for backend in gateway.backends],
        "models": [_model(model) for model in gateway.models],
        "keys": [_key(key) for key in gateway.keys],
        "registry": gateway.registry,
        "passthrough": gateway.passthrough.name if gateway.passthrough is not None else None,
        "organisations": [_organisation(organisation) for organisation in gateway.organisations],
        "teams": [_team(team) for team in gateway.teams],
        "identities": [_identity(rule) for rule in gateway.identities],
        "store": _store(gateway.store),
        "limits": {"max_request_bytes": gateway.max_request_bytes, "rules": limits_view(gateway.rules)},
        "budgets": budgets_view(gateway.rules),
        "accounting": _accounting(gateway),
        "admin": {"tokens": [_hidden(token) for token in gateway.admin_tokens]},
        "privacy": None if gateway.privacy is None else privacy_view(gateway.privacy),
        "guardrails": None if gateway.guardrails is None else guardrails_view(gateway.guardrails),
        "cache": None if gateway.cache is None else cache_view(gateway.cache),
    }


def _backend(backend: Backend) -> dict[str, Any]:
    return {
        "name": backend.name,
        "cluster": backend.cluster,
        "provider": backend.provider,
        "schema": backend.schema.value,
        "authority": backend.authority,
        "base_path": backend.base_path,
        "credential": _HIDDEN if backend.credential is not None else None,
        "api_version": backend.api_version,
        "region": backend.region,
        "project": backend.project,
        "prompt_caching": {"system": backend.cache_system, "tools": backend.cache_tools},
        "headers": {name: _HIDDEN for name, _ in backend.headers},
        "unsupported": backend.unsupported.value,
        "max_tokens_default": backend.max_tokens_default,
    }


def _model(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "targets": [{"backend": target.backend.name, "model": target.model} for target in model.targets],
    }


def _key(key: Key) -> dict[str, Any]:
    return {
        "alias": key.alias,
        "user": key.user,
        "team": key.team,
        "models": list(key.models),
        "endpoints": list(key.endpoints),
        "aliases": dict(key.aliases),
        "networks": [str(network) for network in key.networks],
        "tags": list(key.tags),
        "blocked": key.blocked,
        "expires": None if key.expires is None else datetime.fromtimestamp(key.expires, UTC).isoformat(),
    }


def _organisation(organisation: Organisation) -> dict[str, Any]:
    return {"name": organisation.name, "tags": list(organisation.tags)}


def _team(team: Team) -> dict[str, Any]:
    return {
        "name": team.name,
        "organisation": team.organisation,
        "models": list(team.models),
        "endpoints": list(team.endpoints),
        "tags": list(team.tags),
        "blocked": team.blocked,
    }


def _identity(rule: IdentityRule) -> dict[str, Any]:
    claims = {claim.name: claim.value for claim in rule.claims}
    known_by = {"spiffe": rule.spiffe} if rule.spiffe else {"jwt": {"provider": rule.provider, "claims": claims}}
    return {
        "name": rule.name,
        **known_by,
        "user": rule.user,
        "team": rule.team,
        "tags": list(rule.tags),
        "models": list(rule.models),
        "endpoints": list(rule.endpoints),
    }


def _store(options: StoreOptions) -> dict[str, Any]:
    return {"redis": _redis(options)} if isinstance(options, RedisOptions) else {}


def _redis(options: RedisOptions) -> dict[str, Any]:
    tls = options.tls
    return {
        "mode": options.mode.value,
        "nodes": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in options.nodes],
        "unix_socket": options.unix_socket,
        "master_name": options.master_name,
        "database": options.database,
        "username": options.username,
        "password": _hidden(options.password),
        "sentinel_username": options.sentinel_username,
        "sentinel_password": _hidden(options.sentinel_password),
        "tls": None if tls is None else {"ca_file": tls.ca_file, "cert_file": tls.cert_file, "key_file": tls.key_file},
        "prefix": options.prefix,
        "timeout_ms": options.timeout_ms,
        "wait_replicas": options.wait_replicas,
    }


def _accounting(gateway: Gateway) -> dict[str, Any]:
    default = gateway.default_price
    return {
        "usage_extraction": gateway.usage_extraction.value,
        "unknown_price": gateway.unknown_price.value,
        "default_price": None
        if default is None
        else {"input": dollars(default.input), "output": dollars(default.output)},
        "prices": [_price(price) for price in gateway.prices],
        "budget_status": gateway.budget_status,
        "quantum_tokens": gateway.quantum_tokens,
    }


def _price(price: PriceOverride) -> dict[str, Any]:
    parts = {
        "input": price.input,
        "output": price.output,
        "cache_read": price.cache_read,
        "cache_creation": price.cache_creation,
    }
    shown = {name: dollars(nano) for name, nano in parts.items() if nano is not None}
    return {"provider": price.provider, "model": price.model, **shown}


def _hidden(secret: Secret | None) -> str | None:
    return None if secret is None else _HIDDEN
