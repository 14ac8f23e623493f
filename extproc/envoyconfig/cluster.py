"""Clusters: the ext_proc workers, the one without hosts, and what a team's cluster needs to be part of a chain."""

import copy
from collections.abc import Sequence

from extproc.envoyconfig import filters, names
from extproc.envoyconfig.names import Json, type_of, typed
from extproc.exchange.relay import SOCKET_KEY, socket_of

_PLENTY = 100_000  # open streams hold a request each, and Envoy's default ends at 1,024
_LARGE_REQUEST_BYTES = 64 << 20
_PROTOCOLS = ("explicit_http_config", "use_downstream_protocol_config", "auto_config")


def extproc(sockets: Sequence[str]) -> Json:
    """The workers. A stream of the attempt filter goes to the worker it names, any other to the least busy one."""
    least_request = _policy("envoy.load_balancing_policies.least_request", typed(names.LEAST_REQUEST))
    pinned = typed(
        names.OVERRIDE_HOST,
        override_host_sources=[{"header": names.WORKER_HEADER}],
        fallback_policy={"policies": [least_request]},
    )
    return {
        "name": names.EXTPROC_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": _LARGE_REQUEST_BYTES,
        "circuit_breakers": {"thresholds": [_thresholds(_PLENTY)]},
        "load_balancing_policy": {"policies": [_policy("envoy.load_balancing_policies.override_host", pinned)]},
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "grpc_health_check": {},
            }
        ],
        "outlier_detection": {
            "consecutive_gateway_failure": 3,
            "enforcing_consecutive_gateway_failure": 100,
            "base_ejection_time": "2s",
            "max_ejection_percent": 50,
        },
        "typed_extension_protocol_options": {
            names.HTTP_PROTOCOL_OPTIONS: typed(
                names.HTTP_PROTOCOL_OPTIONS, explicit_http_config={"http2_protocol_options": {}}
            )
        },
        "load_assignment": _pipes(names.EXTPROC_CLUSTER, sockets),
    }


def relay(sockets: Sequence[str]) -> Json:
    """Where answers under way come from. A request goes to the worker that its own dynamic metadata names."""
    named = {"metadata": {"key": names.NAMESPACE, "path": [{"key": SOCKET_KEY}]}}
    least_request = _policy("envoy.load_balancing_policies.least_request", typed(names.LEAST_REQUEST))
    pinned = typed(names.OVERRIDE_HOST, override_host_sources=[named], fallback_policy={"policies": [least_request]})
    return {
        "name": names.RELAY_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [_thresholds(_PLENTY)]},
        "load_balancing_policy": {"policies": [_policy("envoy.load_balancing_policies.override_host", pinned)]},
        "load_assignment": _pipes(names.RELAY_CLUSTER, [socket_of(socket) for socket in sockets]),
    }


def empty() -> Json:
    return {
        "name": names.EMPTY_CLUSTER,
        "type": "STATIC",
        "load_assignment": {"cluster_name": names.EMPTY_CLUSTER},
    }


def complete(cluster: Json) -> Json:
    """The team's cluster and what it lacks. Whatever the team wrote stays as it is."""
    cluster = copy.deepcopy(cluster)
    cluster.pop("@type", None)
    cluster.setdefault("circuit_breakers", {"thresholds": [_thresholds(10_000)]})
    extensions = cluster.setdefault("typed_extension_protocol_options", {})
    options = extensions.setdefault(names.HTTP_PROTOCOL_OPTIONS, typed(names.HTTP_PROTOCOL_OPTIONS))
    if not any(protocol in options for protocol in _PROTOCOLS):
        options["explicit_http_config"] = {"http_protocol_options": {}}
    # Shorter than what providers' load balancers keep: a connection found closed would cost an attempt.
    options.setdefault("common_http_protocol_options", {}).setdefault("idle_timeout", "50s")
    options["http_filters"] = _complete_filters(options.get("http_filters", []))
    return cluster


def _complete_filters(written: list[Json]) -> list[Json]:
    own = [filters.attempt(), filters.content_length()]
    present = {str(item.get("name")) for item in written}
    missing = [item for item in own if item["name"] not in present]
    codecs = [item for item in written if type_of(item.get("typed_config", {})) == names.UPSTREAM_CODEC]
    others = [item for item in written if item not in codecs]
    # Ours first: what the team's own filters add to a later attempt (a signature) must see what ours has set.
    return [*missing, *others, *(codecs or [filters.upstream_codec()])]


def _pipes(name: str, sockets: Sequence[str]) -> Json:
    endpoints = [{"endpoint": {"address": {"pipe": {"path": socket}}}} for socket in sockets]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}


def _thresholds(most: int) -> Json:
    return {"max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": most}


def _policy(name: str, config: Json) -> Json:
    return {"typed_extension_config": {"name": name, "typed_config": config}}
