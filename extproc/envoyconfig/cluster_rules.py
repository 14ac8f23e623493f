"""What a provider's cluster must have to be part of a chain. What Envoy does otherwise was seen on 1.40.0."""

import difflib
import ipaddress
from collections.abc import Callable, Iterator

from extproc.config.model import Gateway
from extproc.envoyconfig import names
from extproc.envoyconfig.finding import Finding, Severity
from extproc.envoyconfig.read import EnvoyConfig, Place
from extproc.envoyconfig.views import (
    attempt_filter,
    hosts,
    http_options,
    initial_metadata,
    provider_clusters,
    thresholds,
)

_LOCAL_SUFFIXES = (".local", ".svc", ".internal", ".localhost")
_ENVOY_DEFAULT_LIMIT = 1024


def error(place: Place, message: str, hint: str = "") -> Finding:
    return Finding(place.source, place.path, message, hint)


def warning(place: Place, message: str) -> Finding:
    return Finding(place.source, place.path, message, severity=Severity.WARNING)


def clusters_exist(gateway: Gateway, config: EnvoyConfig, gateway_file: str) -> Iterator[Finding]:
    known = [cluster.name for cluster in config.clusters]
    for index, backend in enumerate(gateway.backends):
        if backend.cluster not in known:
            near = difflib.get_close_matches(backend.cluster, known, n=1)
            message = f"backend {backend.name!r} names the cluster {backend.cluster!r}, which Envoy does not have"
            yield Finding(gateway_file, f"backends[{index}].cluster", message, near[0] if near else "")


