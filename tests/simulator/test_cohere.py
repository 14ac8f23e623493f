"""Cohere's format, seen through Cohere's own client."""

from collections.abc import AsyncIterator
from typing import Any

import cohere as sdk
import pytest
from cohere import AsyncClientV2

from extproc.simulator.server import Running

ANSWER = "You said: hello This is a simulated answer, and I am happy to help."
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
async def cohere(simulator: Running) -> AsyncIterator[AsyncClientV2]:
    async with AsyncClientV2(base_url=simulator.url, api_key="co-test", max_retries=0) as client:
        yield client


async def chat(client: AsyncClientV2, content: Any = "hello", **more: Any) -> Any:
    return await client.chat(**({"model": "c", "messages": [{"role": "user", "content": content}]} | more))


async def events(client: AsyncClientV2, content: Any = "hello", **more: Any) -> list[Any]:
    asked: dict[str, Any] = {"model": "c", "messages": [{"role": "user", "content": content}]} | more
    return [event async for event in client.chat_stream(**asked)]


async def test_a_plain_answer(cohere: AsyncClientV2) -> None:
    found = await chat(cohere)
    assert found.message.content[0].text == ANSWER
    assert found.finish_reason == "COMPLETE"
    assert (found.usage.billed_units.input_tokens, found.usage.billed_units.output_tokens) == (1, 14)
    assert found.usage.tokens.input_tokens == 61


async def test_a_streamed_answer(cohere: AsyncClientV2) -> None:
    found = await events(cohere)
    kinds = [event.type for event in found]
    assert kinds == ["message-start", "content-start", *["content-delta"] * 14, "content-end", "message-end"]
    texts = [event.delta.message.content.text for event in found if event.type == "content-delta"]
    assert "".join(texts) == ANSWER
    assert found[-1].delta.finish_reason == "COMPLETE"
    assert found[-1].delta.usage.billed_units.output_tokens == 14


async def test_tool_calls(cohere: AsyncClientV2) -> None:
    found = await chat(cohere, "the weather [[tool_calls=2]]", tools=[WEATHER])
    assert found.finish_reason == "TOOL_CALL"
    assert found.message.tool_plan == "I will look that up."
    assert [call.function.arguments for call in found.message.tool_calls] == [
        '{"city": "the weather"}',
        '{"city": "the weather (2)"}',
    ]


async def test_streamed_tool_calls(cohere: AsyncClientV2) -> None:
    found = await events(cohere, "the weather", tools=[WEATHER])
    plan = [event.delta.message.tool_plan for event in found if event.type == "tool-plan-delta"]
    deltas = [event for event in found if event.type == "tool-call-delta"]
    assert "".join(plan) == "I will look that up."
    arguments = "".join(event.delta.message.tool_calls.function.arguments for event in deltas)
    assert arguments == '{"city": "the weather"}'
    start = next(event for event in found if event.type == "tool-call-start")
    assert start.delta.message.tool_calls.function.name == "get_weather"


