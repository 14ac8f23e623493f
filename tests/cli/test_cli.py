"""The command line, as an operator uses it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from extproc.cli import main
from extproc.config.keys import digest
from tests.integration.conftest import SIMULATORS
from tests.integration.documents import document
from tests.integration.gateway import KEY, ROOT, Simulators, cluster, get, wait_until
from tests.ports import free_port


@pytest.fixture
def gateway_yaml(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(document()))
    return path


def clusters_file(tmp_path: Path, *named: dict[str, object]) -> Path:
    resources = [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", **one} for one in named]
    path = tmp_path / "clusters.yaml"
    path.write_text(yaml.safe_dump({"resources": resources}))
    return path


def test_check_finds_nothing_wrong_with_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--envoy", "envoy/envoy.yaml"]) == 0
    assert capsys.readouterr().out == "0 errors, 0 warnings\n"


def test_check_names_a_cluster_that_does_not_exist(
    gateway_yaml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clusters = clusters_file(tmp_path, *(cluster(name, 1) for name in ("openai", "anthropc", "azure", "down")))
    assert main(["check", "--config", str(gateway_yaml), "--envoy", str(clusters)]) == 1
    out = capsys.readouterr().out
    assert (
        f"{gateway_yaml}: backends[1].cluster: error: backend 'anthropic' names the cluster 'anthropic', which Envoy"
        " does not have (did you mean 'anthropc'?)\n"
    ) in out


def test_a_bad_document_is_named_with_file_and_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(document(models=[{"name": "m", "targets": ["opnai"]}])))
    assert main(["check", "--config", str(path)]) == 2
    err = capsys.readouterr().err
    assert f"{path}:" in err
    assert "models[0].targets[0]: there is no backend 'opnai' (did you mean 'openai'?)" in err


def test_check_compiles_rules_and_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gateway.yaml"
    rule = {"name": "form", "schema": {"json": '{"type": "nothing"}'}}
    path.write_text(yaml.safe_dump(document(guardrails={"rules": [rule], "apply": [{"rules": ["form"]}]})))
    assert main(["check", "--config", str(path)]) == 2
    assert capsys.readouterr().err == "extproc: guardrails: The rule 'form': The JSON schema is not valid.\n"


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", "/nowhere/gateway.yaml"]) == 2
    assert capsys.readouterr().err == "extproc: /nowhere/gateway.yaml: cannot be read: FileNotFoundError\n"


def test_render_completes_the_teams_clusters(gateway_yaml: Path, tmp_path: Path) -> None:
    clusters = clusters_file(tmp_path, *(cluster(name, 1) for name in ("openai", "anthropic", "azure", "down")))
    out = tmp_path / "envoy.yaml"
    command = ["render", "--config", str(gateway_yaml), "--clusters", str(clusters), "--workers", "2", "-o", str(out)]
    assert main(command) == 0
    assert main(["check", "--config", str(gateway_yaml), "--envoy", str(out)]) == 0


def test_render_with_a_document_wants_clusters(gateway_yaml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--config", str(gateway_yaml)]) == 2
    assert "name your Envoy cluster files" in capsys.readouterr().err


def test_a_gateway_in_front_of_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:10000/v1")
    assert main(["render"]) == 2
    assert "the environment's base URL of 'openai' is this gateway's own address" in capsys.readouterr().err


def test_a_new_key_is_shown_once_with_its_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "ci", "--salt", "00112233445566778899aabbccddeeff"]) == 0
    out = capsys.readouterr().out
    (key,) = re.findall(r"^# (sk-\S+)$", out, re.MULTILINE)
    entry = yaml.safe_load(out)["keys"]["entries"][0]
    assert entry == {"alias": "ci", "digest": digest(bytes.fromhex("00112233445566778899aabbccddeeff"), key)}


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "gateway.yaml"


def test_run_starts_everything_and_ends_cleanly(gateway_yaml: Path, tmp_path: Path) -> None:
    port, admin, envoy_admin = free_port(), free_port(), free_port()
    with Simulators(SIMULATORS) as simulators:
        clusters = clusters_file(tmp_path, *(cluster(name, one.port) for name, one in simulators.by_name.items()))
        command = [sys.executable, "-m", "extproc", "run", "--config", str(gateway_yaml), "--clusters", str(clusters)]
        command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
        command += ["--envoy-admin", f"127.0.0.1:{envoy_admin}", "--socket-dir", str(tmp_path / "s")]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            wait_until(lambda: get(f"http://127.0.0.1:{port}/v1/models")[0] == 401, what="the gateway")
            process.terminate()
            said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"The gateway is ready: http://127.0.0.1:{port}/v1" in said
    assert KEY not in said


def test_run_names_a_port_that_is_taken(gateway_yaml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Simulators({"openai": SIMULATORS["openai"]}) as simulators:
        taken = simulators.by_name["openai"].port
        command = ["run", "--config", str(gateway_yaml), "--clusters", "none.yaml", "--listen", f"127.0.0.1:{taken}"]
        assert main([*command, "--admin", "127.0.0.1:0", "--envoy-admin", "127.0.0.1:0"]) == 2
    assert capsys.readouterr().err == f"extproc: --listen: 127.0.0.1:{taken}: is in use, or cannot be had\n"