def provider_cluster_rules(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for cluster in provider_clusters(gateway, config):
        for rule in RULES:
            yield from rule(cluster)


def _has_attempt_filter(cluster: Place) -> Iterator[Finding]:
    if attempt_filter(cluster) is None:
        yield error(
            cluster,
            f"the cluster {cluster.name!r} lacks the filter {names.ATTEMPT_FILTER}: "
            "as a fallback it would get the request, and the credential, of the provider before it",
        )


def _attempt_filter_is_headers_only(cluster: Place) -> Iterator[Finding]:
    ext_proc = attempt_filter(cluster)
    if ext_proc is None:
        return
    for field in ("request_body_mode", "response_body_mode"):
        mode = ext_proc.at("processing_mode", field)
        if mode.value not in (None, "NONE"):
            yield error(mode, f"must be NONE: a body sent to {names.ATTEMPT_FILTER} crashes Envoy 1.40.0")


def _attempt_filter_is_closed(cluster: Place) -> Iterator[Finding]:
    ext_proc = attempt_filter(cluster)
    if ext_proc is not None and ext_proc.get("failure_mode_allow"):
        yield error(
            ext_proc.at("failure_mode_allow"),
            "must be false: when the server is away, the attempt would carry another provider's credential",
        )


def _attempt_filter_is_pinned(cluster: Place) -> Iterator[Finding]:
    ext_proc = attempt_filter(cluster)
    if ext_proc is None:
        return
    sent = initial_metadata(ext_proc)
    wanted = {
        names.PHASE_HEADER: "attempt",
        names.WORKER_HEADER: f"%DYNAMIC_METADATA({names.NAMESPACE}:worker)%",
        names.EXCHANGE_HEADER: f"%DYNAMIC_METADATA({names.NAMESPACE}:exchange)%",
    }
    for key, value in wanted.items():
        if sent.get(key) != value:
            yield error(
                ext_proc.at("grpc_service", "initial_metadata"),
                f"must send {key}: {value}, for the stream to find its exchange",
            )


def _attempt_filter_is_told(cluster: Place) -> Iterator[Finding]:
    ext_proc = attempt_filter(cluster)
    if ext_proc is None:
        return
    attributes = ext_proc.at("request_attributes")
    for name in ("xds.cluster_name", "upstream.request_attempt_count"):
        if name not in (attributes.value or []):
            yield error(attributes, f"lacks {name}: the server cannot know which attempt this is")
    if names.NAMESPACE not in (ext_proc.get("metadata_options", "receiving_namespaces", "untyped") or []):
        yield error(ext_proc.at("metadata_options", "receiving_namespaces", "untyped"), f"lacks {names.NAMESPACE!r}")


def _codec_is_last(cluster: Place) -> Iterator[Finding]:
    filters = http_options(cluster).at("http_filters")
    items = list(filters.items())
    if items and items[-1].at("typed_config").type != names.UPSTREAM_CODEC:
        yield error(filters, "the last filter must be envoy.filters.http.upstream_codec: Envoy refuses the cluster")


def _content_length_is_restored(cluster: Place) -> Iterator[Finding]:
    filters = http_options(cluster).at("http_filters")
    if attempt_filter(cluster) is not None and names.CONTENT_LENGTH_FILTER not in {i.name for i in filters.items()}:
        yield warning(
            filters, f"lacks the filter {names.CONTENT_LENGTH_FILTER}: later attempts are sent without content-length"
        )


def _connection_is_private(cluster: Place) -> Iterator[Finding]:
    if cluster.get("transport_socket") is not None or cluster.get("transport_socket_matches") is not None:
        return
    for host in hosts(cluster):
        address = str(host.get("address"))
        if not _is_local(address):
            yield warning(host, f"requests and the credential go to {address} in plain text: there is no TLS")


def _tls_is_verified(cluster: Place) -> Iterator[Finding]:
    tls = cluster.at("transport_socket", "typed_config")
    if tls.type != names.UPSTREAM_TLS:
        return
    if not tls.get("sni") and not tls.get("auto_host_sni"):
        yield error(tls, "TLS without a server name: set auto_host_sni, or sni")
    validation = tls.at("common_tls_context", "validation_context")
    if not validation.get("trusted_ca"):
        yield error(validation, "the provider's certificate is not verified: set trusted_ca")
    elif not tls.get("auto_sni_san_validation") and not validation.get("match_typed_subject_alt_names"):
        yield error(tls, "any valid certificate is accepted, whoever's it is: set auto_sni_san_validation")


def _retries_are_allowed(cluster: Place) -> Iterator[Finding]:
    limits = thresholds(cluster)
    if "max_retries" not in limits and "retry_budget" not in limits:
        yield error(
            cluster.at("circuit_breakers"),
            "without max_retries or retry_budget Envoy allows 3 concurrent retries: an outage would not fail over",
        )


def _streams_are_allowed(cluster: Place) -> Iterator[Finding]:
    limits = thresholds(cluster)
    for field in ("max_connections", "max_pending_requests", "max_requests"):
        limit = int(limits.get(field, _ENVOY_DEFAULT_LIMIT))
        if limit <= _ENVOY_DEFAULT_LIMIT:
            yield warning(cluster.at("circuit_breakers"), f"{field} is {limit}: no more streams than that can be open")


def _never_without_hosts(cluster: Place) -> Iterator[Finding]:
    panic = cluster.at("common_lb_config", "healthy_panic_threshold", "value")
    addresses = {str(host.get("address")) for host in hosts(cluster)}
    if panic.value == 0 and "127.0.0.1" not in addresses:
        yield error(
            panic, "with no healthy host Envoy answers 503 and does not try the next cluster of the chain: remove it"
        )
    if cluster.get("type") == "LOGICAL_DNS" or (cluster.get("type") == "STRICT_DNS" and len(addresses) == 1):
        yield warning(
            cluster,
            "when the name does not resolve, Envoy answers 503 and does not try the next cluster of the chain: "
            "use STRICT_DNS and a second endpoint, priority 1, that refuses connections, such as 127.0.0.1:1",
        )


def _is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return "." not in address or address.endswith(_LOCAL_SUFFIXES)


RULES: tuple[Callable[[Place], Iterator[Finding]], ...] = (
    _has_attempt_filter,
    _attempt_filter_is_headers_only,
    _attempt_filter_is_closed,
    _attempt_filter_is_pinned,
    _attempt_filter_is_told,
    _codec_is_last,
    _content_length_is_restored,
    _connection_is_private,
    _tls_is_verified,
    _retries_are_allowed,
    _streams_are_allowed,
    _never_without_hosts,
)
