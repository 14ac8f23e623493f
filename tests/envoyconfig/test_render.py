import copy

import pytest

from extproc.envoyconfig import filters, names
from extproc.envoyconfig.cluster import complete
from extproc.envoyconfig.names import typed
from extproc.envoyconfig.render import RenderOptions, dump, render
from extproc.errors import ConfigError
from tests.envoyconfig.gateways import bootstrap, cluster, gateway


def manager(document):
    return document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def routes(document):
    return manager(document)["route_config"]["virtual_hosts"][0]["routes"]


def options_of(completed):
    return completed["typed_extension_protocol_options"][names.HTTP_PROTOCOL_OPTIONS]


def test_a_short_cluster_gets_filters_codec_protocol_and_breakers():
    completed = complete(cluster("one"))
    assert [item["name"] for item in options_of(completed)["http_filters"]] == [
        "llm.extproc.attempt",
        "llm.content_length",
        "envoy.filters.http.upstream_codec",
    ]
    assert options_of(completed)["explicit_http_config"] == {"http_protocol_options": {}}
    assert completed["circuit_breakers"]["thresholds"] == [
        {"max_connections": 10000, "max_pending_requests": 10000, "max_requests": 10000, "max_retries": 10000}
    ]


def test_what_the_team_wrote_stays():
    theirs = {"name": "theirs", "typed_config": typed(names.HEADER_MUTATION, mutations={})}
    written = {
        **cluster("one"),
        "circuit_breakers": {"thresholds": [{"max_retries": 7}]},
        "typed_extension_protocol_options": {
            names.HTTP_PROTOCOL_OPTIONS: typed(
                names.HTTP_PROTOCOL_OPTIONS,
                auto_config={},
                common_http_protocol_options={"idle_timeout": "9s"},
                http_filters=[theirs, filters.upstream_codec()],
            )
        },
    }
    before = copy.deepcopy(written)

    completed = complete(written)

    assert written == before
    assert completed["circuit_breakers"] == {"thresholds": [{"max_retries": 7}]}
    assert options_of(completed)["common_http_protocol_options"] == {"idle_timeout": "9s"}
    assert "explicit_http_config" not in options_of(completed)
    assert [item["name"] for item in options_of(completed)["http_filters"]] == [
        "llm.extproc.attempt",
        "llm.content_length",
        "theirs",
        "envoy.filters.http.upstream_codec",
    ]


def test_completing_twice_is_completing_once():
    once = complete(cluster("one"))
    assert complete(once) == once


def test_workers_are_sockets_of_the_directory():
    document = render(gateway("one"), [cluster("one")], RenderOptions(socket_directory="/run/x", workers=2))
    (extproc,) = (item for item in document["static_resources"]["clusters"] if item["name"] == "extproc")
    assert extproc["load_assignment"]["endpoints"] == [
        {
            "lb_endpoints": [
                {"endpoint": {"address": {"pipe": {"path": "/run/x/w0.sock"}}}},
                {"endpoint": {"address": {"pipe": {"path": "/run/x/w1.sock"}}}},
            ]
        }
    ]


def test_limit_of_bodies_is_the_documents_on_every_route():
    document = bootstrap(gateway("one", max_request_bytes=1234567))
    assert [route["request_body_buffer_limit"] for route in routes(document)] == [1234567, 1234567]


@pytest.mark.parametrize(("targets", "retries"), [(1, 4), (5, 4), (6, 5)])
def test_retries_reach_the_end_of_the_longest_chain(targets, retries):
    document = bootstrap(gateway(*(f"b{number}" for number in range(targets))))
    assert routes(document)[0]["route"]["retry_policy"]["num_retries"] == retries


def test_native_usage_is_on_the_route_that_asks_for_it_alone():
    document = bootstrap(gateway("one", native=True))
    native, decided, undecided = routes(document)
    assert native["match"]["headers"] == [
        {"name": "x-llm-cluster", "present_match": True},
        {"name": "x-llm-usage", "string_match": {"exact": "native"}},
    ]
    assert list(native["typed_per_filter_config"]) == ["llm.usage"]
    assert "typed_per_filter_config" not in decided
    assert "typed_per_filter_config" not in undecided
    assert [item["name"] for item in manager(document)["http_filters"]] == [
        "llm.extproc",
        "llm.usage",
        "envoy.filters.http.router",
    ]


def test_without_native_usage_nothing_of_it_is_there():
    text = dump(bootstrap(gateway("one")))
    assert "ai_protocol_manager" not in text
    assert "token_usage" not in text


def test_access_log_holds_no_header_path_or_body_of_the_caller():
    (log,) = manager(bootstrap(gateway("one")))["access_log"]
    printed = log["typed_config"]["log_format"]["json_format"].values()
    assert [text for text in printed if text.startswith(("%REQ", "%RESP(", "%PATH"))] == ["%REQ(:METHOD)%"]


def test_two_clusters_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="2 clusters are called 'one'"):
        render(gateway("one"), [cluster("one"), cluster("one")], RenderOptions())


def test_a_name_of_ours_is_refused():
    with pytest.raises(ConfigError, match="a cluster may not be called 'extproc'"):
        render(gateway("one"), [cluster("extproc")], RenderOptions())


@pytest.mark.parametrize("name", ["y", "N", "1e3", "0x1f", "true", "null", "1"])
def test_a_name_that_envoys_yaml_would_not_take_for_a_string_is_quoted(name):
    assert dump({"name": name}) == f"{{name: '{name}'}}\n"


def test_ordinary_strings_are_not_quoted():
    assert dump({"timeout": "0s", "name": "openai"}) == "{timeout: 0s, name: openai}\n"
