"""What is counted, and that it is counted once, however an exchange ends."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway, wait_until
from tests.integration.raw import chat, request, send

SIMULATORS = {
    "openai": Settings(formats=("openai",)),
    "anthropic": Settings(formats=("anthropic",)),
    "down": Settings(formats=("openai",), always="status=503"),
}
UPSTREAM = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-6", "down": "gpt-4o"}
# A token of input costs 1,000 nano-dollars and one of output 10,000.
PRICES = [{"provider": provider, "model": UPSTREAM[provider], "input": 1.0, "output": 10.0} for provider in SIMULATORS][
    :2
]

# Every test has a model of its own, so that its numbers are its own too.
MODELS = {
    **{f"{case}-{name}": (name,) for name in ("openai", "anthropic") for case in ("whole", "left", "reset", "counted")},
    "streamed": ("openai",),
    "literal": ("openai",),
    "fallen-back": ("down", "openai"),
    "given-up": ("openai",),
}


def made() -> dict[str, object]:
    models = [
        {"name": model, "targets": [{"backend": name, "model": UPSTREAM[name]} for name in names]}
        for model, names in MODELS.items()
    ]
    unpriced = {"name": "unpriced", "targets": [{"backend": "openai", "model": "a-model-of-no-price"}]}
    return document(
        backends=[
            backend("openai", "openai", provider="openai"),
            backend("anthropic", "anthropic"),
            backend("down", "openai", provider="openai"),
        ],
        models=[*models, unpriced],
        keys=keys(key("demo", KEY, team="platform")),
        accounting={"prices": PRICES},
    )


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway(made(), SIMULATORS) as running:
        yield running


def ended(gateway: Gateway, model: str, count: int = 1) -> None:
    """Waits for the exchanges of a model to end; there must not be more of them than that."""
    wait_until(lambda: gateway.metric("llm_gateway_requests_total", model=model) == count, 5.0, f"{count} x {model}")
    wait_until(lambda: gateway.metric("llm_gateway_open_exchanges") == 0, 5.0, "the end of all exchanges")


def tokens(gateway: Gateway, model: str, *, estimated: bool = False) -> tuple[float, float]:
    """Input and output."""
    labels = {"model": model, "estimated": str(estimated).lower()}
    name = "llm_gateway_tokens_total"
    return gateway.metric(name, type="input", **labels), gateway.metric(name, type="output", **labels)


def nano_dollars(gateway: Gateway, model: str) -> int:
    return round(gateway.metric("llm_gateway_cost_usd_total", model=model) * 1e9)


def outcome(gateway: Gateway, model: str, error_type: str) -> float:
    name = "gen_ai_client_operation_duration_seconds_count"
    return gateway.metric(name, gen_ai_request_model=model, error_type=error_type)


@contextmanager
def begun_stream(gateway: Gateway, model: str, directives: str) -> Iterator[socket.socket]:
    """A stream that some of has arrived; the connection closes with the context."""
    with socket.create_connection(("127.0.0.1", gateway.port), 10.0) as sock:
        sock.sendall(request(chat(f"Hello [[{directives}]]", model, stream=True)))
        seen = b""
        while seen.count(b"data:") < 4:
            seen += sock.recv(4096)
        yield sock


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_whole_answer(gateway: Gateway, name: str) -> None:
    model = f"whole-{name}"
    answer = send(gateway.port, request(chat(model=model)))
    ended(gateway, model)
    assert tokens(gateway, model) == (1, 14)
    assert nano_dollars(gateway, model) == 141_000
    assert answer.headers["x-gateway-cost"] == "0.000141"
    assert outcome(gateway, model, "") == 1


def test_a_stream_costs_what_the_whole_would(gateway: Gateway) -> None:
    for _ in range(3):
        send(gateway.port, request(chat(model="streamed", stream=True)))
    ended(gateway, "streamed", 3)
    assert tokens(gateway, "streamed") == (3, 42)
    assert nano_dollars(gateway, "streamed") == 423_000
    assert gateway.metric("gen_ai_client_operation_time_to_first_chunk_seconds_count") >= 3


WHO = 'backend="openai",{0}key="demo",model="literal",operation="chat",provider="openai"{1},team="platform"'
OPERATION = (
    'backend="openai",gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="literal"'
    ',gen_ai_token_type="{0}"{1},team="platform"'
)
EXPOSED = (
    "llm_gateway_requests_total{" + WHO.format("", ',status="200"') + "} 1.0",
    "llm_gateway_cost_usd_total{" + WHO.format("", "") + "} 0.000141",
    "llm_gateway_tokens_total{" + WHO.format('estimated="false",', "") + ',type="output"} 14.0',
    'llm_gateway_attempts_total{model="literal"} 1.0',
    "gen_ai_client_token_usage_sum{" + OPERATION.format("input", "") + "} 1.0",
    "gen_ai_client_token_usage_bucket{" + OPERATION.format("output", ',le="16.0"') + "} 1.0",
    "gen_ai_client_token_usage_bucket{" + OPERATION.format("output", ',le="4.0"') + "} 0.0",
)


def test_the_text_that_prometheus_reads(gateway: Gateway) -> None:
    send(gateway.port, request(chat(model="literal")))
    ended(gateway, "literal")
    lines = gateway.admin("/metrics")[1].decode().splitlines()
    assert [line for line in EXPOSED if line not in lines] == []


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_caller_that_hangs_up_pays_for_what_was_made(gateway: Gateway, name: str) -> None:
    model, stats = f"left-{name}", gateway.simulator(name).stats
    abandoned = stats.abandoned
    with begun_stream(gateway, model, "tokens=3000 rate=30"):
        pass
    ended(gateway, model)
    wait_until(lambda: stats.abandoned == abandoned + 1, 5.0, "the end of the upstream request")
    given, produced = tokens(gateway, model, estimated=True)
    assert given > 0
    assert 0 < produced < 300
    assert nano_dollars(gateway, model) == given * 1_000 + produced * 10_000
    assert outcome(gateway, model, "cancelled") == 1


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_provider_that_resets_is_paid_for_what_it_made(gateway: Gateway, name: str) -> None:
    model = f"reset-{name}"
    answer = send(gateway.port, request(chat("Hello [[reset_after=8 rate=100]]", model, stream=True)))
    assert not answer.whole
    ended(gateway, model)
    given, produced = tokens(gateway, model, estimated=True)
    assert given > 0
    assert 0 < produced <= 14
    assert nano_dollars(gateway, model) == given * 1_000 + produced * 10_000
    assert outcome(gateway, model, "") == 0


@pytest.mark.parametrize(("name", "stream"), [("openai", False), ("anthropic", True)])
def test_tokens_are_counted_where_the_provider_does_not(gateway: Gateway, name: str, stream: bool) -> None:
    model = f"counted-{name}"
    send(gateway.port, request(chat("Hello [[no_usage]]", model, stream=stream)))
    ended(gateway, model)
    assert tokens(gateway, model, estimated=True) == (12, 17)  # of the vocabulary o200k_base
    assert tokens(gateway, model) == (0, 0)
    assert nano_dollars(gateway, model) == 182_000


def test_a_model_without_a_price_is_never_free(gateway: Gateway) -> None:
    answer = send(gateway.port, request(chat(model="unpriced")))
    ended(gateway, "unpriced")
    assert "x-gateway-cost" not in answer.headers
    assert tokens(gateway, "unpriced") == (1, 14)
    assert gateway.metric("llm_gateway_unknown_cost_total", model="unpriced") == 1
    assert "unpriced" not in [
        line for line in gateway.admin("/metrics")[1].decode().splitlines() if line.startswith("llm_gateway_cost")
    ]


def test_a_fallback_is_one_exchange_of_two_attempts(gateway: Gateway) -> None:
    send(gateway.port, request(chat(model="fallen-back")))
    ended(gateway, "fallen-back")
    assert gateway.metric("llm_gateway_attempts_total", model="fallen-back") == 2
    assert gateway.metric("llm_gateway_fallbacks_total", from_backend="down", backend="openai") == 1
    assert gateway.metric("llm_gateway_requests_total", model="fallen-back", backend="openai", status="200") == 1
    assert nano_dollars(gateway, "fallen-back") == 141_000


def test_a_caller_that_does_not_wait_for_the_answer(gateway: Gateway) -> None:
    abandoned = gateway.simulator("openai").stats.abandoned
    with socket.create_connection(("127.0.0.1", gateway.port), 10.0) as sock:
        sock.sendall(request(chat("Hello [[slow_headers=20]]", "given-up")))
        wait_until(lambda: gateway.metric("llm_gateway_open_exchanges") == 1, 5.0, "the exchange")
    ended(gateway, "given-up")
    assert gateway.metric("llm_gateway_requests_total", model="given-up", status="0") == 1
    assert nano_dollars(gateway, "given-up") == 14_000  # what was asked, by our own count: the provider has read it
    wait_until(lambda: gateway.simulator("openai").stats.abandoned == abandoned + 1, 5.0, "the end upstream")


def test_an_envoy_that_dies_leaves_every_exchange_accounted() -> None:
    with running_gateway(made(), SIMULATORS) as gateway:
        with begun_stream(gateway, "left-openai", "tokens=3000 rate=30"):
            gateway.processes["envoy"].send_signal(signal.SIGKILL)
        ended(gateway, "left-openai")
        assert tokens(gateway, "left-openai", estimated=True)[1] > 0
        assert json.loads(gateway.admin("/healthz")[1])["ok"] is True
