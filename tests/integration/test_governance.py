"""Limits and budgets as the official SDKs meet them, through real Envoy."""

import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2 as httpx
import openai
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import document, key, keys
from tests.integration.gateway import Gateway, running_gateway, wait_until

SIMULATORS = {
    "openai": Settings(formats=("openai",), log_size=200),
    "anthropic": Settings(formats=("anthropic",), log_size=200),
    "azure": Settings(formats=("azure",), log_size=20),
    "down": Settings(formats=("openai",), always="status=503", log_size=20),
}
PRICES = [
    {"provider": "openai", "model": "gpt-4o-mini", "input": "1.00", "output": "2.00"},
    {"provider": "anthropic", "model": "claude-sonnet-4-6", "input": "1.00", "output": "2.00"},
    {"provider": "openai", "model": "text-embedding-3-small", "input": "1.00", "output": "0"},
]
FAST = "[[tokens=20 rate=2000]] count"
SLOW = "[[tokens=3000 rate=500]] count"


def governed() -> dict[str, Any]:
    """A key for each thing that can end: each test has its own, so that their order does not matter."""
    names = (
        "poor",
        "broke",
        "short",
        "shortanthropic",
        "shortresponses",
        "rated",
        "flow",
        "single",
        "quota",
        "free",
        "stayer",
    )
    boring = [key(name, f"sk-{name}", team=name) for name in names]
    special = [
        key("aliased", "sk-aliased", aliases={"fast": "gpt-4o-mini"}),
        key("embedder", "sk-embedder", endpoints=["/v1/embeddings", "/v1/models*"]),
        key("inside", "sk-inside", networks=["127.0.0.0/8"]),
        key("outside", "sk-outside", networks=["203.0.113.0/24"]),
        key("blocked", "sk-blocked", blocked=True),
        key("unpriced", "sk-unpriced", team="poor"),
    ]
    models = [*document()["models"], {"name": "homemade", "targets": ["openai"]}]
    return document(
        models=models,
        keys=keys(*boring, *special),
        accounting={"prices": PRICES, "quantum_tokens": 64},
        limits={
            "rules": [
                {
                    "name": "rated",
                    "scope": "key",
                    "of": "rated",
                    "requests": {"amount": 60, "per": "minute", "burst": 2},
                },
                {"name": "flow", "scope": "key", "of": "flow", "tokens": {"amount": 600, "per": "minute"}},
                {"name": "single", "scope": "key", "of": "single", "concurrent": 1},
                {"name": "quota", "scope": "key", "of": "quota", "requests": {"amount": 100, "per": "hour"}},
            ]
        },
        budgets=[
            {"name": "poor", "scope": "team", "of": "poor", "amount": "1.00", "window": {"rolling": "24h"}},
            {"name": "broke", "scope": "key", "of": "broke", "amount": "0.000001", "window": {"calendar": "month"}},
            {"name": "short", "scope": "key", "of": "short", "tokens": 500, "window": "total"},
            {"name": "stayer", "scope": "key", "of": "stayer", "tokens": 500, "window": "total"},
            {"name": "shorta", "scope": "key", "of": "shortanthropic", "tokens": 500, "window": "total"},
            {"name": "shortr", "scope": "key", "of": "shortresponses", "tokens": 500, "window": "total"},
            {"name": "quota", "scope": "key", "of": "quota", "amount": "5.00", "window": {"calendar": "day"}},
        ],
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with running_gateway(governed(), SIMULATORS) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.clear()
    return running


def sdk(gateway: Gateway, name: str, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.base_url, api_key=f"sk-{name}", **options)


def claude(gateway: Gateway, name: str, **options: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key=f"sk-{name}", **options)


def ask(client: openai.OpenAI, prompt: str = FAST, **more: Any) -> Any:
    return client.chat.completions.create(
        model=more.pop("model", "gpt-4o-mini"), messages=[{"role": "user", "content": prompt}], **more
    )


def quota(gateway: Gateway, name: str) -> dict[str, Any]:
    answer = httpx.get(f"{gateway.base_url}/quota", headers={"authorization": f"Bearer sk-{name}"})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


# -- money ------------------------------------------------------------------------------------------------------------


def test_a_spent_budget_is_402_and_is_not_tried_again(gateway: Gateway) -> None:
    with sdk(gateway, "broke", max_retries=2) as client, pytest.raises(openai.APIStatusError) as caught:
        ask(client)
    assert caught.value.status_code == 402
    assert type(caught.value) is openai.APIStatusError
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["code"] == "budget_exceeded"
    assert body["type"] == "insufficient_quota"
    assert (body["budget"], body["scope"], body["limit"], body["spent"]) == ("broke", "key", "0.000001", "0.00")
    assert body["currency"] == "USD"
    assert body["resets_at"].endswith("-01T00:00:00Z")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(gateway.simulator("openai").log) == 0
    assert [line["status"] for line in _access_lines(gateway, "broke")] == [402]


def test_anthropics_sdk_sees_a_spent_budget_in_its_own_words(gateway: Gateway) -> None:
    before = len(_access_lines(gateway, "broke"))
    with claude(gateway, "broke", max_retries=2) as client, pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model="claude-sonnet-4-6", max_tokens=100, messages=[{"role": "user", "content": FAST}])
    assert caught.value.status_code == 402
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["error"]["type"] == "billing_error"
    assert body["error"]["budget"] == "broke"
    wait_until(lambda: len(_access_lines(gateway, "broke")) == before + 1, 5, "one line in the access log")


