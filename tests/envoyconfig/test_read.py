import pytest

from extproc.envoyconfig.finding import Finding, Severity
from extproc.envoyconfig.read import combine, parse, read
from extproc.errors import ConfigError
from tests.envoyconfig.gateways import cluster, resources


def only_cluster(text):
    (found,) = parse(text, "a.yaml").clusters
    return found


def test_a_cluster_knows_its_file_and_path():
    found = only_cluster(resources(cluster("one")))
    assert (found.source, found.path, found.name) == ("a.yaml", "resources[0]", "one")


def test_clusters_and_listeners_of_a_bootstrap():
    config = parse("static_resources: {listeners: [{name: l}], clusters: [{name: a}, {name: b}]}", "b.yaml")
    assert [place.path for place in config.listeners] == ["static_resources.listeners[0]"]
    assert [place.path for place in config.clusters] == ["static_resources.clusters[0]", "static_resources.clusters[1]"]


def test_field_names_in_camel_case_are_the_same_fields():
    found = only_cluster(
        "staticResources: {clusters: [{name: a, connectTimeout: 1s, http2ProtocolOptions: {maxConcurrentStreams: 9}}]}"
    )
    assert found.value == {
        "name": "a",
        "connect_timeout": "1s",
        "http2_protocol_options": {"max_concurrent_streams": 9},
    }


def test_anchors_and_merge_keys_are_expanded():
    config = parse(
        "static_resources:\n  clusters:\n  - &base {name: a, connect_timeout: 3s}\n  - {<<: *base, name: b}\n",
        "m.yaml",
    )
    assert [place.value for place in config.clusters] == [
        {"name": "a", "connect_timeout": "3s"},
        {"name": "b", "connect_timeout": "3s"},
    ]
    assert config.findings == ()


def test_an_unknown_field_is_found_inside_an_open_type():
    config = parse(
        resources(
            {
                "name": "one",
                "transport_socket": {
                    "name": "tls",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                        "auto_host_snii": True,
                    },
                },
            }
        ),
        "a.yaml",
    )
    assert config.findings == (
        Finding(
            "a.yaml",
            "resources[0].transport_socket.typed_config",
            "UpstreamTlsContext has no field 'auto_host_snii'",
            "auto_host_sni",
        ),
    )


def test_a_field_like_no_other_may_be_newer_than_the_package():
    (finding,) = parse("static_resources: {clusters: [{name: a, quantum_entanglement: true}]}", "a.yaml").findings
    assert finding == Finding(
        "a.yaml",
        "static_resources.clusters[0]",
        "Cluster has no field 'quantum_entanglement'",
        severity=Severity.WARNING,
    )


def test_free_form_metadata_has_no_unknown_fields():
    config = parse(
        "static_resources: {clusters: [{name: a, metadata: {filterMetadata: {x: {anyThing: 1}}}}]}", "a.yaml"
    )
    assert config.findings == ()
    assert config.clusters[0].get("metadata", "filter_metadata", "x") == {"anyThing": 1}


def test_a_message_the_package_does_not_know_is_left_alone():
    document = '{"resources": [{"@type": "type.googleapis.com/some.thing.v9.Else", "whatEver": 1}]}'
    assert parse(document, "a.yaml").findings == ()


def test_places_that_are_not_there_are_empty():
    found = only_cluster(resources({"name": "one"}))
    assert found.get("a", "b", "c") is None
    assert list(found.at("a").items()) == []
    assert found.at("a", "b.c", "d").path == 'resources[0].a["b.c"].d'


def test_the_first_cluster_of_a_name_is_found():
    config = combine([parse(resources(cluster("one")), "a.yaml"), parse(resources(cluster("two")), "b.yaml")])
    assert config.cluster("two").source == "b.yaml"
    assert config.cluster("three") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "bad.yaml: line 1: not valid YAML"),
        ("a: 1\nb: {{x}: 1\n", "bad.yaml: line 3: not valid YAML"),
        ("- 1", "bad.yaml: not an Envoy configuration: it must be a mapping"),
        ("", "bad.yaml: not an Envoy configuration: it must be a mapping"),
        ("resources: 7", "bad.yaml: resources: must be a list"),
    ],
)
def test_what_is_not_envoys(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, "bad.yaml")
    assert str(caught.value) == message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read: No such file or directory"):
        read([tmp_path / "missing.yaml"])


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.yaml: is not UTF-8"):
        read([path])
