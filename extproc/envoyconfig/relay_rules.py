"""The way to answers that are under way (`extproc.exchange.relay`)."""

from collections.abc import Iterator

from extproc.config.model import Gateway
from extproc.envoyconfig import names
from extproc.envoyconfig.cluster_rules import error, warning
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.read import EnvoyConfig, Place
from extproc.envoyconfig.views import coalesces, doors, has_relay
from extproc.exchange.relay import SOCKET_KEY


def answers_under_way_can_be_reached(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    """A filter that says that there is a relay is believed: what is sent there must arrive at the right worker."""
    for door in doors(config):
        ext_proc = door.exchange_filter
        if ext_proc is None:
            continue
        metadata = ext_proc.at("grpc_service", "initial_metadata")
        if has_relay(door):
            yield from _relay(config, metadata)
        elif coalesces(gateway):
            yield warning(
                metadata,
                f"without {names.RELAY_HEADER}: yes, and the cluster {names.RELAY_CLUSTER!r}, identical requests wait "
                "4 seconds at most, and get whole answers only",
            )


def _relay(config: EnvoyConfig, metadata: Place) -> Iterator[Finding]:
    cluster = config.cluster(names.RELAY_CLUSTER)
    if cluster is None:
        yield error(metadata, f"says that there is a cluster {names.RELAY_CLUSTER!r}, which Envoy does not have")
    elif SOCKET_KEY not in _named_by_metadata(cluster):
        yield error(
            cluster.at("load_balancing_policy"),
            f"must be override_host with {names.NAMESPACE}:{SOCKET_KEY} of dynamic metadata: requests would come to a "
            "worker that does not have their answer",
        )


def _named_by_metadata(cluster: Place) -> Iterator[str]:
    for policy in cluster.at("load_balancing_policy", "policies").items():
        config = policy.at("typed_extension_config", "typed_config")
        if config.type != names.OVERRIDE_HOST:
            continue
        for source in config.at("override_host_sources").items():
            if source.get("metadata", "key") == names.NAMESPACE:
                yield from (str(step.get("key")) for step in source.at("metadata", "path").items())
