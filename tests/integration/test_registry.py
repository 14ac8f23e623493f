"""Keys of the registry through real Envoy: made over the admin API, known to every worker within a second."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.integration.conftest import SIMULATORS
from tests.integration.documents import document, key, keys
from tests.integration.gateway import ROOT, Gateway, running_gateway, wait_until
from tests.store.servers import Server, data_server

TOKEN = "an-admin-token-of-many-letters"
FAST = "[[tokens=5 rate=2000]] count"
WORKERS = 2
ASKED_OF_ALL = 6  # requests that meet both workers, nearly always


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def gateway(redis: Server) -> Iterator[Gateway]:
    made = document(
        store={"redis": {"url": f"redis://127.0.0.1:{redis.port}/0", "timeout_ms": 2000}},
        keys={**keys(key("demo", "sk-demo", team="platform")), "registry": True},
        admin={"tokens": [{"value": TOKEN}]},
        accounting={
            "prices": [{"provider": "openai", "model": "gpt-4o-mini", "input": "1.00", "output": "2.00"}],
        },
        budgets=[{"name": "day", "scope": "user", "amount": "0.00001", "window": {"calendar": "day"}}],
    )
    with running_gateway(made, SIMULATORS, workers=WORKERS) as running:
        yield running


def admin(gateway: Gateway, path: str, fields: dict[str, Any] | None = None, token: str = TOKEN) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.admin_port}{path}",
        data=None if fields is None else json.dumps(fields).encode(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def made(gateway: Gateway, **fields: Any) -> dict[str, Any]:
    status, answer = admin(gateway, "/key/generate", fields)
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


def status_of(gateway: Gateway, secret: str) -> int:
    with openai.OpenAI(base_url=gateway.base_url, api_key=secret, max_retries=0) as client:
        try:
            client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": FAST}])
        except openai.APIStatusError as error:
            return error.status_code
    return 200


def everywhere(gateway: Gateway, secret: str) -> set[int]:
    return {status_of(gateway, secret) for _ in range(ASKED_OF_ALL)}


def test_a_key_serves_and_is_blocked_on_every_worker_within_a_second(gateway: Gateway) -> None:
    secret = made(gateway, key_alias="laptop", models=["gpt-4o-mini"])["key"]
    time.sleep(1.0)
    assert everywhere(gateway, secret) == {200}
    assert admin(gateway, "/key/block", {"key": secret})[0] == 200
    time.sleep(1.0)
    assert everywhere(gateway, secret) == {401}
    assert admin(gateway, "/key/unblock", {"key": secret})[0] == 200
    time.sleep(1.0)
    assert everywhere(gateway, secret) == {200}
    assert admin(gateway, "/key/delete", {"keys": [secret]})[0] == 200
    time.sleep(1.0)
    assert everywhere(gateway, secret) == {401}


def test_a_rotated_key_serves_for_its_grace(gateway: Gateway) -> None:
    old = made(gateway, key_alias="rotated")["key"]
    status, answer = admin(gateway, "/key/regenerate", {"key": old, "grace_period": "2s"})
    assert status == 200, answer
    time.sleep(1.0)
    assert everywhere(gateway, answer["key"]) == {200}
    assert status_of(gateway, old) == 200
    time.sleep(1.5)
    assert everywhere(gateway, old) == {401}
    assert everywhere(gateway, answer["key"]) == {200}


def test_a_keys_own_limits_hold_on_all_workers_together(gateway: Gateway) -> None:
    secret = made(gateway, key_alias="limited", rpm_limit=4)["key"]
    time.sleep(1.0)
    answers = [status_of(gateway, secret) for _ in range(8)]
    assert answers.count(200) == 4
    assert answers.count(429) == 4


def test_a_spent_budget_can_be_raised(gateway: Gateway) -> None:
    secret = made(gateway, key_alias="ann-key", user_id="ann")["key"]
    time.sleep(1.0)
    assert status_of(gateway, secret) == 402
    status, answer = admin(
        gateway, "/budget/raise", {"budget": "day", "subject": "ann", "amount": "1.00", "duration": "1h"}
    )
    assert status == 200, answer
    time.sleep(1.0)
    assert everywhere(gateway, secret) == {200}
    status, answer = admin(gateway, "/budget/info?budget=day&subject=ann")
    assert status == 200, answer


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1]])
def test_the_admin_api_wants_its_token(gateway: Gateway, token: str) -> None:
    status, answer = admin(gateway, "/key/list", token=token)
    assert status == 401
    assert answer["error"]["code"] == "invalid_admin_token"


def test_the_api_is_described(gateway: Gateway) -> None:
    status, described = admin(gateway, "/openapi.json")
    assert status == 200
    assert described["openapi"].startswith("3.1")
    assert "/key/generate" in described["paths"]


def test_a_made_up_key_is_refused_without_asking_the_store(gateway: Gateway, redis: Server) -> None:
    with redis.client() as client:
        before = client.info("stats")["total_commands_processed"]
        began = time.monotonic()
        for number in range(200):
            assert status_of(gateway, f"sk-{number:060}") == 401
        seconds = time.monotonic() - began
        asked = client.info("stats")["total_commands_processed"] - before
    assert asked <= 60 + 40 * seconds  # what the workers ask for of themselves, some times a second


def test_the_command_line_does_the_same(gateway: Gateway, tmp_path: Path) -> None:
    created = json.loads(_command(gateway, "keys", "create", "--alias", "from-the-shell", "--json").stdout)
    time.sleep(1.0)
    assert status_of(gateway, created["key"]) == 200
    assert "from-the-shell" in _command(gateway, "keys", "list").stdout
    assert created["key"] not in _command(gateway, "keys", "list").stdout
    _command(gateway, "keys", "block", created["key_id"])
    wait_until(lambda: status_of(gateway, created["key"]) == 401, 2, "the block")
    assert "day" in _command(gateway, "budgets", "list").stdout
    refused = _command(gateway, "keys", "show", "nobody", fails=True)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1


def test_keys_serve_on_while_the_store_is_away(gateway: Gateway, redis: Server) -> None:
    """Last: the store's data is gone afterwards."""
    secret = made(gateway, key_alias="loyal", rpm_limit=1000)["key"]
    budgeted = made(gateway, key_alias="budgeted", user_id="bea")["key"]
    time.sleep(1.0)
    redis.kill()
    began = time.monotonic()
    assert status_of(gateway, secret) == 200  # within its share of the limit
    assert status_of(gateway, budgeted) == 503  # a budget denies what it cannot check
    assert time.monotonic() - began < 2 * 2.0 + 2.0
    assert gateway.metric("llm_gateway_decisions_without_store_total", policy="local") >= 1
    assert gateway.metric("llm_gateway_decisions_without_store_total", policy="deny") >= 1
    wait_until(lambda: gateway.metric("llm_gateway_store_available") == 0, 5, "the metric")
    status, answer = admin(gateway, "/key/generate", {"key_alias": "late"})
    assert (status, answer["error"]["code"]) == (503, "store_unavailable")


def _command(gateway: Gateway, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
    url = f"http://127.0.0.1:{gateway.admin_port}"
    done = subprocess.run(
        [sys.executable, "-m", "extproc", *arguments, "--admin", url],
        env={**os.environ, "LLM_GATEWAY_ADMIN_TOKEN": TOKEN},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert fails or done.returncode == 0, done.stderr
    return done
