"""Gateways and Envoy configurations with boring defaults, for tests that change one thing."""

from typing import Any

import yaml

from extproc.config.model import Backend, Gateway, Model, Schema, Target, UsageExtraction
from extproc.envoyconfig.read import EnvoyConfig, parse
from extproc.envoyconfig.render import RenderOptions, dump, render

OPTIONS = RenderOptions(workers=2)


def backend(name: str, cluster: str | None = None) -> Backend:
    return Backend(name, cluster or name, "openai", Schema.OPENAI, "provider.example")


def gateway(*chain: str, native: bool = False, max_request_bytes: int = 32 << 20) -> Gateway:
    """One model whose targets are the backends of `chain`; their clusters have the same names."""
    backends = tuple(backend(name) for name in chain or ("one", "two"))
    return Gateway(
        backends=backends,
        models=(Model("m", tuple(Target(item, "m") for item in backends)),),
        keys=(),
        usage_extraction=UsageExtraction.NATIVE if native else UsageExtraction.FRAMES,
        max_request_bytes=max_request_bytes,
    )


def cluster(name: str, port: int = 8080, address: str = "127.0.0.1") -> dict[str, Any]:
    """What a team would write for a provider on loopback."""
    endpoint = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def bootstrap(of: Gateway, *clusters: dict[str, Any]) -> dict[str, Any]:
    return render(of, clusters or [cluster(item.cluster) for item in of.backends], OPTIONS)


def config(document: dict[str, Any]) -> EnvoyConfig:
    return parse(dump(document), "envoy.yaml")


def resources(*clusters: dict[str, Any]) -> str:
    """A file as Envoy's file-based discovery reads it."""
    kind = {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster"}
    return yaml.safe_dump({"resources": [{**kind, **item} for item in clusters]})
