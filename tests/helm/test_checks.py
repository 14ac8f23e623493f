"""What the init containers of mode mesh, and `helm test` of every mode, do with a document and its clusters."""

from pathlib import Path
from typing import Any

import pytest

from extproc.cli import main
from tests.helm.chart import MODES, RELEASE, find, manifests, pod
from tests.helm.deployed import cluster_file, made_document, made_pod
from tests.helm.kubelet import Pod

MESHES = ["istio", "envoy-gateway"]


def made(directory: Path, *changes: dict[str, Any]) -> Pod:
    document = made_document(directory / "llm-secret-openai", {"gpt-4o-mini": "openai"})
    return made_pod(manifests({"gateway": {"document": document}}, *changes), directory)


def outcome(made: Pod, name: str) -> int:
    """The exit code of a container of ours, run in this process."""
    (container,) = (item for item in made.containers() if item["name"] == name)
    return main(made.command(container)[3:])  # after: python -m extproc


@pytest.mark.parametrize("mode", MESHES)
def test_a_mesh_starts_with_a_document_and_clusters_that_fit(mode: str, tmp_path: Path) -> None:
    one = made(tmp_path, MODES[mode])
    assert [outcome(one, "llm-render"), outcome(one, "llm-check")] == [0, 0]


def test_a_field_that_envoy_does_not_have_keeps_istios_gateway_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"clusters.yaml": cluster_file({"openai": 1}, connect_timout="2s")}
    one = made(tmp_path, MODES["istio"], {"clusters": {"files": files}})
    assert [outcome(one, "llm-render"), outcome(one, "llm-check")] == [0, 1]
    assert "error: Cluster has no field 'connect_timout' (did you mean 'connect_timeout'?)" in capsys.readouterr().out


def test_a_backend_without_a_provider_keeps_envoy_gateways_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    providers = [{"cluster": "opnai", "host": "api.openai.com"}]
    one = made(tmp_path, MODES["envoy-gateway"], {"mesh": {"providers": providers}})
    assert [outcome(one, "llm-render"), outcome(one, "llm-check")] == [0, 1]
    assert "names the cluster 'openai', which Envoy does not have (did you mean 'opnai'?)" in capsys.readouterr().out


@pytest.mark.parametrize("mode", MESHES)
def test_the_server_of_a_mesh_starts_after_the_checks(mode: str) -> None:
    containers = pod(manifests(MODES[mode]))["initContainers"]
    assert [item["name"] for item in containers] == ["llm-render", "llm-check", "llm-extproc"]
    assert [item.get("restartPolicy") for item in containers] == [None, None, "Always"]


JUDGES = {
    "gateway": ["llm-validate", "llm-check"],
    "sidecar": ["llm-validate", "llm-check"],
    "istio": ["llm-validate", "llm-check"],
    "envoy-gateway": ["llm-check"],
}


@pytest.mark.parametrize("mode", JUDGES)
def test_helm_test_has_the_configuration_judged_in_every_mode(mode: str) -> None:
    test = find(manifests(MODES[mode]), "Pod", f"{RELEASE}-check")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert test["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
    assert [item["name"] for item in test["spec"]["initContainers"]] == ["llm-render"]
    assert [item["name"] for item in test["spec"]["containers"]] == JUDGES[mode]
