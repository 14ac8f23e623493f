"""Names every mistake between the gateway document and Envoy's configuration."""

from extproc.config.model import Gateway
from extproc.envoyconfig import cluster_rules, extproc_rules, identity_rules, listener_rules, relay_rules
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.read import EnvoyConfig

_RULES = (
    cluster_rules.provider_cluster_rules,
    extproc_rules.workers_can_be_reached,
    extproc_rules.workers_are_pinned,
    relay_rules.answers_under_way_can_be_reached,
    *listener_rules.RULES,
    *identity_rules.RULES,
)


def check(gateway: Gateway, source: EnvoyConfig, *, gateway_file: str = "gateway.yaml") -> list[Finding]:
    """All findings, those of reading first. Rules about listeners find nothing in files that have clusters alone."""
    return [
        *source.findings,
        *cluster_rules.clusters_exist(gateway, source, gateway_file),
        *(finding for rule in _RULES for finding in rule(gateway, source)),
    ]
