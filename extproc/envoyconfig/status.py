"""A listener for the platform: whether Envoy should be sent traffic, and its statistics.

Envoy's admin port can stop the process, so it stays on loopback. This listener shows two paths and nothing else.
"""

from extproc.envoyconfig import filters, names
from extproc.envoyconfig.names import Json, typed

ADMIN_CLUSTER = "envoy_admin"
_HEALTH_CHECK = "envoy.extensions.filters.http.health_check.v3.HealthCheck"
_STATS = "/stats/prometheus"


def listener(address: str, port: int) -> Json:
    """`/ready` is 200 while a worker is healthy in Envoy's own eyes, and 503 from `POST /healthcheck/fail` on."""
    manager = typed(
        names.HCM,
        stat_prefix="status",
        http_filters=[{"name": "llm.ready", "typed_config": _ready()}, filters.router()],
        route_config={
            "name": "status",
            "virtual_hosts": [{"name": "status", "domains": ["*"], "routes": [_statistics()]}],
        },
    )
    return {
        "name": "status",
        "address": {"socket_address": {"address": address, "port_value": port}},
        "ignore_global_conn_limit": True,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def admin_cluster(address: str, port: int) -> Json:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    return {
        "name": ADMIN_CLUSTER,
        "type": "STATIC",
        "load_assignment": {"cluster_name": ADMIN_CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _ready() -> Json:
    return typed(
        _HEALTH_CHECK,
        pass_through_mode=False,
        cluster_min_healthy_percentages={names.EXTPROC_CLUSTER: {"value": 1}},
        headers=[{"name": ":path", "string_match": {"exact": "/ready"}}],
    )


def _statistics() -> Json:
    match = {"path": _STATS, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}
    return {"match": match, "route": {"cluster": ADMIN_CLUSTER}}
