"""The gateway that is measured: its document, and Envoy's configuration with a way past it."""

from dataclasses import dataclass
from typing import Any

import yaml

from extproc.config.keys import digest
from extproc.config.load import load
from extproc.config.model import UsageExtraction
from extproc.envoyconfig import names
from extproc.envoyconfig.render import RenderOptions, dump, render

KEY, LIMITED_KEY, PRIVATE_KEY = "sk-bench", "sk-limited", "sk-private"
OPENAI_MODEL, TRANSLATED_MODEL, RESILIENT_MODEL = "gpt-4o-mini", "claude-sonnet-4-6", "resilient"
_SALT = "62656e63682d73616c742d666f722d6c6f6f706261636b"
_OTHER_KEYS = 100
_BARE = "bare"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where things listen on loopback; `provider` answers, `down` always says 503. `redis` None: there is none.
    `private`: the document has a privacy policy, for one of the keys; `cached`: a cache, for one of the models."""

    governed: int
    bare: int
    envoy_admin: int
    extproc_admin: int
    provider: int
    down: int
    redis: int | None = None
    private: bool = False
    cached: bool = False


def document(ports: Ports, extraction: UsageExtraction) -> str:
    """gateway.yaml: three backends, a chain whose first target is down, and keys of which few are used."""
    names_ = ["bench", "limited", "private", *(f"team-{number}" for number in range(_OTHER_KEYS))]
    keys = [{"alias": name, "digest": digest(bytes.fromhex(_SALT), f"sk-{name}")} for name in names_]
    return yaml.safe_dump(
        {
            "version": 1,
            "backends": [
                _backend("openai", "openai", ports.provider),
                _backend("anthropic", "anthropic", ports.provider),
                _backend("down", "openai", ports.down),
            ],
            "models": [
                {"name": OPENAI_MODEL, "targets": ["openai"]},
                {"name": TRANSLATED_MODEL, "targets": ["anthropic"]},
                {
                    "name": RESILIENT_MODEL,
                    "targets": [{"backend": name, "model": OPENAI_MODEL} for name in ("down", "openai")],
                },
            ],
            "keys": {"salt": _SALT, "entries": keys},
            "accounting": {"usage_extraction": extraction.value},
            **({} if ports.redis is None else _limits(ports.redis)),
            **(_privacy() if ports.private else {}),
            **(_cache() if ports.cached else {}),
        },
        sort_keys=False,
    )


def envoy_config(text: str, ports: Ports, socket_directory: str, access_log: str) -> str:
    """What `extproc render` makes of the document, plus a listener that leads to the same upstream without it."""
    gateway = load(text, "gateway.yaml", {}, _no_file)
    options = RenderOptions(
        port=ports.governed,
        admin_port=ports.envoy_admin,
        socket_directory=socket_directory,
        access_log=access_log,
    )
    clusters = [
        _cluster("openai", ports.provider),
        _cluster("anthropic", ports.provider),
        _cluster("down", ports.down),
    ]
    bootstrap = render(gateway, clusters, options)
    resources = bootstrap["static_resources"]
    resources["listeners"].append(_bare_listener(ports.bare))
    resources["clusters"].append(_bare_cluster(ports.provider))
    return dump(bootstrap)


def _limits(redis: int) -> dict[str, Any]:
    """Three limits and a budget of one of the keys, all so large that they never refuse."""
    much = {"amount": 1_000_000_000, "per": "minute"}
    rule = {"name": "limited", "scope": "key", "of": "limited", "requests": much, "tokens": much, "concurrent": 10_000}
    budget = {"name": "money", "scope": "key", "of": "limited", "amount": "100000.00", "window": {"calendar": "month"}}
    return {
        "store": {"redis": {"url": f"redis://127.0.0.1:{redis}/0", "timeout_ms": 1000}},
        "limits": {"rules": [rule]},
        "budgets": [budget],
    }


def _privacy() -> dict[str, Any]:
    """Everything is replaced for one of the keys."""
    policy = {"name": "all", "entities": {"all": "replace"}}
    key = {"value": "70" * 32}
    return {"privacy": {"key": key, "policies": [policy], "apply": [{"policy": "all", "keys": ["private"]}]}}


def _cache() -> dict[str, Any]:
    """Answers of one of the models are kept in the worker."""
    return {"cache": {"key": {"value": "63" * 32}, "routes": [{"name": "bench", "models": [OPENAI_MODEL]}]}}


def _backend(name: str, schema: str, port: int) -> dict[str, Any]:
    return {
        "name": name,
        "schema": schema,
        "authority": f"127.0.0.1:{port}",
        "base_path": "/v1",
        "credential": {"value": "upstream-credential"},
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _bare_cluster(port: int) -> dict[str, Any]:
    most = 100_000
    limits = {"max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": most}
    return {**_cluster(_BARE, port), "circuit_breakers": {"thresholds": [limits]}}


def _bare_listener(port: int) -> dict[str, Any]:
    """HTTP in, HTTP out: nothing but Envoy's router."""
    router = {"name": "envoy.filters.http.router", "typed_config": names.typed(names.ROUTER)}
    route = {"match": {"prefix": "/"}, "route": {"cluster": _BARE, "timeout": "0s"}}
    manager = names.typed(
        names.HCM,
        stat_prefix=_BARE,
        http_filters=[router],
        route_config={"name": _BARE, "virtual_hosts": [{"name": _BARE, "domains": ["*"], "routes": [route]}]},
    )
    return {
        "name": _BARE,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(path)
