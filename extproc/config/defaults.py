"""The document that is used where the operator has none, and the Envoy clusters that go with it.

It names the providers of the environment, or else the provider simulator. Its keys are public, so it is for a listener
on loopback.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from extproc.config.environment import Place, Provider, providers
from extproc.config.keys import digest
from extproc.config.model import Schema

DEMO_KEY = "sk-demo"
LIMITED_DEMO_KEY = "sk-demo-limited"
TRUSTED_CA = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian keeps the certificates of the authorities that it trusts."""

_SALT = "64656d6f2d73616c742d666f722d6c6f6f706261636b"  # public, as the demo keys are
_SIMULATED = {"value": "simulator"}  # the simulator takes any credential, and wants one
_DOWN = "down"

_Document = dict[str, Any]


def default_document(environ: Mapping[str, str]) -> str:
    """The document's YAML. Secrets are named, never copied. Raises ConfigError for variables that make no sense."""
    found = providers(environ)
    backends = found or simulators()
    models = _models(found) if found else _simulated_models()
    passthrough = next((backend.name for backend in backends if backend.schema is not Schema.ANTHROPIC), None)
    document: _Document = {
        "version": 1,
        "backends": [_backend(backend) for backend in backends],
        "models": models,
        "keys": _keys("claude-sonnet-4-6" if passthrough is None else "gpt-4o-mini"),
    }
    if passthrough is not None:
        document["passthrough"] = passthrough
    return yaml.safe_dump(document, sort_keys=False, width=120)


def default_clusters(environ: Mapping[str, str], trusted_ca: str = TRUSTED_CA) -> list[dict[str, Any]]:
    """The Envoy clusters of the default document's backends, as their YAML would be read.

    `trusted_ca` is the file of certificate authorities that a provider's certificate is checked against. Raises
    ConfigError for variables that make no sense.
    """
    return [_cluster(backend.name, backend.place, trusted_ca) for backend in providers(environ) or simulators()]


def simulators() -> tuple[Provider, ...]:
    """The simulator's ports. The last one, `down`, answers every request with 503."""
    return (
        Provider("openai-sim", Schema.OPENAI, Place("127.0.0.1", 18081, "/v1"), _SIMULATED),
        Provider("anthropic-sim", Schema.ANTHROPIC, Place("127.0.0.1", 18082, "/v1"), _SIMULATED),
        Provider("azure-sim", Schema.AZURE_OPENAI, Place("127.0.0.1", 18083), _SIMULATED, "2024-10-21"),
        Provider(_DOWN, Schema.OPENAI, Place("127.0.0.1", 18084, "/v1"), _SIMULATED),
    )


def _backend(provider: Provider) -> _Document:
    entry: _Document = {
        "name": provider.name,
        "schema": provider.schema.value,
        "authority": provider.place.authority,
        "base_path": provider.place.path,
    }
    if provider.credential is not None:
        entry["credential"] = dict(provider.credential)
    if provider.api_version is not None:
        entry["api_version"] = provider.api_version
    return entry


def _simulated_models() -> list[_Document]:
    return [
        _model("gpt-4o-mini", "openai-sim"),
        _model("gpt-4o", "azure-sim", "openai-sim"),
        _model("claude-sonnet-4-6", "anthropic-sim"),
        _model(
            "resilient",
            {"backend": _DOWN, "model": "gpt-4o"},
            {"backend": "anthropic-sim", "model": "claude-sonnet-4-6"},
            {"backend": "openai-sim", "model": "gpt-4o"},
        ),
        _model("text-embedding-3-small", "openai-sim"),
    ]


def _models(found: Sequence[Provider]) -> list[_Document]:
    """Every name of every provider under the provider's own prefix, and where it is clear whose it is, as it is."""
    names = [provider.name for provider in found]
    models = [_model(f"{name}/*", {"backend": name, "model": "*"}) for name in names]
    if "anthropic" in names:
        models.append(_model("claude-*", "anthropic"))
    others = [name for name in names if name != "anthropic"]
    if others:
        models.append(_model("*", others[0]))
    return models


def _model(name: str, *targets: str | _Document) -> _Document:
    return {"name": name, "targets": list(targets)}


def _keys(limited_to: str) -> _Document:
    entries: Iterable[tuple[str, str, _Document]] = (
        ("demo", DEMO_KEY, {}),
        ("demo-limited", LIMITED_DEMO_KEY, {"models": [limited_to]}),
    )
    salt = bytes.fromhex(_SALT)
    return {
        "salt": _SALT,
        "entries": [{"alias": alias, "digest": digest(salt, key), **more} for alias, key, more in entries],
    }


def _cluster(name: str, place: Place, trusted_ca: str) -> dict[str, Any]:
    """A name that does not resolve leaves a cluster without hosts, which Envoy does not retry elsewhere. The second
    endpoint refuses connections, which it does."""
    resolution = {"type": "STATIC"} if place.is_ip else {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED"}
    endpoints: list[dict[str, Any]] = [{"lb_endpoints": [_endpoint(place.host, place.port)]}]
    if not place.is_ip:
        endpoints.append({"priority": 1, "lb_endpoints": [_endpoint("127.0.0.1", 1)]})
    cluster: dict[str, Any] = {
        "name": name,
        **resolution,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }
    return {**cluster, "transport_socket": _tls(place.host, trusted_ca)} if place.tls else cluster


def _endpoint(host: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": host, "port_value": port}}
    return {"endpoint": {"hostname": host, "address": address}}


def _tls(host: str, trusted_ca: str) -> dict[str, Any]:
    """TLS to a host that must prove its name."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": host,
            "common_tls_context": {
                "validation_context": {
                    "trusted_ca": {"filename": trusted_ca},
                    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
                },
            },
        },
    }
