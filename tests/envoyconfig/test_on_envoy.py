"""What the rendered configuration makes the real Envoy do, with a fake ext_proc server and fake providers."""

import json
import tempfile
from pathlib import Path

import pytest

from tests.envoyconfig.fakes import running


@pytest.fixture(scope="module")
def rig():
    with tempfile.TemporaryDirectory(prefix="ec-") as directory, running(Path(directory)) as running_rig:
        yield running_rig


@pytest.fixture(autouse=True)
def forget(rig):
    rig.server.attempts.clear()
    rig.server.usage.clear()
    for provider in rig.providers.values():
        provider.received.clear()


def only(received):
    (request,) = received
    return request


def test_the_first_attempt_asks_the_server_once(rig):
    status, _, body = rig.post(x_chain="one,two")
    assert (status, body) == (200, b'{"from": "one"}')
    assert rig.server.attempts == []


def test_the_next_attempt_goes_to_the_next_cluster_with_its_own_credential_and_body(rig):
    status, _, body = rig.post(b'{"first": 1}', x_chain="one,two", x_provider="one=503")
    assert (status, body) == (200, b'{"from": "two"}')

    first, first_body = only(rig.providers["one"].received)
    second, second_body = only(rig.providers["two"].received)
    assert (first["authorization"], first["content-length"], first_body) == ("Bearer one", "12", b'{"first": 1}')
    assert (second["authorization"], second["content-length"], second_body) == ("Bearer two", "15", b'{"again": true}')


def test_the_attempt_filter_names_worker_exchange_cluster_and_number_and_no_credential(rig):
    rig.post(x_chain="one,two", x_provider="one=429")
    assert rig.server.attempts == [
        {"x-llm-worker": rig.address, "x-llm-exchange": "e1", "cluster": "two", "number": 2.0, "headers": [":path"]}
    ]


def test_a_chain_ends_where_the_server_says_it_does(rig):
    status, _, body = rig.post(x_chain="one", x_provider="one=503")
    assert (status, body) == (503, b'{"from": "one"}')
    assert len(rig.providers["one"].received) == 1


def test_a_refused_connection_goes_on_to_the_next_cluster(rig):
    status, _, body = rig.post(x_chain="closed,two")
    assert (status, body) == (200, b'{"from": "two"}')


def test_providers_see_nothing_of_the_gateway_or_the_client(rig):
    rig.post(x_forwarded_for="10.1.1.1", cookie="a=b", x_llm_cluster="two", x_envoy_max_retries="9")
    headers, _ = only(rig.providers["one"].received)
    internal = ("x-llm-", "x-envoy-", "x-forwarded-", "cookie", "accept-encoding")
    assert [name for name in headers if name.startswith(internal)] == []


def test_a_clients_internal_headers_choose_nothing(rig):
    rig.post(x_llm_cluster="two", x_llm_usage="native")
    assert len(rig.providers["one"].received) == 1
    assert rig.providers["two"].received == []


def test_a_clients_request_id_is_replaced(rig):
    _, headers, _ = rig.post(x_request_id="mine")
    sent, _ = only(rig.providers["one"].received)
    assert headers["x-request-id"] == sent["x-request-id"] != "mine"


def test_a_providers_cookies_stay_with_the_gateway(rig):
    _, headers, _ = rig.post()
    assert "set-cookie" not in headers


def test_the_servers_own_answer_is_left_as_it_is(rig):
    status, _, body = rig.post(x_act="refuse")
    assert (status, body) == (503, b'{"error": "mine"}')


@pytest.mark.parametrize(
    ("act", "status", "code", "message"),
    [
        ({"x_act": "crash"}, 500, "internal_error", "The gateway failed to handle the request."),
        (
            {"x_chain": "closed"},
            503,
            "no_backend_available",
            "No provider could be reached. Try again later.",
        ),
        ({"x_chain": "unheard-of"}, 503, "no_backend_available", "No provider could be reached. Try again later."),
        ({"body": b"x" * 3_000_000}, 413, "request_too_large", "The request body is too large."),
    ],
    ids=["server-failed", "no-connection", "no-cluster", "too-large"],
)
def test_envoys_own_answers_are_openais_error_objects(rig, act, status, code, message):
    got, headers, body = rig.post(**act)
    error = json.loads(body)["error"]
    assert (got, headers["content-type"]) == (status, "application/json")
    assert (error["code"], error["message"], error["param"]) == (code, message, None)
    assert [provider.received for provider in rig.providers.values()] == [[], []]


def test_native_usage_comes_once_at_the_end_of_a_stream(rig):
    _, _, body = rig.post(x_usage="native", x_provider="one=sse")
    assert body.endswith(b"data: [DONE]\n\n")
    assert rig.server.usage == ["envoy.ai.token_usage"]


def test_without_asking_there_is_no_native_usage(rig):
    rig.post(x_provider="one=sse")
    assert rig.server.usage == []


def test_access_log_line(rig):
    _, headers, _ = rig.post(x_chain="one,two", x_provider="one=503")
    line = rig.logged(headers["x-request-id"])
    shown = ("status", "model", "cluster", "attempts", "details", "cost_nano_usd")
    assert [line[name] for name in shown] == [200, "m1", "two", 2, "via_upstream", None]
