"""The rendered pods, started on loopback with the real Envoy and driven with the official SDK."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AuthenticationError, OpenAI

from extproc.simulator.settings import Settings
from tests.helm.chart import manifests
from tests.helm.deployed import Deployed, cluster_file, deployed, made_document, made_pod
from tests.integration.gateway import KEY, get, wait_until

SIMULATORS = {"openai": Settings(formats=("openai",), log_size=100)}
TARGETS = {"gpt-4o-mini": "openai"}
QUICK = {"extproc": {"graceSeconds": 20}, "deployment": {"settleSeconds": 1}, "envoy": {"concurrency": 1}}
ANSWER = "these are simulated words that only fill the answer up"
SLOW = "[[tokens=30 rate=10]]"


@pytest.fixture(scope="module", params=["gateway", "sidecar"])
def up(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    with deployed(request.param, SIMULATORS, TARGETS, QUICK) as made:
        yield made


def sdk(up: Deployed, key: str = KEY) -> OpenAI:
    return OpenAI(base_url=up.base_url, api_key=key, max_retries=0)


def asked(content: str) -> Any:
    return [{"role": "user", "content": content}]


def test_an_answer_and_a_stream(up: Deployed) -> None:
    with sdk(up) as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=asked("Hello"))
        stream: Any = client.chat.completions.create(model="gpt-4o-mini", messages=asked("[[tokens=10]]"), stream=True)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert answer.choices[0].message.content
    assert streamed == ANSWER
    assert up.simulators.by_name["openai"].log.last.header("authorization") == "Bearer first"


def test_an_applications_own_provider_key_is_refused(up: Deployed) -> None:
    with sdk(up, "sk-proj-somebodys-own") as client, pytest.raises(AuthenticationError):
        client.chat.completions.create(model="gpt-4o-mini", messages=asked("Hello"))


def test_the_status_port_shows_readiness_and_statistics_and_nothing_else(up: Deployed) -> None:
    assert up.pod.ready("llm-envoy")
    status = f"http://127.0.0.1:{status_port(up)}"
    statistics = get(f"{status}/stats/prometheus")[1].decode()
    # What the alerts name
    assert re.search(r"^envoy_cluster_manager_cds_update_rejected\{\} 0$", statistics, re.MULTILINE)
    assert re.search(r"^envoy_listener_manager_lds_update_rejected\{\} 0$", statistics, re.MULTILINE)
    assert [get(status + path)[0] for path in ("/", "/quitquitquit", "/config_dump", "/v1/models")] == [404] * 4


def status_port(up: Deployed) -> int:
    text = up.envoy("/listeners")
    (line,) = (line for line in text.splitlines() if line.startswith("status::"))
    return int(line.rpartition(":")[2])


def test_envoy_is_ready_only_while_the_server_answers_it(up: Deployed) -> None:
    worker = worker_of(up.pod.processes["llm-extproc"].pid)
    os.kill(worker, signal.SIGSTOP)
    try:
        wait_until(lambda: not up.pod.ready("llm-envoy"), 10.0, "the end of readiness")
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_until(lambda: up.pod.ready("llm-envoy"), 10.0, "readiness again")


def worker_of(supervisor: int) -> int:
    return int(subprocess.run(["pgrep", "-P", str(supervisor)], capture_output=True, check=True).stdout)


def test_the_end_of_a_gateway_cuts_no_stream() -> None:
    with deployed("gateway", SIMULATORS, TARGETS, QUICK) as up, sdk(up) as client:
        stream: Any = client.chat.completions.create(model="gpt-4o-mini", messages=asked(SLOW), stream=True)
        first = next(stream)
        ending = threading.Thread(target=up.pod.stop)
        ending.start()
        wait_until(lambda: not up.pod.ready("llm-envoy"), 5.0, "the end of readiness")
        answer = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=asked("Late"))
        rest = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        ending.join(30)
    assert answer.headers["connection"] == "close"
    text = (first.choices[0].delta.content or "") + "".join(rest)
    assert text == " ".join([ANSWER] * 3)
    assert [process.returncode for process in up.pod.processes.values()] == [0, 0, 0]


def broken_pod(directory: Path, clusters: str) -> str:
    """What the pod's init containers say before it fails."""
    changes = {
        "gateway": {"document": made_document(directory / "llm-secret-openai", TARGETS)},
        "clusters": {"files": {"clusters.yaml": clusters}},
    }
    pod = made_pod(manifests(changes), directory)
    with pytest.raises(AssertionError) as caught:
        pod.start()
    assert pod.processes == {}
    return f"{pod.log('llm-render')}{caught.value}"


def test_a_cluster_that_envoy_refuses_fails_the_pod_with_its_words_and_ours(tmp_path: Path) -> None:
    said = broken_pod(tmp_path, cluster_file({"openai": 1}, connect_timout="2s"))
    assert "clusters.yaml: resources[0]: error: Cluster has no field 'connect_timout'" in said
    assert "(did you mean 'connect_timeout'?)" in said
    assert "llm-validate failed" in said
    assert "error initializing configuration" in said


def test_a_cluster_that_only_the_gateway_misses_fails_the_pod(tmp_path: Path) -> None:
    said = broken_pod(tmp_path, cluster_file({"opnai": 1}))
    assert "llm-check failed" in said
    assert "names the cluster 'openai', which Envoy does not have (did you mean 'opnai'?)" in said