async def test_tool_results(cohere: AsyncClientV2) -> None:
    call = {"id": "get_weather_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "the weather"},
        {"role": "assistant", "tool_plan": "Looking.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "get_weather_1", "content": "22 C"},
    ]
    found = await chat(cohere, messages=messages, tools=[WEATHER])
    assert found.message.content[0].text == "The tool says: 22 C"


async def test_a_required_tool_and_none(cohere: AsyncClientV2) -> None:
    assert (await chat(cohere, tools=[WEATHER], tool_choice="REQUIRED")).finish_reason == "TOOL_CALL"
    assert (await chat(cohere, "weather", tools=[WEATHER], tool_choice="NONE")).finish_reason == "COMPLETE"


async def test_reasoning(cohere: AsyncClientV2) -> None:
    found = await chat(cohere, thinking={"type": "enabled", "token_budget": 10})
    assert [block.type for block in found.message.content] == ["thinking", "text"]
    streamed = await events(cohere, thinking={"type": "enabled"})
    thought = [event.delta.message.content.thinking for event in streamed if event.type == "content-delta"]
    assert "".join(piece for piece in thought if piece) == "The question is simple, so a simulated answer will do."


async def test_a_structured_answer(cohere: AsyncClientV2) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    found = await chat(cohere, response_format={"type": "json_object", "json_schema": schema})
    assert found.message.content[0].text == '{"n": 3}'


async def test_limits_and_stop_sequences(cohere: AsyncClientV2) -> None:
    assert (await chat(cohere, max_tokens=2)).finish_reason == "MAX_TOKENS"
    assert (await chat(cohere, stop_sequences=["simulated"])).finish_reason == "STOP_SEQUENCE"


async def test_cached_tokens_and_no_usage(cohere: AsyncClientV2) -> None:
    assert (await chat(cohere, "some words [[cached_tokens=2]]")).usage.cached_tokens == 2
    assert (await chat(cohere, "hello [[no_usage]]")).usage is None
    assert (await events(cohere, "hello [[no_usage]]"))[-1].delta.usage is None


async def test_an_answer_without_content(cohere: AsyncClientV2) -> None:
    assert (await chat(cohere, "hello [[empty_choices]]")).message.content == []
    assert [event.type for event in await events(cohere, "hello [[empty_choices]]")] == ["message-start", "message-end"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, sdk.BadRequestError), (401, sdk.UnauthorizedError), (429, sdk.TooManyRequestsError),
     (500, sdk.InternalServerError), (503, sdk.ServiceUnavailableError)],
)  # fmt: skip
async def test_faults(cohere: AsyncClientV2, status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        await chat(cohere, f"[[status={status}]]")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": 1.5}, "temperature must be between 0 and 1.0 inclusive."),
        ({"p": 1}, "p must be between 0.01 and 0.99 inclusive."),
        ({"presence_penalty": -1}, "presence_penalty must be between 0 and 1.0 inclusive."),
        ({"stop_sequences": list("abcdef")}, "stop_sequences must hold at most 5 sequences"),
        ({"tool_choice": "REQUIRED"}, "tool_choice needs tools"),
        ({"tool_choice": "auto"}, "tool_choice must be REQUIRED or NONE"),
        ({"response_format": {"type": "json_object"}, "tools": [WEATHER]}, "not supported with RAG or tools"),
        ({"messages": []}, "messages must not be empty"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "the role 'developer' is not one of"),
        ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "parameter 'name' is not a valid field"),
        ({"messages": [{"role": "assistant"}]}, "message must not be empty in a turn"),
        ({"messages": [{"role": "tool", "tool_call_id": "t", "content": "x"}]}, "must answer a tool call"),
        ({"request_options": {"additional_body_parameters": {"n": 2}}}, "parameter 'n' is not a valid field"),
        ({"max_tokens": "many"}, "max_tokens must be an integer"),
        ({"model": None}, "a model parameter is required"),
    ],
)
async def test_what_cohere_refuses(cohere: AsyncClientV2, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(sdk.BadRequestError) as refused:
        await chat(cohere, **fields)
    assert message in refused.value.body["message"]


async def test_an_unknown_path(cohere: AsyncClientV2) -> None:
    with pytest.raises(sdk.NotFoundError):
        await cohere.parse(model="c", document={"image_url": "https://example.com/a.png"})  # type: ignore[arg-type]


async def test_an_error_inside_a_stream(cohere: AsyncClientV2) -> None:
    found = await events(cohere, "hello [[error_in_stream_after=3]]")
    assert [event.type for event in found[:3]] == ["message-start", "content-start", "content-delta"]
    assert "message-end" not in [getattr(event, "type", "") for event in found]


async def test_embeddings(cohere: AsyncClientV2) -> None:
    found = await cohere.embed(
        model="e", input_type="search_query", texts=["one two", "three"], embedding_types=["float", "base64", "int8"]
    )
    assert found.embeddings.float_ is not None
    assert [len(one) for one in found.embeddings.float_] == [8, 8]
    assert found.embeddings.base64 is not None
    assert len(found.embeddings.base64) == 2
    assert found.embeddings.int8 is not None
    assert len(found.embeddings.int8[0]) == 8
    assert found.meta is not None
    assert found.meta.billed_units is not None
    assert found.meta.billed_units.input_tokens == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"texts": []}, "texts must not be empty"),
        ({"texts": ["x"] * 97}, "the number of texts must be at most 96"),
        ({"input_type": None}, "valid input_type must be provided"),
    ],
)
async def test_embeddings_that_cohere_refuses(cohere: AsyncClientV2, fields: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"model": "e", "input_type": "search_query", "texts": ["x"]} | fields
    with pytest.raises(sdk.BadRequestError) as refused:
        await cohere.embed(**asked)
    assert message in refused.value.body["message"]


async def test_rerank(cohere: AsyncClientV2) -> None:
    found = await cohere.rerank(model="r", query="blue sky", documents=["red", "a blue sky", "sky"], top_n=2)
    assert [(result.index, result.relevance_score) for result in found.results] == [(1, 1.0), (2, 0.5)]
    assert found.meta is not None
    assert found.meta.billed_units is not None
    assert found.meta.billed_units.search_units == 1


async def test_rerank_of_version_1(simulator: Running) -> None:
    async with sdk.AsyncClient(base_url=simulator.url, api_key="co-test") as client:
        found = await client.rerank(query="sky", documents=["red", {"text": "sky"}], return_documents=True)
    assert [result.document.text for result in found.results if result.document] == ["sky", "red"]


@pytest.mark.parametrize("fields", [{"query": " "}, {"documents": []}])
async def test_a_ranking_that_cohere_refuses(cohere: AsyncClientV2, fields: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"model": "r", "query": "q", "documents": ["d"]} | fields
    with pytest.raises(sdk.BadRequestError):
        await cohere.rerank(**asked)


async def test_an_unknown_key(simulator: Running) -> None:
    async with AsyncClientV2(base_url=simulator.url, api_key="") as client:
        with pytest.raises(sdk.UnauthorizedError):
            await chat(client)
