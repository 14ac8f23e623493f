"""The main job: chat through the real Envoy, with the official OpenAI SDK."""

import json

import httpx2 as httpx
import pytest
from openai import APIError, AuthenticationError, BadRequestError, NotFoundError, OpenAI, PermissionDeniedError

from tests.integration.gateway import KEY, LIMITED_KEY, Gateway, wait_until

HELLO = [{"role": "user", "content": "Hello"}]
ECHO = "You said: Hello This is a simulated answer, and I am happy to help."


@pytest.mark.parametrize("model", ["gpt-4o-mini", "azure-gpt", "claude-sonnet-4-6", "resilient"])
def test_an_answer(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=HELLO)
    assert answer.choices[0].message.content == ECHO
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 14


@pytest.mark.parametrize("model", ["gpt-4o-mini", "azure-gpt", "claude-sonnet-4-6", "resilient"])
def test_a_stream(client: OpenAI, model: str) -> None:
    chunks = list(client.chat.completions.create(model=model, messages=HELLO, stream=True))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == ECHO
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-sonnet-4-6"])
def test_a_stream_with_the_usage_that_was_asked_for(client: OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    *_, last = list(stream)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (1, 14)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-sonnet-4-6"])
def test_tools_over_two_turns(client: OpenAI, model: str) -> None:
    asked = [{"role": "user", "content": "What is the weather?"}]
    first = client.chat.completions.create(model=model, messages=asked, tools=[WEATHER])
    (call,) = first.choices[0].message.tool_calls or []
    assert first.choices[0].finish_reason == "tool_calls"
    assert set(json.loads(call.function.arguments)) == {"city"}
    turns = [*asked, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"}]
    second = client.chat.completions.create(model=model, messages=turns, tools=[WEATHER])
    assert "22 degrees" in (second.choices[0].message.content or "")


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-sonnet-4-6"])
def test_streamed_tool_arguments(client: OpenAI, model: str) -> None:
    asked = [{"role": "user", "content": "What is the weather?"}]
    with client.chat.completions.stream(model=model, messages=asked, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}


def test_embeddings(client: OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert len(answer.data) == 2


def test_models_are_those_of_the_key(gateway: Gateway, client: OpenAI) -> None:
    assert "resilient" in {model.id for model in client.models.list()}
    limited = client.with_options(api_key=LIMITED_KEY)
    assert [model.id for model in limited.models.list()] == ["gpt-4o-mini"]


def test_an_endpoint_that_passes_through(gateway: Gateway, client: OpenAI) -> None:
    client.moderations.create(input="hello")
    (received,) = gateway.simulator("openai").log
    assert received.target == "/v1/moderations"
    assert received.header("authorization") == "Bearer credential-of-openai"


def test_an_unknown_key(client: OpenAI) -> None:
    with pytest.raises(AuthenticationError) as caught:
        client.with_options(api_key="sk-unknown").chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert caught.value.code == "invalid_api_key"


def test_a_model_the_key_may_not_use(client: OpenAI) -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        client.with_options(api_key=LIMITED_KEY).chat.completions.create(model="smart", messages=HELLO)
    assert caught.value.code == "model_not_allowed"


def test_an_unknown_model(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.chat.completions.create(model="nope", messages=HELLO)
    assert caught.value.code == "model_not_found"


def test_a_providers_refusal_keeps_its_words(client: OpenAI) -> None:
    with pytest.raises(BadRequestError):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "[[status=400]]"}])


def test_a_stream_that_breaks_ends_with_an_error(client: OpenAI) -> None:
    messages = [{"role": "user", "content": "Hello [[error_in_stream_after=3]]"}]
    with pytest.raises(APIError):
        list(client.chat.completions.create(model="claude-sonnet-4-6", messages=messages, stream=True))


def test_what_the_provider_saw(gateway: Gateway, client: OpenAI) -> None:
    client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    (received,) = gateway.simulator("openai").log
    names = {name.lower() for name, _ in received.headers}
    assert received.header("host") == "openai.example.com"
    assert received.header("authorization") == "Bearer credential-of-openai"
    assert not {name for name in names if name.startswith(("x-llm", "x-envoy", "x-forwarded"))}
    assert received.framing == "content-length"


def test_what_the_caller_and_the_access_log_are_told(gateway: Gateway) -> None:
    answer = httpx.post(
        f"{gateway.base_url}/chat/completions",
        json={"model": "resilient", "messages": HELLO},
        headers={"authorization": f"Bearer {KEY}"},
    )
    assert answer.status_code == 200
    told = {name: value for name, value in answer.headers.items() if name.startswith("x-gateway")}
    assert told == {
        "x-gateway-model": "resilient",
        "x-gateway-backend": "anthropic",
        "x-gateway-provider": "anthropic",
        "x-gateway-attempts": "2",
        "x-gateway-fallback": "down",
        "x-gateway-cost": "0.000213",
    }
    request_id = answer.headers["x-request-id"]
    assert not [name for name in answer.headers if name.startswith("x-envoy")]
    wait_until(lambda: any(line["request_id"] == request_id for line in gateway.access_log()), 5.0)
    (line,) = [line for line in gateway.access_log() if line["request_id"] == request_id]
    expected = {
        "status": 200,
        "details": "via_upstream",
        "key": "demo",
        "team": "platform",
        "model": "resilient",
        "backend": "anthropic",
        "provider": "anthropic",
        "upstream_model": "claude-sonnet-4-6",
        "attempts": 2,
        "input_tokens": 1,
        "output_tokens": 14,
        "cost_nano_usd": 213000,
    }
    assert {name: line[name] for name in expected} == expected
