"""The configuration as administrators may see it: in the document's shape, without anything that opens a door."""

from datetime import UTC, datetime
from typing import Any

from extproc.config.model import Backend, Gateway, Key, Model, PriceOverride
from extproc.config.prices import dollars

_HIDDEN = "***"


def redacted_view(gateway: Gateway) -> dict[str, Any]:
    """JSON-able values: what is in effect, defaults included.

    Credentials and the values of headers are hidden; the salt and the keys' digests are left out, because together they
    let a weak key be guessed.
    """
    return {
        "version": gateway.version,
        "backends": [_backend(backend) for backend in gateway.backends],
        "models": [_model(model) for model in gateway.models],
        "keys": [_key(key) for key in gateway.keys],
        "passthrough": gateway.passthrough.name if gateway.passthrough is not None else None,
        "limits": {"max_request_bytes": gateway.max_request_bytes},
        "accounting": {
            "usage_extraction": gateway.usage_extraction.value,
            "unknown_price": gateway.unknown_price.value,
            "prices": [_price(price) for price in gateway.prices],
        },
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
    expires = None if key.expires is None else datetime.fromtimestamp(key.expires, UTC).isoformat()
    return {"alias": key.alias, "team": key.team, "models": list(key.models), "expires": expires}


def _price(price: PriceOverride) -> dict[str, Any]:
    parts = {
        "input": price.input,
        "output": price.output,
        "cache_read": price.cache_read,
        "cache_creation": price.cache_creation,
    }
    shown = {name: dollars(nano) for name, nano in parts.items() if nano is not None}
    return {"provider": price.provider, "model": price.model, **shown}
