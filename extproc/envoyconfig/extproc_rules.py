"""What the cluster of the ext_proc workers must have. What Envoy does otherwise was seen on 1.40.0."""

from collections.abc import Iterator

from extproc.config.model import Gateway
from extproc.envoyconfig import names
from extproc.envoyconfig.cluster_rules import error, warning
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.read import EnvoyConfig, Place
from extproc.envoyconfig.views import attempt_filter, doors, http_options, provider_clusters, thresholds

_ENVOY_DEFAULT_LIMIT = 1024


def workers_can_be_reached(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    """The clusters that both filters name exist, and hold thousands of streams."""
    for name, user in _named(gateway, config):
        cluster = config.cluster(name)
        if cluster is None:
            yield error(user, f"names the cluster {name!r}, which Envoy does not have")
        else:
            yield from _cluster(cluster)


def workers_are_pinned(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    """With several workers, an attempt's stream must come to the one that holds the exchange."""
    for name in dict.fromkeys(name for name, _ in _named_by_attempts(gateway, config)):
        cluster = config.cluster(name)
        if cluster is not None and _workers(cluster) > 1 and names.WORKER_HEADER not in _override_headers(cluster):
            yield error(
                cluster.at("load_balancing_policy"),
                f"must be override_host with the header {names.WORKER_HEADER}: attempts would miss their worker",
            )


def _cluster(cluster: Place) -> Iterator[Finding]:
    limits = thresholds(cluster)
    for field in ("max_pending_requests", "max_requests"):
        limit = int(limits.get(field, _ENVOY_DEFAULT_LIMIT))
        if limit <= _ENVOY_DEFAULT_LIMIT:
            message = f"{field} is {limit}: every open response holds a request to a worker"
            yield error(cluster.at("circuit_breakers"), message)
    if not cluster.get("health_checks"):
        yield warning(cluster.at("health_checks"), "a worker that died or drains still gets new requests")
    options = http_options(cluster)
    if options.get("explicit_http_config", "http2_protocol_options") is None:
        yield error(options.at("explicit_http_config"), "must have http2_protocol_options: gRPC is HTTP/2")


def _named(gateway: Gateway, config: EnvoyConfig) -> list[tuple[str, Place]]:
    """Cluster names of the filters, each once, with the first place that names it."""
    filters = [door.exchange_filter for door in doors(config)]
    found = [(_grpc_cluster(place), place) for place in filters if place is not None]
    return list(
        {name: (name, place) for name, place in reversed([*found, *_named_by_attempts(gateway, config)])}.values()
    )


def _named_by_attempts(gateway: Gateway, config: EnvoyConfig) -> list[tuple[str, Place]]:
    filters = [attempt_filter(cluster) for cluster in provider_clusters(gateway, config)]
    return [(_grpc_cluster(place), place) for place in filters if place is not None]


def _grpc_cluster(ext_proc: Place) -> str:
    return str(ext_proc.get("grpc_service", "envoy_grpc", "cluster_name") or "")


def _workers(cluster: Place) -> int:
    groups = cluster.at("load_assignment", "endpoints").items()
    return sum(len(list(group.at("lb_endpoints").items())) for group in groups)


def _override_headers(cluster: Place) -> set[str]:
    found: set[str] = set()
    for policy in cluster.at("load_balancing_policy", "policies").items():
        config = policy.at("typed_extension_config", "typed_config")
        if config.type == names.OVERRIDE_HOST:
            found.update(str(source.get("header")) for source in config.at("override_host_sources").items())
    return found
