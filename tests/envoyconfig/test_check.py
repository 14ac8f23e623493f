"""Each rule finds its mistake in a configuration that is right but for one thing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from extproc.config.cache import CacheRoute, CacheSettings
from extproc.config.model import Gateway
from extproc.envoyconfig import names
from extproc.envoyconfig.check import check
from extproc.envoyconfig.finding import Finding, Severity
from extproc.envoyconfig.names import typed
from extproc.envoyconfig.read import parse
from tests.envoyconfig.gateways import backend, bootstrap, cluster, config, gateway, resources

Document = dict[str, Any]
HOST = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config"
EXCHANGE = f"{HOST}.http_filters[0].typed_config"
VIRTUAL_HOST = f"{HOST}.route_config.virtual_hosts[0]"
ROUTE = f"{VIRTUAL_HOST}.routes[0]"
CLUSTER = "static_resources.clusters[3]"  # behind extproc, relay and nowhere
FILTERS = f'{CLUSTER}.typed_extension_protocol_options["{names.HTTP_PROTOCOL_OPTIONS}"].http_filters'
ATTEMPT = f"{FILTERS}[0].typed_config.extension_config.typed_config"


@dataclass
class Case:
    """`break_it` makes one mistake in the rendered document; `path` and `message` are what is said of it."""

    name: str
    break_it: Callable[[Document], object]
    path: str
    message: str
    severity: Severity = Severity.ERROR
    of: Gateway = field(default_factory=lambda: gateway("one", "two"))


def manager(document: Document) -> Document:
    return document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def exchange(document: Document) -> Document:
    return manager(document)["http_filters"][0]["typed_config"]


def virtual_host(document: Document) -> Document:
    return manager(document)["route_config"]["virtual_hosts"][0]


def route(document: Document) -> Document:
    return virtual_host(document)["routes"][0]


def retry(document: Document) -> Document:
    return route(document)["route"]["retry_policy"]


def clusters(document: Document) -> list[Document]:
    return document["static_resources"]["clusters"]


def one(document: Document) -> Document:
    return clusters(document)[3]


def http_filters(document: Document) -> list[Document]:
    return one(document)["typed_extension_protocol_options"][names.HTTP_PROTOCOL_OPTIONS]["http_filters"]


def attempt(document: Document) -> Document:
    return http_filters(document)[0]["typed_config"]["extension_config"]["typed_config"]


def tls(**fields: Any) -> Document:
    return {"name": "tls", "typed_config": typed(names.UPSTREAM_TLS, **fields)}


TRUSTED = {"validation_context": {"trusted_ca": {"filename": "/ca.pem"}}}

CLUSTER_CASES = [
    Case(
        "no attempt filter",
        lambda d: http_filters(d).pop(0),
        CLUSTER,
        "the cluster 'one' lacks the filter llm.extproc.attempt: "
        "as a fallback it would get the request, and the credential, of the provider before it",
    ),
    Case(
        "attempt filter that is sent bodies",
        lambda d: attempt(d)["processing_mode"].update(request_body_mode="BUFFERED"),
        f"{ATTEMPT}.processing_mode.request_body_mode",
        "must be NONE: a body sent to llm.extproc.attempt crashes Envoy 1.40.0",
    ),
    Case(
        "attempt filter that fails open",
        lambda d: attempt(d).update(failure_mode_allow=True),
        f"{ATTEMPT}.failure_mode_allow",
        "must be false: when the server is away, the attempt would carry another provider's credential",
    ),
    Case(
        "attempt filter that does not name the exchange",
        lambda d: attempt(d)["grpc_service"]["initial_metadata"].pop(2),
        f"{ATTEMPT}.grpc_service.initial_metadata",
        "must send x-llm-exchange: %DYNAMIC_METADATA(llm:exchange)%, for the stream to find its exchange",
    ),
    Case(
        "attempt filter that is not told the cluster",
        lambda d: attempt(d)["request_attributes"].pop(0),
        f"{ATTEMPT}.request_attributes",
        "lacks xds.cluster_name: the server cannot know which attempt this is",
    ),
    Case(
        "attempt filter whose metadata is not taken",
        lambda d: attempt(d).pop("metadata_options"),
        f"{ATTEMPT}.metadata_options.receiving_namespaces.untyped",
        "lacks 'llm'",
    ),
    Case(
        "no codec at the end",
        lambda d: http_filters(d).pop(),
        FILTERS,
        "the last filter must be envoy.filters.http.upstream_codec: Envoy refuses the cluster",
    ),
    Case(
        "content-length not restored",
        lambda d: http_filters(d).pop(1),
        FILTERS,
        "lacks the filter llm.content_length: later attempts are sent without content-length",
        Severity.WARNING,
    ),
    Case(
        "plain text to the internet",
        lambda d: one(d).update(load_assignment=cluster("one", address="8.8.8.8")["load_assignment"]),
        f"{CLUSTER}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address",
        "requests and the credential go to 8.8.8.8 in plain text: there is no TLS",
        Severity.WARNING,
    ),
    Case(
        "TLS without a server name",
        lambda d: one(d).update(
            transport_socket=tls(auto_sni_san_validation=True, common_tls_context=TRUSTED),
        ),
        f"{CLUSTER}.transport_socket.typed_config",
        "TLS without a server name: set auto_host_sni, or sni",
    ),
    Case(
        "TLS that trusts everybody",
        lambda d: one(d).update(transport_socket=tls(auto_host_sni=True, auto_sni_san_validation=True)),
        f"{CLUSTER}.transport_socket.typed_config.common_tls_context.validation_context",
        "the provider's certificate is not verified: set trusted_ca",
    ),
    Case(
        "TLS that takes any certificate",
        lambda d: one(d).update(transport_socket=tls(sni="a.example", common_tls_context=TRUSTED)),
        f"{CLUSTER}.transport_socket.typed_config",
        "any valid certificate is accepted, whoever's it is: set auto_sni_san_validation",
    ),
    Case(
        "default retry breaker",
        lambda d: one(d)["circuit_breakers"]["thresholds"][0].pop("max_retries"),
        f"{CLUSTER}.circuit_breakers",
        "without max_retries or retry_budget Envoy allows 3 concurrent retries: an outage would not fail over",
    ),
    Case(
        "default request breaker",
        lambda d: one(d)["circuit_breakers"]["thresholds"][0].pop("max_requests"),
        f"{CLUSTER}.circuit_breakers",
        "max_requests is 1024: no more streams than that can be open",
        Severity.WARNING,
    ),
    Case(
        "no panic",
        lambda d: one(d).update(
            common_lb_config={"healthy_panic_threshold": {"value": 0}},
            load_assignment=cluster("one", address="10.0.0.7")["load_assignment"],
        ),
        f"{CLUSTER}.common_lb_config.healthy_panic_threshold.value",
        "with no healthy host Envoy answers 503 and does not try the next cluster of the chain: remove it",
    ),
    Case(
        "a name that may not resolve",
        lambda d: one(d).update(
            type="STRICT_DNS", load_assignment=cluster("one", address="vllm.svc")["load_assignment"]
        ),
        CLUSTER,
        "when the name does not resolve, Envoy answers 503 and does not try the next cluster of the chain: "
        "use STRICT_DNS and a second endpoint, priority 1, that refuses connections, such as 127.0.0.1:1",
        Severity.WARNING,
    ),
]

WORKER_CASES = [
    Case(
        "no such ext_proc cluster",
        lambda d: exchange(d)["grpc_service"]["envoy_grpc"].update(cluster_name="extprok"),
        EXCHANGE,
        "names the cluster 'extprok', which Envoy does not have",
    ),
    Case(
        "default breaker of the workers",
        lambda d: clusters(d)[0]["circuit_breakers"]["thresholds"][0].update(max_requests=1000),
        "static_resources.clusters[0].circuit_breakers",
        "max_requests is 1000: every open response holds a request to a worker",
    ),
    Case(
        "workers without health checks",
        lambda d: clusters(d)[0].pop("health_checks"),
        "static_resources.clusters[0].health_checks",
        "a worker that died or drains still gets new requests",
        Severity.WARNING,
    ),
    Case(
        "workers asked over HTTP/1",
        lambda d: clusters(d)[0].pop("typed_extension_protocol_options"),
        "static_resources.clusters[0]"
        f'.typed_extension_protocol_options["{names.HTTP_PROTOCOL_OPTIONS}"].explicit_http_config',
        "must have http2_protocol_options: gRPC is HTTP/2",
    ),
    Case(
        "attempts not pinned to their worker",
        lambda d: clusters(d)[0].pop("load_balancing_policy"),
        "static_resources.clusters[0].load_balancing_policy",
        "must be override_host with the header x-llm-worker: attempts would miss their worker",
    ),
]

RELAY_CASES = [
    Case(
        "a relay that is not there",
        lambda d: clusters(d).pop(1),
        f"{EXCHANGE}.grpc_service.initial_metadata",
        "says that there is a cluster 'relay', which Envoy does not have",
    ),
    Case(
        "a relay that goes to any worker",
        lambda d: clusters(d)[1].pop("load_balancing_policy"),
        "static_resources.clusters[1].load_balancing_policy",
        "must be override_host with llm:relay of dynamic metadata: requests would come to a worker that does not have "
        "their answer",
    ),
]

COALESCING = replace(
    gateway("one"), cache=CacheSettings(key=b"k" * 32, routes=(CacheRoute(name="faq", coalesce=True),))
)
RELAY_CASES += [
    Case(
        "no retries behind the relay",
        lambda d: route(d)["route"].pop("retry_policy"),
        f"{ROUTE}.route.retry_policy",
        "no retry policy: the first provider's failure would be the answer",
        of=COALESCING,
    ),
    Case(
        "no relay for answers under way",
        lambda d: exchange(d)["grpc_service"]["initial_metadata"].pop(),
        f"{EXCHANGE}.grpc_service.initial_metadata",
        "without x-llm-relay: yes, and the cluster 'relay', identical requests wait 4 seconds at most, and get whole "
        "answers only",
        Severity.WARNING,
        of=COALESCING,
    ),
]

ROUTE_CASES = [
    Case(
        "a route past the decision",
        lambda d: route(d)["match"].pop("headers"),
        ROUTE,
        "leads to a provider without the server's decision: match on the header x-llm-cluster",
    ),
    Case(
        "a route for those without the header",
        lambda d: route(d)["match"]["headers"][0].update(invert_match=True),
        ROUTE,
        "leads to a provider without the server's decision: match on the header x-llm-cluster",
    ),
    Case(
        "a route straight to a provider's cluster",
        lambda d: virtual_host(d)["routes"][1].update(route={"cluster": "one", "timeout": "0s", **with_retries(d)}),
        f"{VIRTUAL_HOST}.routes[1]",
        "leads to a provider without the server's decision: match on the header x-llm-cluster",
    ),
    Case(
        "a route with the filter switched off",
        lambda d: route(d).update(
            typed_per_filter_config={
                "llm.extproc": typed("envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", disabled=True)
            }
        ),
        ROUTE,
        "leads to a provider with the filter llm.extproc disabled",
    ),
    Case(
        "a listener without the filter",
        lambda d: manager(d)["http_filters"].pop(0),
        ROUTE,
        "leads to a provider, and the listener has no filter llm.extproc",
    ),
    Case(
        "Envoy's default timeout",
        lambda d: route(d)["route"].pop("timeout"),
        f"{ROUTE}.route.timeout",
        "Envoy's default ends every response after 15 seconds: set 0s, and idle_timeout",
    ),
    Case(
        "Envoy's default buffer",
        lambda d: route(d).pop("request_body_buffer_limit"),
        f"{ROUTE}.request_body_buffer_limit",
        "1048576 bytes, less than the gateway document's max_request_bytes (33554432)",
    ),
    Case(
        "a small buffer on the route before the decision",
        lambda d: virtual_host(d)["routes"][1].update(request_body_buffer_limit=2_000_000),
        f"{VIRTUAL_HOST}.routes[1].request_body_buffer_limit",
        "2000000 bytes, less than the gateway document's max_request_bytes (33554432)",
    ),
    Case(
        "attempts not counted",
        lambda d: virtual_host(d).pop("include_request_attempt_count"),
        f"{VIRTUAL_HOST}.include_request_attempt_count",
        "must be true: llm.extproc.attempt tells the first attempt by it",
    ),
    Case(
        "no retries",
        lambda d: route(d)["route"].pop("retry_policy"),
        f"{ROUTE}.route.retry_policy",
        "no retry policy: the first provider's failure would be the answer",
    ),
    Case(
        "too few retries",
        lambda d: retry(d).update(num_retries=1),
        f"{ROUTE}.route.retry_policy.num_retries",
        "must be 2 or more, for the longest chain of the gateway document",
        of=gateway("one", "two", "three"),
    ),
    Case(
        "retries at the same cluster",
        lambda d: retry(d).pop("refresh_cluster_on_retry"),
        f"{ROUTE}.route.retry_policy.refresh_cluster_on_retry",
        "must be true: every retry would go to the chain's first cluster",
    ),
    Case(
        "resets not retried",
        lambda d: retry(d).update(retry_on="connect-failure,gateway-error,5xx"),
        f"{ROUTE}.route.retry_policy.retry_on",
        "lacks retriable-status-codes",
    ),
    Case(
        "rate limits not retried",
        lambda d: retry(d).update(retriable_status_codes=[408]),
        f"{ROUTE}.route.retry_policy.retriable_status_codes",
        "lacks 429: a rate-limited provider would not be replaced by the next",
    ),
    Case(
        "stalls not retried",
        lambda d: retry(d).pop("per_try_idle_timeout"),
        f"{ROUTE}.route.retry_policy.per_try_idle_timeout",
        "a provider that stalls is never replaced by the next",
        Severity.WARNING,
    ),
]

EXCHANGE_CASES = [
    Case(
        "fails open",
        lambda d: exchange(d).update(failure_mode_allow=True),
        f"{EXCHANGE}.failure_mode_allow",
        "must be false: requests would pass unchecked when the server is away",
    ),
    Case(
        "only observes",
        lambda d: exchange(d).update(observability_mode=True),
        f"{EXCHANGE}.observability_mode",
        "must be false: the server's decisions would be ignored",
    ),
    Case(
        "no mode override",
        lambda d: exchange(d).pop("allow_mode_override"),
        f"{EXCHANGE}.allow_mode_override",
        "must be true: the server chooses what it sees of a response",
    ),
    Case(
        "no routing mutations",
        lambda d: exchange(d)["mutation_rules"].pop("allow_all_routing"),
        f"{EXCHANGE}.mutation_rules.allow_all_routing",
        "must be true: the server sets path and authority",
    ),
    Case(
        "no envoy headers",
        lambda d: exchange(d)["mutation_rules"].pop("allow_envoy"),
        f"{EXCHANGE}.mutation_rules.allow_envoy",
        "must be true: the server sets x-envoy-max-retries",
    ),
    Case(
        "the other filter's phase",
        lambda d: exchange(d)["grpc_service"]["initial_metadata"][0].update(value="attempt"),
        f"{EXCHANGE}.grpc_service.initial_metadata",
        "x-llm-phase must be exchange",
    ),
    Case(
        "streamed request body",
        lambda d: exchange(d)["processing_mode"].update(request_body_mode="STREAMED"),
        f"{EXCHANGE}.processing_mode.request_body_mode",
        "must be BUFFERED: the server needs the whole body in one message",
    ),
    Case(
        "no request body",
        lambda d: exchange(d)["processing_mode"].pop("request_body_mode"),
        f"{EXCHANGE}.processing_mode.request_body_mode",
        "must be BUFFERED: the server needs the whole body in one message",
    ),
    Case(
        "every response body",
        lambda d: exchange(d)["processing_mode"].update(response_body_mode="STREAMED"),
        f"{EXCHANGE}.processing_mode.response_body_mode",
        "must be NONE: the server asks for bodies itself, for each response",
    ),
    Case(
        "all response headers",
        lambda d: exchange(d)["processing_mode"].update(response_header_mode="SEND"),
        f"{EXCHANGE}.processing_mode.response_header_mode",
        "must be SKIP: the server asks for them itself, and Envoy's own refusals get no answer else",
    ),
    Case(
        "metadata not taken",
        lambda d: exchange(d)["metadata_options"]["receiving_namespaces"].pop("untyped"),
        f"{EXCHANGE}.metadata_options.receiving_namespaces.untyped",
        "lacks llm: the access log would be empty and no attempt would be retried",
    ),
    Case(
        "chain not taken",
        lambda d: exchange(d)["metadata_options"]["receiving_namespaces"].pop("typed"),
        f"{EXCHANGE}.metadata_options.receiving_namespaces.typed",
        "lacks llm.groups: no request would find its cluster",
    ),
    Case(
        "not told who answered",
        lambda d: exchange(d)["response_attributes"].remove("xds.cluster_name"),
        f"{EXCHANGE}.response_attributes",
        "lacks xds.cluster_name: the server could not know who answered",
    ),
    Case(
        "internal headers believed",
        lambda d: manager(d)["early_header_mutation_extensions"][0]["typed_config"]["mutations"].pop(0),
        f"{HOST}.early_header_mutation_extensions",
        "clients could send x-llm-* headers: remove them before routing",
    ),
]

NATIVE_CASES = [
    Case(
        "usage extracted everywhere",
        lambda d: manager(d)["http_filters"][1]["typed_config"]["response_handling"]["token_usage"].update(
            include_unconfigured_routes=True
        ),
        f"{HOST}.http_filters[1].typed_config.response_handling.token_usage.include_unconfigured_routes",
        "must be false: responses whose body the server reads would hang",
        of=gateway("one", native=True),
    ),
    Case(
        "nobody extracts usage",
        lambda d: manager(d)["http_filters"].pop(1),
        f"{HOST}.http_filters",
        "usage_extraction is native, and there is no ai_protocol_manager filter after llm.extproc",
        of=gateway("one", native=True),
    ),
    Case(
        "usage not forwarded",
        lambda d: exchange(d)["metadata_options"].pop("forwarding_namespaces"),
        f"{EXCHANGE}.metadata_options.forwarding_namespaces.typed",
        "lacks envoy.ai.token_usage: the server would not see the usage",
        of=gateway("one", native=True),
    ),
    Case(
        "no route asks for usage",
        lambda d: virtual_host(d)["routes"].pop(0),
        f"{HOST}.route_config",
        "usage_extraction is native, and no route matches x-llm-usage",
        of=gateway("one", native=True),
    ),
]

CASES = [*CLUSTER_CASES, *WORKER_CASES, *RELAY_CASES, *ROUTE_CASES, *EXCHANGE_CASES, *NATIVE_CASES]


def with_retries(document: Document) -> Document:
    return {"retry_policy": retry(document)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_mistake_is_named(case):
    document = bootstrap(case.of)
    assert check(case.of, config(document)) == []

    case.break_it(document)

    assert check(case.of, config(document)) == [
        Finding("envoy.yaml", case.path, case.message, severity=case.severity),
    ]


def test_a_backend_whose_cluster_does_not_exist_names_the_nearest():
    of = gateway("openai", "anthropic")
    wrong = Gateway(backends=(*of.backends, backend("claude", "antropic")), models=of.models, keys=())
    assert check(wrong, config(bootstrap(of)), gateway_file="conf/gateway.yaml") == [
        Finding(
            "conf/gateway.yaml",
            "backends[2].cluster",
            "backend 'claude' names the cluster 'antropic', which Envoy does not have",
            "anthropic",
        )
    ]


def test_unknown_fields_come_first():
    document = bootstrap(gateway("one"))
    one(document)["lb_polcy"] = "RANDOM"
    (finding,) = check(gateway("one"), config(document))
    assert str(finding) == (
        "envoy.yaml: static_resources.clusters[3]: error: Cluster has no field 'lb_polcy' (did you mean 'lb_policy'?)"
    )


def test_cluster_files_alone_are_checked_without_a_listener():
    of = gateway("one")
    found = check(of, parse(resources(cluster("one")), "one.yaml"))
    assert [(finding.file, finding.path, finding.severity.value) for finding in found] == [
        ("one.yaml", "resources[0]", "error"),
        ("one.yaml", "resources[0].circuit_breakers", "error"),
        ("one.yaml", "resources[0].circuit_breakers", "warning"),
        ("one.yaml", "resources[0].circuit_breakers", "warning"),
        ("one.yaml", "resources[0].circuit_breakers", "warning"),
    ]


def test_one_target_needs_no_retry_policy():
    document = bootstrap(gateway("one"))
    del route(document)["route"]["retry_policy"]
    assert check(gateway("one"), config(document)) == []


def test_clusters_that_no_backend_names_are_the_teams_own_business():
    document = bootstrap(gateway("one"))
    clusters(document).append({"name": "theirs", "type": "LOGICAL_DNS"})
    assert check(gateway("one"), config(document)) == []