def test_what_an_answer_cost_is_spent(gateway: Gateway) -> None:
    with sdk(gateway, "quota") as client:
        answer = ask(client, max_tokens=50)
    cost = answer.usage.prompt_tokens * 1000 + answer.usage.completion_tokens * 2000
    wait_until(lambda: quota(gateway, "quota")["budgets"][0]["reserved"] == "0.00", 5, "the settlement")
    budget = quota(gateway, "quota")["budgets"][0]
    assert budget["spent"] == f"0.{cost:09d}".rstrip("0")
    assert budget["limit"] == "5.00"


def test_a_model_without_a_price_is_not_for_a_budget_of_money(gateway: Gateway) -> None:
    with sdk(gateway, "unpriced") as client, pytest.raises(openai.PermissionDeniedError) as caught:
        ask(client, model="homemade")
    assert caught.value.code == "model_without_price"


def test_a_failed_request_costs_nothing(gateway: Gateway) -> None:
    before = quota(gateway, "poor")["budgets"][0]["spent"]
    with sdk(gateway, "poor", max_retries=0) as client, pytest.raises(openai.InternalServerError):
        ask(client, "[[status=500]]")
    wait_until(lambda: quota(gateway, "poor")["budgets"][0]["reserved"] == "0.00", 5, "the release")
    assert quota(gateway, "poor")["budgets"][0]["spent"] == before


# -- streams that end in the middle -----------------------------------------------------------------------------------


def test_a_stream_ends_with_an_error_event_when_its_budget_does(gateway: Gateway) -> None:
    before = _produced(gateway, "openai")
    received: list[Any] = []
    with sdk(gateway, "short") as client, pytest.raises(openai.APIError) as caught:
        received.extend(ask(client, SLOW, stream=True))
    assert caught.value.code == "budget_exceeded"
    assert "does not pay" in caught.value.message
    assert 300 <= len(received) <= 520
    assert _produced(gateway, "openai") - before <= 560
    spent = _settled(gateway, "short")
    assert 490 <= spent <= 500 + 64


