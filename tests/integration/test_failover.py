"""A provider that fails is replaced by the next one, and neither learns anything of the other."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest

from extproc.simulator.request_log import Received
from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, closed_port, running_gateway

ECHO = "You said: Hello This is a simulated answer, and I am happy to help."
FAULTS = {
    "status-503": "status=503",
    "status-500": "status=500",
    "status-429": "status=429 retry_after=7",
    "status-408": "status=408",
    "html-502": "html_error=502",
    "resets": "reset",
    "hangs-up": "stall=0",  # the connection ends before the headers
    "stalls": "stall=30",
}
SIMULATORS = {
    "openai": Settings(formats=("openai",), log_size=100),
    "anthropic": Settings(formats=("anthropic",), log_size=100),
    "openai-down": Settings(formats=("openai",), always="status=503", log_size=100),
    "anthropic-down": Settings(formats=("anthropic",), always="status=529", log_size=100),
    **{name: Settings(formats=("openai",), always=fault, log_size=100) for name, fault in FAULTS.items()},
}
FORMATS = {name: "anthropic" if name.startswith("anthropic") else "openai" for name in (*SIMULATORS, "refuses")}

OWN_HEADERS = {name: {"headers": {"x-account": f"account-of-{name}"}} for name in ("openai", "openai-down")}


def target(name: str) -> dict[str, str]:
    return {"backend": name, "model": "claude-sonnet-4-6" if FORMATS[name] == "anthropic" else "gpt-4o"}


def chain(name: str, *backends: str) -> dict[str, object]:
    return {"name": name, "targets": [target(one) for one in backends]}


CHAINS = [
    chain("openai-first", "openai-down", "anthropic"),
    chain("anthropic-first", "anthropic-down", "openai"),
    *(chain(f"{name}-first", name, "anthropic") for name in (*FAULTS, "refuses")),
    *(chain(f"only-{name}", name) for name in (*FAULTS, "refuses")),
    chain("middle", "openai-down", "resets", "anthropic"),
    chain("good", "openai", "anthropic"),
    chain("all-three-down", "status-500", "anthropic-down", "status-429"),
    chain("both-unreachable", "status-503", "refuses"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    backends = [backend(name, schema, **OWN_HEADERS.get(name, {})) for name, schema in FORMATS.items()]
    made = document(backends=backends, models=CHAINS, keys=keys(key("demo", KEY)))
    with (
        closed_port() as port,
        running_gateway(made, SIMULATORS, options={"stall_seconds": 2}, ports={"refuses": port}) as gateway,
    ):
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.clear()
    return running


def ask(gateway: Gateway, model: str, content: str = "Hello", **fields: object) -> httpx.Response:
    return httpx.post(
        f"{gateway.base_url}/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": content}], **fields},
        headers={"authorization": f"Bearer {KEY}", "cookie": "a=b", "openai-organization": "org-of-the-caller"},
        timeout=30,
    )


def attempts(gateway: Gateway) -> dict[str, int]:
    """Requests by simulator, as far as there were any."""
    return {name: len(gateway.simulator(name).log) for name in SIMULATORS if len(gateway.simulator(name).log)}


def received(gateway: Gateway, name: str) -> Received:
    (one,) = gateway.simulator(name).log
    return one


def headers(request: Received) -> dict[str, str]:
    """All of them, but for what is different on every call or on every machine."""
    names = [name for name, _ in request.headers]
    assert len(names) == len(set(names))
    varying = ("x-request-id", "user-agent", "accept")
    return {name: value for name, value in request.headers if name not in varying}


OPENAI_BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
ANTHROPIC_BODY = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 4096,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
}


def assert_openai_request(request: Received, name: str) -> None:
    assert (request.method, request.target) == ("POST", "/v1/chat/completions")
    assert json.loads(request.body) == OPENAI_BODY
    assert headers(request) == {
        "host": f"{name}.example.com",
        "content-type": "application/json",
        "authorization": f"Bearer credential-of-{name}",
        "x-account": f"account-of-{name}",
        "content-length": str(len(request.body)),
    }


def assert_anthropic_request(request: Received, name: str) -> None:
    assert (request.method, request.target) == ("POST", "/v1/messages")
    assert json.loads(request.body) == ANTHROPIC_BODY
    assert headers(request) == {
        "host": f"{name}.example.com",
        "content-type": "application/json",
        "x-api-key": f"credential-of-{name}",
        "anthropic-version": "2023-06-01",
        "content-length": str(len(request.body)),
    }


def test_from_openai_to_anthropic(gateway: Gateway) -> None:
    answer = ask(gateway, "openai-first")
    assert answer.json()["choices"][0]["message"]["content"] == ECHO
    assert attempts(gateway) == {"openai-down": 1, "anthropic": 1}
    assert_openai_request(received(gateway, "openai-down"), "openai-down")
    assert_anthropic_request(received(gateway, "anthropic"), "anthropic")


def test_from_anthropic_to_openai(gateway: Gateway) -> None:
    answer = ask(gateway, "anthropic-first")
    assert answer.json()["choices"][0]["message"]["content"] == ECHO
    assert attempts(gateway) == {"anthropic-down": 1, "openai": 1}
    assert_anthropic_request(received(gateway, "anthropic-down"), "anthropic-down")
    assert_openai_request(received(gateway, "openai"), "openai")


@pytest.mark.parametrize("fault", [*FAULTS, "refuses"])
def test_whatever_goes_wrong_before_the_answer(gateway: Gateway, fault: str) -> None:
    answer = ask(gateway, f"{fault}-first")
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == ECHO
    assert answer.headers["x-gateway-backend"] == "anthropic"
    assert answer.headers["x-gateway-attempts"] == "2"
    assert answer.headers["x-gateway-fallback"] == fault
    assert_anthropic_request(received(gateway, "anthropic"), "anthropic")


@pytest.mark.parametrize("fault", ["status-503", "resets", "stalls"])
def test_a_stream_fails_over_too(gateway: Gateway, fault: str) -> None:
    answer = ask(gateway, f"{fault}-first", stream=True)
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert events.pop() == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == ECHO


def test_a_failure_in_the_middle_of_a_chain(gateway: Gateway) -> None:
    answer = ask(gateway, "middle")
    assert answer.json()["choices"][0]["message"]["content"] == ECHO
    assert answer.headers["x-gateway-attempts"] == "3"
    assert answer.headers["x-gateway-fallback"] == "openai-down"
    assert attempts(gateway) == {"openai-down": 1, "resets": 1, "anthropic": 1}
    assert_anthropic_request(received(gateway, "anthropic"), "anthropic")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("good", {"openai": 1}),
        ("only-status-503", {"status-503": 2}),  # a chain of one is tried twice
        ("openai-first", {"openai-down": 1, "anthropic": 1}),
        ("all-three-down", {"status-500": 1, "anthropic-down": 1, "status-429": 1}),
    ],
)
def test_attempts_are_as_many_as_there_are_targets(gateway: Gateway, model: str, expected: dict[str, int]) -> None:
    ask(gateway, model)
    assert attempts(gateway) == expected


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_what_the_caller_did_wrong_is_not_tried_again(gateway: Gateway, status: int) -> None:
    answer = ask(gateway, "good", f"[[status={status}]]")
    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert attempts(gateway) == {"openai": 1}


@pytest.mark.parametrize(
    ("model", "status", "code", "retry_after"),
    [
        ("all-three-down", 429, "rate_limit_exceeded", "7"),
        ("only-status-500", 500, None, None),
        ("only-refuses", 503, "no_backend_available", "1"),
        ("only-resets", 503, "no_backend_available", "1"),
        ("only-hangs-up", 503, "no_backend_available", "1"),
        ("both-unreachable", 503, "no_backend_available", "1"),
        ("only-stalls", 504, "upstream_timeout", None),
    ],
)
def test_the_last_failure_is_what_the_caller_is_told(
    gateway: Gateway, model: str, status: int, code: str | None, retry_after: str | None
) -> None:
    answer = ask(gateway, model)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"] == code


def test_a_whole_outage_fails_over(gateway: Gateway) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda number: ask(gateway, "openai-first", f"Number {number}"), range(40)))
    texts = [answer.json()["choices"][0]["message"]["content"] for answer in answers]
    assert [text.split(" This is")[0] for text in texts] == [f"You said: Number {number}" for number in range(40)]
    assert attempts(gateway) == {"openai-down": 40, "anthropic": 40}


def test_a_later_attempt_finds_the_worker_of_its_exchange() -> None:
    made = document(
        backends=[backend("openai-down", "openai"), backend("anthropic", "anthropic")],
        models=[chain("openai-first", "openai-down", "anthropic")],
        keys=keys(key("demo", KEY)),
        passthrough="openai-down",
    )
    simulators = {name: SIMULATORS[name] for name in ("openai-down", "anthropic")}
    with running_gateway(made, simulators, workers=2) as gateway, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "openai-first"), range(60)))
        assert [answer.status_code for answer in answers] == [200] * 60
        assert gateway.metric("llm_gateway_fallbacks_total") == 60
