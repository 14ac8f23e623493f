"""Reloads, drains, deaths: what is under way ends well, what comes next is served."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway, wait_until

SIMULATORS = {"openai": Settings(formats=("openai",), log_size=100)}
HEADERS = {"authorization": f"Bearer {KEY}"}
SLOW = "[[tokens=30 rate=15]]"


def made(*models: str, **changes: Any) -> dict[str, Any]:
    """A document with these models, all of them at one backend."""
    return document(
        backends=[backend("openai", "openai", **changes)],
        models=[{"name": name, "targets": ["openai"]} for name in models or ("gpt-4o-mini",)],
        keys=keys(key("demo", KEY)),
    )


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running_gateway(made(), SIMULATORS) as running:
        yield running


@pytest.fixture
def pair() -> Iterator[Gateway]:
    with running_gateway(made(), SIMULATORS, workers=2) as running:
        yield running


def body(model: str = "gpt-4o-mini", content: str = "Hello", *, stream: bool = False) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": content}], "stream": stream}


def ask(gateway: Gateway, model: str = "gpt-4o-mini") -> httpx.Response:
    return httpx.post(f"{gateway.base_url}/chat/completions", json=body(model), headers=HEADERS, timeout=10)


@contextmanager
def slow_stream(gateway: Gateway) -> Iterator[Callable[[], str]]:
    """A stream of two seconds that has begun; the function reads the rest and returns its text."""
    asked = body(content=SLOW, stream=True)
    with httpx.stream("POST", f"{gateway.base_url}/chat/completions", json=asked, headers=HEADERS) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data:"))
        first = next(lines)

        def rest() -> str:
            *events, last = [first, *lines]
            assert last == "data: [DONE]"
            chunks = [json.loads(event.removeprefix("data: ")) for event in events]
            return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])

        yield rest


WHOLE_TEXT = " ".join(["these are simulated words that only fill the answer up"] * 3)


def workers(gateway: Gateway) -> list[int]:
    """Process ids of the workers that live."""
    found = subprocess.run(["pgrep", "-P", str(gateway.processes["serve"].pid)], capture_output=True, check=False)
    return [int(line) for line in found.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def events(gateway: Gateway, name: str) -> list[dict[str, Any]]:
    return [line for line in gateway.server_log() if line["event"] == name]


def state(gateway: Gateway) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(gateway.admin("/readyz")[1])
    return shown


# -- the document -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signalled", [False, True], ids=["file watch", "SIGHUP"])
def test_a_new_document_replaces_the_old_under_load(gateway: Gateway, signalled: bool) -> None:
    assert ask(gateway, "new-model").status_code == 404
    before = state(gateway)["workers"][0]["version"]
    with slow_stream(gateway) as rest:
        gateway.rewrite(made("new-model"))
        if signalled:
            gateway.processes["serve"].send_signal(signal.SIGHUP)
        wait_until(lambda: ask(gateway, "new-model").status_code == 200, 5.0, "the new model")
        assert ask(gateway, "gpt-4o-mini").status_code == 404
        assert rest() == WHOLE_TEXT
    assert state(gateway)["workers"][0]["version"] != before


def test_a_bad_document_leaves_the_last_good_one_in_force(gateway: Gateway) -> None:
    mistaken = made()
    mistaken["models"][0]["targets"] = ["opnai"]
    gateway.rewrite(mistaken)
    wait_until(lambda: events(gateway, "configuration rejected"), 5.0, "the rejection")
    (rejected,) = events(gateway, "configuration rejected")
    assert "models[0].targets[0]" in rejected["error"]
    assert "did you mean 'openai'?" in rejected["error"]
    assert ask(gateway).status_code == 200
    assert gateway.admin("/readyz")[0] == 200


def test_a_changed_secret_file_is_picked_up(tmp_path: Path) -> None:
    secret = tmp_path / "credential"
    secret.write_text("first")
    with running_gateway(made(credential={"file": str(secret)}), SIMULATORS) as gateway:
        ask(gateway)
        assert gateway.simulator("openai").log.last.header("authorization") == "Bearer first"
        secret.write_text("second\n")

        def sent() -> str | None:
            ask(gateway)
            return gateway.simulator("openai").log.last.header("authorization")

        wait_until(lambda: sent() == "Bearer second", 5.0, "the new credential")
        assert not any("second" in json.dumps(line) for line in gateway.server_log())


# -- processes --------------------------------------------------------------------------------------------------------


def test_a_drain_lets_an_open_stream_finish(gateway: Gateway) -> None:
    (worker,) = workers(gateway)
    with slow_stream(gateway) as rest:
        gateway.processes["serve"].send_signal(signal.SIGTERM)
        assert rest() == WHOLE_TEXT
    assert gateway.processes["serve"].wait(10) == 0
    assert not is_alive(worker)
    (stopped,) = events(gateway, "worker stopped")
    assert stopped["exchanges_left"] == 0
    refused = ask(gateway)
    assert refused.status_code in (500, 503)
    assert refused.json()["error"].keys() == {"message", "type", "param", "code"}
    assert len(gateway.simulator("openai").log) == 1


def test_a_drain_does_not_wait_longer_than_its_grace() -> None:
    with running_gateway(made(), SIMULATORS, grace=0.2) as gateway, slow_stream(gateway):
        gateway.processes["serve"].send_signal(signal.SIGTERM)
        assert gateway.processes["serve"].wait(10) == 0


def test_a_worker_that_dies_is_replaced_and_the_other_serves(pair: Gateway) -> None:
    victim, survivor = workers(pair)
    os.kill(victim, signal.SIGKILL)
    answers = [ask(pair) for _ in range(40)]
    wrong = [answer for answer in answers if answer.status_code != 200]
    assert len(wrong) <= 3  # what Envoy sent there before it noticed
    assert all(answer.json()["error"]["code"] == "internal_error" for answer in wrong)
    assert is_alive(survivor)
    wait_until(lambda: pair.admin("/readyz")[0] == 200, 10.0, "the new worker")
    assert sorted(worker["restarts"] for worker in state(pair)["workers"]) == [0, 1]
    assert victim not in workers(pair)
    (died,) = events(pair, "worker died")
    assert died["exit_code"] == -signal.SIGKILL
    assert pair.metric("llm_gateway_open_exchanges") == 0


def test_what_a_dying_worker_was_doing_ends_in_an_error(gateway: Gateway) -> None:
    (worker,) = workers(gateway)
    with slow_stream(gateway) as rest:
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(httpx.RemoteProtocolError):
            rest()
    wait_until(lambda: gateway.simulator("openai").stats.abandoned == 1, 5.0, "the end of the upstream request")
    wait_until(lambda: ask(gateway).status_code == 200, 10.0, "the new worker")


def test_workers_do_not_outlive_their_supervisor(pair: Gateway) -> None:
    left = workers(pair)
    pair.processes["serve"].kill()
    pair.processes["serve"].wait(5)
    wait_until(lambda: not any(map(is_alive, left)), 5.0, "the end of the workers")


# -- the admin port ---------------------------------------------------------------------------------------------------


def test_metrics_are_those_of_all_workers(pair: Gateway) -> None:
    for _ in range(20):
        ask(pair)
    wait_until(lambda: pair.metric("llm_gateway_requests_total", status="200") == 20, 5.0, "20 requests")
    assert pair.metric("llm_gateway_attempts_total", model="gpt-4o-mini") == 20
    assert pair.metric("gen_ai_client_operation_duration_seconds_count") == 20
    assert pair.metric("llm_gateway_config_last_reload_successful") == 1


def test_the_admin_port_shows_no_secret(gateway: Gateway) -> None:
    assert gateway.admin("/healthz")[0] == 200
    assert state(gateway)["ok"] is True
    status, shown = gateway.admin("/config")
    view = json.loads(shown)
    assert status == 200
    assert view["backends"][0]["credential"] == "***"
    assert view["models"] == [{"name": "gpt-4o-mini", "targets": [{"backend": "openai", "model": "gpt-4o-mini"}]}]
    for path in ("/config", "/metrics", "/healthz", "/readyz"):
        text = gateway.admin(path)[1].decode()
        assert "credential-of-openai" not in text
        assert KEY not in text
        assert keys(key("demo", KEY))["entries"][0]["digest"] not in text
    assert gateway.admin("/nothing")[0] == 404