def test_anthropics_sdk_sees_the_end_in_its_own_words(gateway: Gateway) -> None:
    with (
        claude(gateway, "shortanthropic") as client,
        client.messages.stream(
            model="claude-sonnet-4-6", max_tokens=4000, messages=[{"role": "user", "content": SLOW}]
        ) as stream,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        stream.until_done()
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["error"]["code"] == "budget_exceeded"
    assert 480 <= _settled(gateway, "shortanthropic") <= 500 + 64


def test_the_responses_api_sees_the_end_too(gateway: Gateway) -> None:
    with sdk(gateway, "shortresponses") as client, pytest.raises(openai.APIError) as caught:
        for _ in client.responses.create(model="gpt-4o-mini", input=SLOW, stream=True):
            pass
    assert caught.value.code == "budget_exceeded"
    assert 490 <= _settled(gateway, "shortresponses") <= 500 + 64


def test_a_caller_who_stays_after_the_end_is_sent_away(gateway: Gateway) -> None:
    """The last event and the terminator are there, then the connection is closed and the provider is let go."""
    asked = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": SLOW}]}
    received = bytearray()
    began = time.monotonic()
    with (
        httpx.Client(timeout=20) as client,
        client.stream(
            "POST", f"{gateway.base_url}/chat/completions", json=asked, headers={"authorization": "Bearer sk-stayer"}
        ) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        _read_on(answer, received)
    assert b'"budget_exceeded"' in received
    assert received.endswith(b"data: [DONE]\n\n")
    assert time.monotonic() - began < 10


# -- rates ------------------------------------------------------------------------------------------------------------


def test_a_rate_limit_tells_how_long_to_wait_and_is_true(gateway: Gateway) -> None:
    with sdk(gateway, "rated", max_retries=0) as client:
        first = client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": FAST}]
        )
        assert first.headers["x-ratelimit-limit-requests"] == "2"
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        ask(client)
        with pytest.raises(openai.RateLimitError) as caught:
            _ask_often(client)
        headers = caught.value.response.headers
        assert headers["retry-after"] == "1"
        assert 0 < int(headers["retry-after-ms"]) <= 1000
        time.sleep(int(headers["retry-after-ms"]) / 1000)
        ask(client)


def test_the_sdk_waits_as_it_is_told_and_succeeds(gateway: Gateway) -> None:
    with sdk(gateway, "rated", max_retries=3) as client:
        for _ in range(3):
            ask(client)


def test_a_request_larger_than_its_limit_is_not_tried_again(gateway: Gateway) -> None:
    before = len(_access_lines(gateway, "flow"))
    with sdk(gateway, "flow", max_retries=2) as client, pytest.raises(openai.RateLimitError) as caught:
        ask(client, "word " * 2000)
    assert "will not fit later" in caught.value.message
    wait_until(lambda: len(_access_lines(gateway, "flow")) == before + 1, 5, "one line in the access log")


def test_one_request_at_a_time(gateway: Gateway) -> None:
    with sdk(gateway, "single", max_retries=0) as client:
        stream = ask(client, "[[tokens=200 rate=100]] count", stream=True)
        next(iter(stream))
        with pytest.raises(openai.RateLimitError):
            ask(client)
        stream.close()
        wait_until(lambda: _succeeds(client), 5, "the slot")


# -- who may ----------------------------------------------------------------------------------------------------------


def test_a_key_may_have_names_of_its_own_for_models(gateway: Gateway) -> None:
    with sdk(gateway, "aliased") as client:
        answer = client.chat.completions.with_raw_response.create(
            model="fast", messages=[{"role": "user", "content": FAST}]
        )
    assert answer.headers["x-gateway-backend"] == "openai"
    assert json.loads(gateway.simulator("openai").log.last.body)["model"] == "gpt-4o-mini"


def test_a_key_may_be_for_some_endpoints(gateway: Gateway) -> None:
    with sdk(gateway, "embedder") as client:
        client.embeddings.create(model="text-embedding-3-small", input="hello")
        client.models.list()
        with pytest.raises(openai.PermissionDeniedError) as caught:
            ask(client)
    assert caught.value.code == "endpoint_not_allowed"


def test_a_key_may_be_for_some_networks(gateway: Gateway) -> None:
    with sdk(gateway, "inside") as client:
        ask(client)
    forged = {"x-forwarded-for": "203.0.113.7", "x-real-ip": "203.0.113.7", "forwarded": "for=203.0.113.7"}
    with (
        sdk(gateway, "outside", default_headers=forged) as client,
        pytest.raises(openai.PermissionDeniedError) as caught,
    ):
        ask(client)
    assert caught.value.code == "network_not_allowed"


def test_a_blocked_key_is_refused(gateway: Gateway) -> None:
    with sdk(gateway, "blocked") as client, pytest.raises(openai.AuthenticationError):
        ask(client)


def test_a_key_without_limits_is_told_of_none(gateway: Gateway) -> None:
    found = quota(gateway, "free")
    assert (found["key"], found["limits"], found["budgets"]) == ("free", [], [])


def test_the_holder_of_a_key_sees_its_quota(gateway: Gateway) -> None:
    found = quota(gateway, "quota")
    limit = found["limits"][0]
    assert (limit["name"], limit["limit"], limit["per_seconds"]) == ("quota.requests", 100, 3600)
    assert found["budgets"][0]["window"] == "calendar day UTC"


@pytest.mark.parametrize("bad", ["sk-' OR '1'='1", "sk-poor\u00e9", "sk-poor%0d%0ax-evil: 1", "a" * 5000])
def test_a_strange_key_is_an_unknown_key(gateway: Gateway, bad: str) -> None:
    answer = httpx.get(f"{gateway.base_url}/quota", headers={"authorization": b"Bearer " + bad.encode()})
    assert answer.status_code == 401
    assert json.loads(answer.content)["error"]["code"] == "invalid_api_key"
    assert "x-evil" not in answer.headers


# -- pieces -----------------------------------------------------------------------------------------------------------


def _read_on(answer: httpx.Response, received: bytearray) -> None:
    for piece in answer.iter_bytes():
        received += piece


def _ask_often(client: openai.OpenAI) -> None:
    for _ in range(3):
        ask(client)


def _succeeds(client: openai.OpenAI) -> bool:
    try:
        ask(client)
    except openai.RateLimitError:
        return False
    return True


def _access_lines(gateway: Gateway, alias: str) -> list[dict[str, Any]]:
    time.sleep(0.05)
    return [line for line in gateway.access_log() if line.get("key") == alias]


def _settled(gateway: Gateway, name: str) -> int:
    wait_until(lambda: quota(gateway, name)["budgets"][0]["reserved"] == 0, 10, "the settlement")
    spent: int = quota(gateway, name)["budgets"][0]["spent"]
    return spent


def _produced(gateway: Gateway, name: str) -> int:
    """What the provider wrote until nobody listened any more."""
    wait_until(lambda: gateway.simulator(name).stats.open == 0, 5, "the end of the provider's answer")
    return gateway.simulator(name).stats.output_tokens
