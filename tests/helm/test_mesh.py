"""Mode mesh: the same filter as everywhere else, and a proxy that has the patches works."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from openai import OpenAI

from extproc.envoyconfig.render import dump
from extproc.simulator.settings import Settings
from tests.helm import mesh
from tests.helm.chart import CLUSTERS, MODES, find, manifests
from tests.helm.deployed import cluster_file, made_document
from tests.integration.gateway import ENVOY, KEY, ROOT, Simulators, get, wait_until
from tests.ports import free_port

_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def test_the_charts_files_are_what_render_uses() -> None:
    """`python -m tests.helm.mesh` writes them again."""
    written = {path.name: yaml.safe_load(path.read_text()) for path in mesh.DIRECTORY.iterdir()}
    assert written == mesh.documents()


def patches(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = find(manifests(MODES["istio"], *changes), "EnvoyFilter")["spec"]["configPatches"]
    return found


def patched(found: list[dict[str, Any]], port: int, admin: int) -> dict[str, Any]:
    """The bootstrap of a mesh's gateway after these patches: one listener, and a route that answers by itself."""
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}
    host: dict[str, Any] = {
        "name": "mesh",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 503}}],
    }
    manager: dict[str, Any] = {
        "@type": f"type.googleapis.com/{_MANAGER}",
        "stat_prefix": "mesh",
        "use_remote_address": True,
        "http_filters": [router],
        "route_config": {"virtual_hosts": [host]},
    }
    clusters = []
    for patch in found:
        kind, value = patch["applyTo"], patch["patch"]["value"]
        if kind == "CLUSTER":
            clusters.append(value)
        elif kind == "NETWORK_FILTER":
            manager.update(value["typed_config"])
        elif kind == "HTTP_FILTER":
            manager["http_filters"].insert(0, value)
        else:
            host["routes"].insert(0, value)
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "static_resources": {
            "listeners": [{"name": "mesh", "address": address, "filter_chains": [chain]}],
            "clusters": clusters,
        },
    }


def test_the_teams_clusters_are_added_as_they_are() -> None:
    added = [item["patch"]["value"] for item in patches() if item["applyTo"] == "CLUSTER"]
    assert [item["name"] for item in added] == ["extproc", "nowhere", "openai"]
    (written,) = yaml.safe_load(CLUSTERS)["resources"]
    assert added[2] == {name: value for name, value in written.items() if name != "@type"}


def test_clusters_of_a_bootstrap_are_added_too() -> None:
    text = "static_resources: {clusters: [{name: vllm, type: STATIC}]}"
    changes = {"clusters": {"files": {"bootstrap.yaml": text}}}
    added = [item["patch"]["value"] for item in patches(changes) if item["applyTo"] == "CLUSTER"]
    assert [item["name"] for item in added] == ["extproc", "nowhere", "vllm", "openai"]
    assert added[2] == {"name": "vllm", "type": "STATIC"}


def test_every_worker_is_an_endpoint() -> None:
    extproc = patches({"extproc": {"workers": 2}})[0]["patch"]["value"]
    endpoints = extproc["load_assignment"]["endpoints"][0]["lb_endpoints"]
    sockets = [item["endpoint"]["address"]["pipe"]["path"] for item in endpoints]
    assert sockets == ["/run/llm-extproc/sockets/w0.sock", "/run/llm-extproc/sockets/w1.sock"]


def test_envoy_accepts_a_patched_gateway_of_istio(tmp_path: Path) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(dump(patched(patches(), 10000, 9901)))
    command = [str(ENVOY), "--mode", "validate", "-c", str(path), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr).strip().endswith("OK")


def test_a_patched_gateway_of_istio_serves(tmp_path: Path) -> None:
    """Plain routing by the header that the server sets; no chain, so no fallback."""
    port, admin, metrics = free_port(), free_port(), free_port()
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "key").write_text("first")
    (tmp_path / "gateway.yaml").write_text(made_document(secrets, {"gpt-4o-mini": "openai"}))
    with Simulators({"openai": Settings(formats=("openai",), log_size=10)}) as simulators:
        clusters = cluster_file({"openai": simulators.by_name["openai"].port})
        found = patches({"clusters": {"files": {"clusters.yaml": clusters}}})
        text = dump(patched(found, port, admin)).replace("/run/llm-extproc/sockets", f"{tmp_path}/s")
        (tmp_path / "envoy.yaml").write_text(text)
        serve = [sys.executable, "-m", "extproc", "serve", "--config", str(tmp_path / "gateway.yaml")]
        serve += ["--socket-dir", f"{tmp_path}/s", "--admin", f"127.0.0.1:{metrics}", "--log-level", "error"]
        envoy = [str(ENVOY), "-c", str(tmp_path / "envoy.yaml"), "--log-level", "error", "--disable-hot-restart"]
        with subprocess.Popen(serve, cwd=ROOT) as server, subprocess.Popen([*envoy, "--concurrency", "1"]) as proxy:
            try:
                wait_until(lambda: get(f"http://127.0.0.1:{metrics}/readyz")[0] == 200, what="the server")
                wait_until(lambda: get(f"http://127.0.0.1:{admin}/ready")[0] == 200, what="Envoy")
                drive(port, simulators)
            finally:
                proxy.kill()
                server.terminate()


def drive(port: int, simulators: Simulators) -> None:
    with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "[[tokens=10]]"}]
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        stream: Any = client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert answer.choices[0].message.content == streamed
    sent = simulators.by_name["openai"].log.last
    assert (sent.header("authorization"), sent.header("x-llm-cluster")) == ("Bearer first", None)


@pytest.mark.parametrize("kind", ["EnvoyExtensionPolicy", "ClientTrafficPolicy", "HTTPRoute"])
def test_envoy_gateway_gets_its_policies(kind: str) -> None:
    assert find(manifests(MODES["envoy-gateway"]), kind)["metadata"]["namespace"] == "ai"


def test_envoy_gateway_sends_nothing_that_the_server_did_not_decide() -> None:
    decided, undecided = find(manifests(MODES["envoy-gateway"]), "HTTPRoute")["spec"]["rules"]
    assert decided["matches"] == [{"headers": [{"name": "x-llm-cluster", "value": "openai"}]}]
    assert "backendRefs" not in undecided
    removed = find(manifests(MODES["envoy-gateway"]), "ClientTrafficPolicy")["spec"]["headers"]["earlyRequestHeaders"]
    assert "x-llm-cluster" in removed["remove"]
