"""Envoy's own usage extraction: the bodies of responses that need no change never come to Python."""

from collections.abc import Iterator

import pytest
from openai import OpenAI, RateLimitError

from extproc.simulator.settings import Settings
from tests.integration.documents import document
from tests.integration.gateway import KEY, Gateway, running_gateway, wait_until

HELLO = [{"role": "user", "content": "Hello"}]
SIMULATORS = {
    "openai": Settings(formats=("openai",)),
    "anthropic": Settings(formats=("anthropic",)),
    "azure": Settings(formats=("azure",)),
    "down": Settings(formats=("openai",), always="status=503"),
}


@pytest.fixture(scope="module")
def native() -> Iterator[Gateway]:
    with running_gateway(document(accounting={"usage_extraction": "native"}), SIMULATORS) as gateway:
        yield gateway


@pytest.fixture
def client(native: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=native.base_url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


def messages(gateway: Gateway) -> int:
    return gateway.envoy_stat("http.llm.ext_proc.stream_msgs_sent")


def output_tokens(gateway: Gateway) -> float:
    return gateway.metric("llm_gateway_tokens_total", type="output", model="gpt-4o-mini")


def test_a_stream_costs_no_message_per_frame(native: Gateway, client: OpenAI) -> None:
    sent, counted = messages(native), output_tokens(native)
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Hello [[tokens=100 rate=200]]"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    assert len(list(stream)) > 100
    wait_until(lambda: output_tokens(native) - counted == 100, 5.0, "the usage of the stream")
    assert messages(native) - sent == 4  # request headers and body, response headers and trailers


def test_a_whole_answer_is_accounted(native: Gateway, client: OpenAI) -> None:
    counted = output_tokens(native)
    client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    wait_until(lambda: output_tokens(native) - counted == 14, 5.0, "the usage of the answer")
    assert native.metric("llm_gateway_responses_total", data_path="count", backend="openai") > 0


def test_a_usage_chunk_that_must_be_hidden_still_is(native: Gateway, client: OpenAI) -> None:
    counted = output_tokens(native)
    chunks = list(client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True))
    assert all(chunk.choices for chunk in chunks)
    wait_until(lambda: output_tokens(native) - counted == 14, 5.0, "the usage of the stream")


def test_an_error_is_answered_as_ever(native: Gateway, client: OpenAI) -> None:
    with pytest.raises(RateLimitError):
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "[[status=429 retry_after=7]]"}]
        )


@pytest.mark.parametrize("stream", [True, False])
def test_a_chain_over_two_formats_is_translated_as_ever(native: Gateway, client: OpenAI, stream: bool) -> None:
    answer = client.chat.completions.create(model="resilient", messages=HELLO, stream=stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in answer) if stream else ""
    assert "Hello" in (text or answer.choices[0].message.content)
