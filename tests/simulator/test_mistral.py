"""Mistral's format, seen through Mistral's own client."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

from extproc.simulator import formats
from extproc.simulator.server import Running, running
from extproc.simulator.settings import Settings

ANSWER = "You said: hello This is a simulated answer, and I am happy to help."
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HELLO = {"role": "user", "content": "hello"}


@pytest.fixture
async def mistral() -> AsyncIterator[Mistral]:
    async with running(Settings(formats=("mistral",))) as port, Mistral(server_url=port.url, api_key="test") as client:
        yield client


async def complete(client: Mistral, content: Any = "hello", **more: Any) -> Any:
    return await client.chat.complete_async(**({"model": "m", "messages": [HELLO | {"content": content}]} | more))


async def chunks(client: Mistral, content: Any = "hello", **more: Any) -> list[Any]:
    asked: dict[str, Any] = {"model": "m", "messages": [HELLO | {"content": content}]} | more
    return [event.data async for event in await client.chat.stream_async(**asked)]


async def test_a_plain_answer(mistral: Mistral) -> None:
    found = await complete(mistral)
    assert found.choices[0].message.content == ANSWER
    assert found.choices[0].finish_reason == "stop"
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (1, 14, 15)


async def test_a_streamed_answer_ends_with_its_usage(mistral: Mistral) -> None:
    found = await chunks(mistral)
    assert "".join(chunk.choices[0].delta.content for chunk in found) == ANSWER
    assert [chunk.usage is not None for chunk in found] == [False] * 15 + [True]
    assert found[-1].choices[0].finish_reason == "stop"
    assert found[-1].usage.completion_tokens == 14


async def test_tool_calls_are_whole_and_their_ids_short(mistral: Mistral) -> None:
    found = await complete(mistral, "the weather [[tool_calls=2]]", tools=[WEATHER], tool_choice="any")
    assert found.choices[0].finish_reason == "tool_calls"
    assert [call.id for call in found.choices[0].message.tool_calls] == ["call00000", "call00001"]
    streamed = await chunks(mistral, "the weather", tools=[WEATHER])
    calls = [call for chunk in streamed for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.function.arguments for call in calls] == ['{"city": "the weather"}']


async def test_tool_results(mistral: Mistral) -> None:
    call = {"id": "call00000", "function": {"name": "get_weather", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "call00000", "content": "22 C", "name": "get_weather"}
    messages = [HELLO, {"role": "assistant", "content": "", "tool_calls": [call]}, result]
    found = await complete(mistral, messages=messages)
    assert found.choices[0].message.content == "The tool says: 22 C"


async def test_reasoning_comes_in_chunks(mistral: Mistral) -> None:
    found = await complete(mistral, reasoning_effort="high")
    assert [chunk.type for chunk in found.choices[0].message.content] == ["thinking", "text"]
    thoughts = [
        part.text
        for chunk in await chunks(mistral, reasoning_effort="high")
        if isinstance(chunk.choices[0].delta.content, list)
        for each in chunk.choices[0].delta.content
        for part in each.thinking
    ]
    assert "".join(thoughts) == "The question is simple, so a simulated answer will do."


async def test_choices(mistral: Mistral) -> None:
    assert [choice.index for choice in (await complete(mistral, n=2)).choices] == [0, 1]


async def test_a_structured_answer(mistral: Mistral) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema_definition": schema}}
    assert (await complete(mistral, response_format=wanted)).choices[0].message.content == '{"n": 3}'


async def test_no_usage_and_cached_tokens(mistral: Mistral) -> None:
    assert all(chunk.usage is None for chunk in await chunks(mistral, "hello [[no_usage]]"))
    found = await complete(mistral, "some words [[cached_tokens=2]]")
    assert found.usage.additional_properties == {"prompt_tokens_details": {"cached_tokens": 2}}


async def test_empty_choices(mistral: Mistral) -> None:
    assert (await complete(mistral, "hello [[empty_choices]]")).choices == []
    assert [] in [chunk.choices for chunk in await chunks(mistral, "hello [[empty_choices]]")]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_faults(mistral: Mistral, status: int) -> None:
    with pytest.raises(SDKError) as refused:
        await complete(mistral, f"[[status={status}]]")
    assert refused.value.status_code == status


ASSISTANT = {"role": "assistant", "content": "hi"}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"messages": [HELLO | {"name": "ada"}]}, ["body", "messages", 0, "user", "name"]),
        ({"messages": [HELLO | {"role": "developer"}]}, ["body", "messages", 0]),
        ({"temperature": 2}, ["body", "temperature"]),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, ["body", "tools", 0, "function", "parameters"]),
        ({"seed": 7}, ["body", "seed"]),
        ({"max_tokens": "many"}, ["body", "max_tokens"]),
        ({"model": None}, ["body", "model"]),
    ],
)
async def test_fields_that_mistral_refuses(fields: dict[str, Any], place: list[Any]) -> None:
    with pytest.raises(HTTPValidationError) as refused:
        await raw(fields)
    assert [problem.loc for problem in refused.value.data.detail or ()] == [place]


async def raw(fields: dict[str, Any]) -> None:
    """A request that the client itself would not write."""
    async with (
        running(Settings(formats=("mistral",))) as port,
        Mistral(server_url=port.url, api_key="test") as client,
    ):
        sdk = client.sdk_configuration.async_client
        assert sdk is not None
        body = {"model": "m", "messages": [HELLO]} | fields
        headers = {"authorization": "Bearer test"}
        request = sdk.build_request("POST", f"{port.url}/v1/chat/completions", json=body, headers=headers)
        response = await sdk.send(request)
        if response.status_code == 422:
            from mistralai.client.errors import HTTPValidationErrorData

            raise HTTPValidationError(HTTPValidationErrorData.model_validate_json(response.content), response, None)


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([HELLO, ASSISTANT], "Expected last role User or Tool"),
        ([HELLO, ASSISTANT | {"content": ""}, HELLO], "Assistant message must have either content or tool_calls"),
        (
            [HELLO, {"role": "tool", "tool_call_id": "call00000", "content": "x"}],
            "Unexpected role 'tool' after role 'user'",
        ),
        ([HELLO, ASSISTANT, {"role": "tool", "tool_call_id": "call_1", "content": "x"}], "Tool call id was call_1"),
    ],
)
async def test_conversations_that_mistral_refuses(mistral: Mistral, messages: list[Any], message: str) -> None:
    with pytest.raises(SDKError, match=message):
        await complete(mistral, messages=messages)


async def test_a_prefix_may_come_last(mistral: Mistral) -> None:
    assert (await complete(mistral, messages=[HELLO, ASSISTANT | {"prefix": True}])).choices


async def test_embeddings(mistral: Mistral) -> None:
    found = await mistral.embeddings.create_async(model="e", inputs=["one two", "three"], output_dimension=4)
    assert [len(one.embedding or ()) for one in found.data] == [4, 4]
    assert found.usage.prompt_tokens == 3


async def test_an_unknown_path(mistral: Mistral) -> None:
    with pytest.raises(SDKError) as refused:
        await mistral.models.list_async()
    assert refused.value.status_code == 404


def test_it_answers_only_where_it_is_named() -> None:
    assert "mistral" not in [one.name for one in formats.choose(())]
    assert [one.name for one in formats.choose(("mistral",))] == ["mistral"]


async def test_openai_s_paths_stay_openai_s(simulator: Running) -> None:
    async with Mistral(server_url=simulator.url, api_key="test") as client:
        assert (await complete(client)).id.startswith("chatcmpl-")
