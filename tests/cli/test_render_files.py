"""`extproc render --dynamic`, as an init container and as the container that stays."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.cli import main
from tests.integration.documents import document
from tests.integration.gateway import ROOT, cluster, wait_until

NAMES = ("openai", "anthropic", "azure", "down")
_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


def write_clusters(directory: Path, port: int, **changes: Any) -> None:
    found = [{"@type": _CLUSTER, **cluster(name, port), **changes} for name in NAMES]
    (directory / "clusters.yaml").write_text(yaml.safe_dump({"resources": found}))


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    """Options that name a document and clusters in `tmp_path`."""
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(document()))
    write_clusters(tmp_path, 8080)
    return ["--config", str(tmp_path / "gateway.yaml"), "--clusters", str(tmp_path / "clusters.yaml")]


def test_the_files_pass_the_check(inputs: list[str], tmp_path: Path) -> None:
    assert main(["render", *inputs, "--dynamic", str(tmp_path / "envoy")]) == 0
    complete = str(tmp_path / "envoy/complete.yaml")
    assert main(["check", "--config", str(tmp_path / "gateway.yaml"), "--envoy", complete]) == 0


def test_what_is_wrong_is_said_and_written_for_envoy_to_judge(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clusters(tmp_path, 8080, lb_polcy="RANDOM")
    assert main(["render", *inputs, "--dynamic", str(tmp_path / "envoy")]) == 0
    assert "clusters.yaml: resources[0]: error: Cluster has no field 'lb_polcy'" in capsys.readouterr().err
    assert "lb_polcy" in (tmp_path / "envoy/complete.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--watch"], "--watch needs --dynamic DIR"),
        (["--tls", "/certificates"], "--tls needs --dynamic DIR"),
        (["--status", "127.0.0.1:9902"], "--status needs --dynamic DIR"),
        (["--dynamic", "/run/envoy", "--client-certificates"], "--client-certificates needs --tls DIR"),
    ],
)
def test_options_that_need_another(
    options: list[str], said: str, inputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", *inputs, *options]) == 2
    assert said in capsys.readouterr().err


def test_files_without_clusters_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--dynamic", "/run/envoy"]) == 2
    assert "name your Envoy cluster files" in capsys.readouterr().err


@pytest.fixture
def watching(inputs: list[str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "extproc", "render", *inputs, "--dynamic", str(tmp_path / "envoy"), "--watch"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, cwd=ROOT, stderr=log) as process:
        wait_until(lambda: events(tmp_path, "envoy configuration written"), what="the first files")
        yield process
        process.kill()


def events(directory: Path, name: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (directory / "log").read_text().splitlines())
    return [line for line in lines if line["event"] == name]


def has(path: Path, text: str) -> Callable[[], bool]:
    return lambda: text in path.read_text()


def test_a_change_is_written_a_mistake_is_not(watching: subprocess.Popen[bytes], tmp_path: Path) -> None:
    clusters = tmp_path / "envoy/clusters.yaml"
    write_clusters(tmp_path, 9090)
    wait_until(has(clusters, "port_value: 9090"), 10.0, "the new port")
    write_clusters(tmp_path, 7070, lb_polcy="RANDOM")
    wait_until(lambda: events(tmp_path, "envoy configuration rejected"), 10.0, "the rejection")
    (rejected,) = events(tmp_path, "envoy configuration rejected")
    assert any("'lb_polcy'" in error for error in rejected["errors"])
    assert "7070" not in clusters.read_text()
    write_clusters(tmp_path, 6060)
    wait_until(has(clusters, "port_value: 6060"), 10.0, "the corrected file")
    written = events(tmp_path, "envoy configuration written")
    assert [one["files"] for one in written[1:]] == [["complete.yaml", "clusters.yaml"]] * 2
    watching.terminate()
    assert watching.wait(10) == 0
