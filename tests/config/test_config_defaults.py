"""The document that is used where there is none, and its clusters."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from gateway_documents import loaded

from extproc.config.defaults import DEMO_KEY, LIMITED_DEMO_KEY, default_clusters, default_document
from extproc.config.keys import digest
from extproc.config.lookup import ModelLookup
from extproc.config.model import Backend, Gateway, Schema, Secret
from extproc.errors import ConfigError

AZURE = {"AZURE_OPENAI_API_KEY": "az", "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/"}
ALL = {"OPENAI_API_KEY": "sk-real-openai", "ANTHROPIC_API_KEY": "sk-real-anthropic", **AZURE}


def default(environ: Mapping[str, str]) -> Gateway:
    return loaded(default_document(environ), environ)


def chain(environ: Mapping[str, str], name: str) -> list[tuple[str, str]]:
    """Backend and model of each target that answers for a name."""
    model = ModelLookup(default(environ).models).find(name)
    return [] if model is None else [(target.backend.name, target.model) for target in model.chain(name)]


def address(cluster: Mapping[str, Any]) -> tuple[str, int]:
    socket = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    return socket["address"], socket["port_value"]


def test_without_providers_the_simulator_answers() -> None:
    gateway = default({})
    places = [(one.name, one.cluster, one.schema.value, one.provider, one.authority) for one in gateway.backends]
    assert places == [
        ("openai-sim", "openai-sim", "openai", "openai", "127.0.0.1:18081"),
        ("anthropic-sim", "anthropic-sim", "anthropic", "anthropic", "127.0.0.1:18082"),
        ("azure-sim", "azure-sim", "azure_openai", "azure.ai.openai", "127.0.0.1:18083"),
        ("down", "down", "openai", "openai", "127.0.0.1:18084"),
    ]
    assert gateway.passthrough is gateway.backends[0]


def test_the_simulators_models() -> None:
    assert [model.name for model in default({}).models] == [
        "gpt-4o-mini",
        "gpt-4o",
        "claude-sonnet-4-6",
        "resilient",
        "text-embedding-3-small",
    ]
    assert chain({}, "gpt-4o") == [("azure-sim", "gpt-4o"), ("openai-sim", "gpt-4o")]


def test_the_resilient_model_fails_over_to_another_format() -> None:
    assert chain({}, "resilient") == [
        ("down", "gpt-4o"),
        ("anthropic-sim", "claude-sonnet-4-6"),
        ("openai-sim", "gpt-4o"),
    ]


def test_the_demo_keys() -> None:
    gateway = default({})
    assert [(key.alias, key.digest, key.models) for key in gateway.keys] == [
        ("demo", digest(gateway.key_salt, DEMO_KEY), ("*",)),
        ("demo-limited", digest(gateway.key_salt, LIMITED_DEMO_KEY), ("gpt-4o-mini",)),
    ]
    assert (DEMO_KEY, LIMITED_DEMO_KEY) == ("sk-demo", "sk-demo-limited")


def test_the_simulators_clusters() -> None:
    clusters = default_clusters({})
    assert [(one["name"], *address(one)) for one in clusters] == [
        ("openai-sim", "127.0.0.1", 18081),
        ("anthropic-sim", "127.0.0.1", 18082),
        ("azure-sim", "127.0.0.1", 18083),
        ("down", "127.0.0.1", 18084),
    ]
    assert clusters[3] == {
        "name": "down",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "down",
            "endpoints": [
                {
                    "lb_endpoints": [
                        {
                            "endpoint": {
                                "hostname": "127.0.0.1",
                                "address": {"socket_address": {"address": "127.0.0.1", "port_value": 18084}},
                            }
                        }
                    ]
                }
            ],
        },
    }


def test_real_providers_replace_the_simulator() -> None:
    assert default(ALL).backends == (
        Backend("openai", "openai", "openai", Schema.OPENAI, "api.openai.com", "/v1", Secret("sk-real-openai")),
        Backend("azure", "azure", "azure.ai.openai", Schema.AZURE_OPENAI, "res.openai.azure.com", "", Secret("az")),
        Backend(
            "anthropic",
            "anthropic",
            "anthropic",
            Schema.ANTHROPIC,
            "api.anthropic.com",
            "/v1",
            Secret("sk-real-anthropic"),
        ),
    )


def test_the_document_names_secrets_and_has_none() -> None:
    assert "sk-real" not in default_document(ALL)
    assert yaml.safe_load(default_document(ALL))["backends"][0]["credential"] == {"env": "OPENAI_API_KEY"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-5", [("openai", "gpt-5")]),
        ("claude-opus-4-5", [("anthropic", "claude-opus-4-5")]),
        ("openai/gpt-5", [("openai", "gpt-5")]),
        ("anthropic/claude-opus-4-5", [("anthropic", "claude-opus-4-5")]),
        ("azure/my-deployment", [("azure", "my-deployment")]),
    ],
)
def test_any_model_of_a_real_provider_can_be_named(name: str, expected: list[tuple[str, str]]) -> None:
    assert chain(ALL, name) == expected


def test_azure_alone_answers_for_every_name() -> None:
    assert chain(AZURE, "gpt-4o-mini") == [("azure", "gpt-4o-mini")]


def test_anthropic_alone_answers_for_its_own_names() -> None:
    environ = {"ANTHROPIC_API_KEY": "a"}
    gateway = default(environ)
    assert (gateway.passthrough, gateway.keys[1].models) == (None, ("claude-sonnet-4-6",))
    assert chain(environ, "gpt-4o") == []


def test_an_azure_api_version() -> None:
    assert default({**AZURE, "OPENAI_API_VERSION": "2024-10-21"}).backends[0].api_version == "2024-10-21"


def test_a_name_that_does_not_resolve_leaves_a_host_that_refuses_connections() -> None:
    (cluster,) = default_clusters({"OPENAI_API_KEY": "k"})
    first, second = cluster["load_assignment"]["endpoints"]
    assert (cluster["type"], cluster["dns_lookup_family"], "priority" in first) == ("STRICT_DNS", "V4_PREFERRED", False)
    assert second == {
        "priority": 1,
        "lb_endpoints": [
            {
                "endpoint": {
                    "hostname": "127.0.0.1",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}},
                }
            }
        ],
    }


def test_a_local_server_needs_no_key_and_no_tls() -> None:
    environ = {"OPENAI_BASE_URL": "http://localhost:11434/v1/"}
    assert default(environ).backends == (
        Backend("openai", "openai", "openai", Schema.OPENAI, "localhost:11434", "/v1"),
    )
    (cluster,) = default_clusters(environ)
    assert (cluster["type"], address(cluster)) == ("STRICT_DNS", ("localhost", 11434))
    assert "transport_socket" not in cluster


def test_an_ipv6_address() -> None:
    environ = {"OPENAI_BASE_URL": "http://[::1]:8000"}
    backend, (cluster,) = default(environ).backends[0], default_clusters(environ)
    assert (backend.authority, backend.base_path) == ("[::1]:8000", "")
    assert (cluster["type"], address(cluster)) == ("STATIC", ("::1", 8000))


def test_anthropics_base_url_ends_before_the_version() -> None:
    environ = {"ANTHROPIC_API_KEY": "a", "ANTHROPIC_BASE_URL": "https://proxy.example.com:8443/claude"}
    backend = default(environ).backends[0]
    assert (backend.authority, backend.base_path) == ("proxy.example.com:8443", "/claude/v1")


def test_tls_names_the_host_and_checks_it() -> None:
    (cluster,) = default_clusters({"OPENAI_API_KEY": "k"}, trusted_ca="/etc/ssl/cert.pem")
    assert address(cluster) == ("api.openai.com", 443)
    assert cluster["transport_socket"]["typed_config"] == {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": "api.openai.com",
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": "/etc/ssl/cert.pem"},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "api.openai.com"}}],
            }
        },
    }


def test_an_empty_variable_is_not_set() -> None:
    assert default_document(dict.fromkeys(ALL, "")) == default_document({})


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"OPENAI_BASE_URL": "localhost:8000"}, "OPENAI_BASE_URL: must be a URL with http or https and a host"),
        ({"OPENAI_BASE_URL": "http://"}, "OPENAI_BASE_URL: must be a URL with http or https and a host"),
        ({"OPENAI_BASE_URL": "http://a b/v1"}, "OPENAI_BASE_URL: must be a URL with http or https and a host"),
        ({"OPENAI_BASE_URL": "http://host:99999"}, "OPENAI_BASE_URL: is not a URL"),
        ({"OPENAI_BASE_URL": "http://me:secret@host/v1"}, "OPENAI_BASE_URL: must have no user, query or fragment"),
        ({"OPENAI_BASE_URL": "http://host/v1?key=secret"}, "OPENAI_BASE_URL: must have no user, query or fragment"),
        (
            {"OPENAI_BASE_URL": "https://10.0.0.1/v1"},
            "OPENAI_BASE_URL: must name its host, not its address, where it is https",
        ),
        ({"AZURE_OPENAI_API_KEY": "k"}, "AZURE_OPENAI_ENDPOINT: is not set, but AZURE_OPENAI_API_KEY is"),
        (
            {"AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com"},
            "AZURE_OPENAI_API_KEY: is not set, but AZURE_OPENAI_ENDPOINT is",
        ),
    ],
)
def test_a_variable_that_makes_no_sense(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as document:
        default_document(environ)
    with pytest.raises(ConfigError) as clusters:
        default_clusters(environ)
    assert str(document.value) == str(clusters.value) == f"environment: {message}"
