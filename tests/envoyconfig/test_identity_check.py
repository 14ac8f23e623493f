"""What `check` says of configurations that do not show, or do not prove, who a caller is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

import pytest

from extproc.config.model import Claim, Gateway, IdentityRule, Key
from extproc.envoyconfig import names
from extproc.envoyconfig.check import check
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.names import typed
from tests.envoyconfig.gateways import bootstrap, cluster, config, gateway

Document = Any
LISTENER = "static_resources.listeners[0]"
CHAIN = f"{LISTENER}.filter_chains[0]"
HOST = f"{CHAIN}.filters[0].typed_config"
EXCHANGE = f"{HOST}.http_filters[1].typed_config"  # behind jwt_authn
PROVIDER = f"{HOST}.http_filters[0].typed_config.providers.issuer"
TLS = f"{CHAIN}.transport_socket.typed_config.common_tls_context"

PLAIN = gateway("one")
NETWORKS = replace(PLAIN, keys=(Key("a", "0" * 64, networks=(ip_network("10.0.0.0/8"),)),))
REGISTRY = replace(PLAIN, registry=True)
TOKENS = replace(PLAIN, identities=(IdentityRule("staff", provider="corp", claims=(Claim("sub", "*"),)),))
CERTIFICATES = replace(PLAIN, identities=(IdentityRule("workloads", spiffe="spiffe://prod.example/sa/*"),))
ALL = replace(NETWORKS, identities=(*TOKENS.identities, *CERTIFICATES.identities))


def document(of: Gateway) -> Document:
    """What is rendered, with jwt_authn and mTLS in front."""
    made = bootstrap(of, cluster("one"))
    provider = {"issuer": "https://issuer.example", "payload_in_metadata": "corp"}
    jwt_authn = typed(names.JWT_AUTHN, providers={"issuer": provider})
    manager(made)["http_filters"].insert(0, {"name": "envoy.filters.http.jwt_authn", "typed_config": jwt_authn})
    context = typed(
        names.DOWNSTREAM_TLS, common_tls_context={"validation_context": {"trusted_ca": {"filename": "/ca.pem"}}}
    )
    chain(made)["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    return made


def chain(made: Document) -> Document:
    return made["static_resources"]["listeners"][0]["filter_chains"][0]


def manager(made: Document) -> Document:
    return chain(made)["filters"][0]["typed_config"]


def exchange(made: Document) -> Document:
    return manager(made)["http_filters"][1]["typed_config"]


def provider(made: Document) -> Document:
    return manager(made)["http_filters"][0]["typed_config"]["providers"]["issuer"]


def tls(made: Document) -> Document:
    return chain(made)["transport_socket"]["typed_config"]


def validation(made: Document) -> Document:
    return tls(made)["common_tls_context"]["validation_context"]


@dataclass
class Case:
    name: str
    break_it: Callable[[Document], object]
    of: Gateway
    path: str
    message: str
    hint: str = ""


NO_CERTIFICATE = "identities ask for SPIFFE ids, and no client certificate is verified"
NO_TOKEN = (
    "identities ask for tokens of 'corp', and no jwt_authn filter before llm.extproc has it as payload_in_metadata"
)
CASES = [
    Case(
        "no address for networks",
        lambda d: exchange(d)["request_attributes"].remove("source.address"),
        NETWORKS,
        f"{EXCHANGE}.request_attributes",
        "lacks source.address: keys with networks would be refused",
    ),
    Case(
        "no address for the registry",
        lambda d: exchange(d)["request_attributes"].remove("source.address"),
        REGISTRY,
        f"{EXCHANGE}.request_attributes",
        "lacks source.address: keys with networks would be refused",
    ),
    Case(
        "no SPIFFE id",
        lambda d: exchange(d)["request_attributes"].remove("connection.uri_san_peer_certificate"),
        CERTIFICATES,
        f"{EXCHANGE}.request_attributes",
        "lacks connection.uri_san_peer_certificate: no SPIFFE id would be known",
    ),
    Case(
        "no tokens",
        lambda d: exchange(d)["metadata_options"].pop("forwarding_namespaces"),
        TOKENS,
        f"{EXCHANGE}.metadata_options.forwarding_namespaces.untyped",
        "lacks envoy.filters.http.jwt_authn: no token would be known",
    ),
    Case(
        "an address that callers choose",
        lambda d: manager(d).pop("use_remote_address"),
        NETWORKS,
        f"{HOST}.use_remote_address",
        "must be true: callers could choose their address, with x-forwarded-for",
    ),
    Case(
        "nobody verifies tokens", lambda d: manager(d)["http_filters"].pop(0), TOKENS, f"{HOST}.http_filters", NO_TOKEN
    ),
    Case(
        "tokens are verified too late",
        lambda d: manager(d)["http_filters"].insert(1, manager(d)["http_filters"].pop(0)),
        TOKENS,
        f"{HOST}.http_filters",
        NO_TOKEN,
    ),
    Case(
        "tokens under another name",
        lambda d: provider(d).update(payload_in_metadata="corps"),
        TOKENS,
        f"{HOST}.http_filters",
        NO_TOKEN,
        "corps",
    ),
    Case(
        "a token that looks like a key",
        lambda d: provider(d).update(forward=True),
        TOKENS,
        f"{PROVIDER}.forward",
        "must be false: the server takes what is in authorization for a key",
    ),
    Case(
        "no TLS",
        lambda d: chain(d).pop("transport_socket"),
        CERTIFICATES,
        f"{LISTENER}.filter_chains",
        NO_CERTIFICATE,
    ),
    Case(
        "a certificate is required and not verified",
        lambda d: tls(d).update(require_client_certificate=True, common_tls_context={}),
        CERTIFICATES,
        f"{LISTENER}.filter_chains",
        NO_CERTIFICATE,
    ),
    Case(
        "any certificate counts",
        lambda d: validation(d).update(trust_chain_verification="ACCEPT_UNTRUSTED"),
        CERTIFICATES,
        f"{TLS}.validation_context.trust_chain_verification",
        "must not be ACCEPT_UNTRUSTED: callers could write any SPIFFE id into a certificate",
    ),
]
HARMLESS = [
    Case("as it is", lambda d: None, ALL, "", ""),
    Case("a certificate is required", lambda d: tls(d).update(require_client_certificate=True), ALL, "", ""),
    Case(
        "authorities that come by discovery",
        lambda d: tls(d).update(
            require_client_certificate=True,
            common_tls_context={"validation_context_sds_secret_config": {"name": "ROOTCA"}},
        ),
        ALL,
        "",
        "",
    ),
    Case(
        "authorities that come by discovery, with more",
        lambda d: tls(d).update(
            common_tls_context={
                "combined_validation_context": {
                    "default_validation_context": {},
                    "validation_context_sds_secret_config": {"name": "ROOTCA"},
                }
            },
        ),
        ALL,
        "",
        "",
    ),
    Case(
        "a token kept in a header that is no key's",
        lambda d: provider(d).update(forward=True, from_headers=[{"name": "x-token"}]),
        ALL,
        "",
        "",
    ),
    Case(
        "an address by an extension",
        lambda d: manager(d).update(use_remote_address=False, original_ip_detection_extensions=[{"name": "x"}]),
        ALL,
        "",
        "",
    ),
    Case(
        "nobody asks",
        lambda d: (
            exchange(d).pop("request_attributes"),
            exchange(d)["metadata_options"].pop("forwarding_namespaces"),
            manager(d).pop("use_remote_address"),
            validation(d).update(trust_chain_verification="ACCEPT_UNTRUSTED"),
        ),
        PLAIN,
        "",
        "",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_mistake_is_named(case: Case) -> None:
    made = document(case.of)
    case.break_it(made)
    assert check(case.of, config(made)) == [Finding("envoy.yaml", case.path, case.message, case.hint)]


@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: case.name.replace(" ", "-"))
def test_nothing_is_said_of_what_is_right(case: Case) -> None:
    made = document(case.of)
    case.break_it(made)
    assert check(case.of, config(made)) == []


def test_a_second_listener_may_be_for_other_callers() -> None:
    made = document(ALL)
    made["static_resources"]["listeners"].append(bootstrap(ALL, cluster("one"))["static_resources"]["listeners"][0])
    assert check(ALL, config(made)) == []
