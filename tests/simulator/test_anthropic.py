"""Anthropic's format, seen through Anthropic's own client."""

import json
from typing import Any

import anthropic as sdk
import httpx2
import pytest
from anthropic import AsyncAnthropic

from extproc.simulator import anthropic_checks
from extproc.simulator.anthropic import FORMAT
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call
from extproc.simulator.server import Running

ANSWER = "You said: hello This is a simulated answer, and I am happy to help."
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
TOOL_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "22 C"}
THINKING = {"type": "enabled", "budget_tokens": 1024}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


async def create(client: AsyncAnthropic, content: Any = "hello", **more: Any) -> Any:
    return await client.messages.create(**({"model": "c", "max_tokens": 2000, "messages": [user(content)]} | more))


async def events(client: AsyncAnthropic, content: Any = "hello", **more: Any) -> list[Any]:
    return [event async for event in await create(client, content, stream=True, **more)]


async def streamed(client: AsyncAnthropic, content: Any = "hello", **more: Any) -> Any:
    """The message that the client puts together from the stream."""
    async with client.messages.stream(model="c", max_tokens=2000, messages=[user(content)], **more) as stream:
        return await stream.get_final_message()


async def test_a_plain_answer(anthropic: AsyncAnthropic) -> None:
    found = await create(anthropic)
    assert found.content[0].text == ANSWER
    assert (found.stop_reason, found.stop_sequence) == ("end_turn", None)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (1, 14)


async def test_a_streamed_answer(anthropic: AsyncAnthropic) -> None:
    found = await streamed(anthropic)
    assert found.content[0].text == ANSWER
    assert found.stop_reason == "end_turn"
    assert (found.usage.input_tokens, found.usage.output_tokens) == (1, 14)


async def test_usage_in_the_first_and_the_last_event(anthropic: AsyncAnthropic) -> None:
    found = await events(anthropic, "hello [[tokens=3]]")
    assert found[0].message.usage.output_tokens == 1
    assert found[-2].usage.output_tokens == 3
    assert found[-2].usage.input_tokens == 2


async def test_cached_tokens_are_counted_apart(anthropic: AsyncAnthropic) -> None:
    usage = (await create(anthropic, "one two three [[cached_tokens=3]]")).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (1, 3, 0)


async def test_a_cache_mark_creates_a_cache_entry(anthropic: AsyncAnthropic) -> None:
    system = [{"type": "text", "text": "be very brief", "cache_control": {"type": "ephemeral"}}]
    usage = (await create(anthropic, system=system)).usage
    assert (usage.input_tokens, usage.cache_creation_input_tokens) == (1, 3)
    assert usage.cache_creation.ephemeral_5m_input_tokens == 3


async def test_counting_tokens(anthropic: AsyncAnthropic) -> None:
    found = await anthropic.messages.count_tokens(model="c", system="be brief", messages=[user("one two three")])
    assert found.input_tokens == 5


async def test_a_tool_call_after_a_word_of_explanation(anthropic: AsyncAnthropic) -> None:
    found = await create(anthropic, "weather in Paris", tools=[WEATHER])
    assert [block.type for block in found.content] == ["text", "tool_use"]
    assert found.content[1].input == {"city": "weather in Paris"}
    assert found.stop_reason == "tool_use"


async def test_streamed_parallel_tool_calls(anthropic: AsyncAnthropic) -> None:
    found = await streamed(anthropic, "go [[tool_calls=2]]", tools=[WEATHER], tool_choice={"type": "any"})
    assert [block.input for block in found.content] == [{"city": "go"}, {"city": "go (2)"}]
    assert len({block.id for block in found.content}) == 2


async def test_arguments_are_streamed_in_pieces(anthropic: AsyncAnthropic) -> None:
    found = await events(anthropic, "weather", tools=[WEATHER], tool_choice={"type": "any"})
    pieces = [event.delta.partial_json for event in found if event.type == "content_block_delta"]
    assert pieces == ["", '{"city"', ': "weat', 'her"}']


async def test_parallel_calls_can_be_switched_off(anthropic: AsyncAnthropic) -> None:
    choice = {"type": "any", "disable_parallel_tool_use": True}
    found = await create(anthropic, "go [[tool_calls=2]]", tools=[WEATHER], tool_choice=choice)
    assert len(found.content) == 1


async def test_a_tool_result_is_quoted(anthropic: AsyncAnthropic) -> None:
    messages = [user("weather?"), assistant([TOOL_USE]), user([TOOL_RESULT])]
    assert (await create(anthropic, messages=messages, tools=[WEATHER])).content[0].text == "The tool says: 22 C"


async def test_a_structured_answer(anthropic: AsyncAnthropic) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}
    found = await create(anthropic, "Ann", output_config={"format": {"type": "json_schema", "schema": schema}})
    assert json.loads(found.content[0].text) == {"name": "Ann"}


async def test_thinking(anthropic: AsyncAnthropic) -> None:
    found = await streamed(anthropic, thinking=THINKING)
    assert [block.type for block in found.content] == ["thinking", "text"]
    assert found.content[0].thinking == "The question is simple, so a simulated answer will do."
    assert found.content[0].signature == anthropic_checks.signature(found.content[0].thinking)
    assert found.usage.output_tokens_details.thinking_tokens == 32


async def test_thinking_that_is_not_shown_is_still_signed(anthropic: AsyncAnthropic) -> None:
    found = await events(anthropic, thinking={"type": "adaptive", "display": "omitted"})
    kinds = [event.delta.type for event in found if event.type == "content_block_delta" and event.index == 0]
    assert kinds == ["signature_delta"]


async def test_redacted_thinking(anthropic: AsyncAnthropic) -> None:
    found = await streamed(anthropic, "hi [[redacted_thinking]]")
    assert [block.type for block in found.content] == ["redacted_thinking", "text"]


async def test_thinking_may_come_back_unchanged(anthropic: AsyncAnthropic) -> None:
    first = await create(anthropic, "weather", thinking=THINKING, tools=[WEATHER])
    content = [block.model_dump(exclude_none=True) for block in first.content]
    result = TOOL_RESULT | {"tool_use_id": first.content[-1].id}
    messages = [user("weather"), assistant(content), user([result])]
    assert (await create(anthropic, messages=messages, thinking=THINKING, tools=[WEATHER])).stop_reason == "end_turn"


async def test_a_refusal(anthropic: AsyncAnthropic) -> None:
    found = await streamed(anthropic, "hi [[refusal]]")
    assert found.stop_reason == "refusal"


async def test_max_tokens(anthropic: AsyncAnthropic) -> None:
    found = await create(anthropic, max_tokens=2)
    assert (found.content[0].text, found.stop_reason) == ("You said:", "max_tokens")


async def test_stop_sequences(anthropic: AsyncAnthropic) -> None:
    found = await create(anthropic, stop_sequences=["This"])
    assert (found.stop_reason, found.stop_sequence) == ("stop_sequence", "This")


async def test_no_usage(anthropic: AsyncAnthropic, simulator: Running) -> None:
    body = {"model": "c", "max_tokens": 9, "messages": [user("hi [[no_usage]]")]}
    assert "usage" not in (await post(simulator, body)).json()


async def test_an_answer_without_content(anthropic: AsyncAnthropic) -> None:
    assert (await create(anthropic, "hi [[empty_choices]]")).content == []


async def test_models(anthropic: AsyncAnthropic) -> None:
    assert "claude-opus-5-5" in [model.id async for model in anthropic.models.list()]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}},
    ],
)
async def test_images_are_taken(anthropic: AsyncAnthropic, block: Any) -> None:
    found = await create(anthropic, [block, {"type": "text", "text": "what is it"}])
    assert found.usage.input_tokens == 88


async def test_turns_of_one_role_may_follow_each_other(anthropic: AsyncAnthropic) -> None:
    messages = [assistant("hi"), user("a"), user([{"type": "text", "text": "b"}]), assistant("I say")]
    assert (await create(anthropic, messages=messages)).stop_reason == "end_turn"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": []}, "messages: at least one message is required"),
    "unknown field": ({"extra_body": {"n": 2}}, "n: Extra inputs are not permitted"),
    "field of a message": (
        {"messages": [user("x") | {"name": "a"}]},
        "messages.0.name: Extra inputs are not permitted",
    ),
    "field of a block": (
        {"messages": [user([{"type": "text", "text": "x", "y": 1}])]},
        "messages.0.content.0.text.y: Extra inputs are not permitted",
    ),
    "unknown role": (
        {"messages": [{"role": "tool", "content": "x"}]},
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ),
    "block of OpenAI": (
        {"messages": [user([{"type": "image_url", "image_url": {}}])]},
        "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any of the expected tags: "
        "'text', 'image', 'document', 'search_result', 'tool_result'",
    ),
    "empty text": (
        {"messages": [user([{"type": "text", "text": ""}])]},
        "messages: text content blocks must be non-empty",
    ),
    "blank text": (
        {"messages": [user([{"type": "text", "text": " "}])]},
        "messages: text content blocks must contain non-whitespace text",
    ),
    "empty message": (
        {"messages": [user("x"), assistant(""), user("y")]},
        "messages.1: all messages must have non-empty content except for the optional final assistant message",
    ),
    "prefill with a blank at the end": (
        {"messages": [user("x"), assistant("so ")]},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    "media type": (
        {"messages": [user([{"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": ""}}])]},
        "messages.0.content.0.image.source.base64.media_type: "
        "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
    ),
    "broken base64": (
        {"messages": [user([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "!"}}])]},
        "messages.0.content.0.image.source.base64.data: Invalid base64 data",
    ),
    "plain HTTP image": (
        {"messages": [user([{"type": "image", "source": {"type": "url", "url": "http://x/"}}])]},
        "messages.0.content.0.image.source.url.url: Only HTTPS URLs are supported.",
    ),
    "stray tool result": (
        {"messages": [user([TOOL_RESULT])]},
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1. Each `tool_result` "
        "block must have a corresponding `tool_use` block in the previous message.",
    ),
    "unanswered tool use": (
        {"messages": [user("x"), assistant([TOOL_USE]), user("y")]},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each "
        "`tool_use` block must have a corresponding `tool_result` block in the next message.",
    ),
    "tool name": (
        {"tools": [WEATHER | {"name": "get weather"}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    "tool without schema": ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    "tool of OpenAI": (
        {"tools": [{"name": "x", "parameters": {}}]},
        "tools.0.custom.parameters: Extra inputs are not permitted",
    ),
    "choice of no tool": ({"tool_choice": {"type": "any"}}, "tool_choice may only be specified while providing tools."),
    "choice of an unknown tool": (
        {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}},
        "Tool 'x' not found in provided tools",
    ),
    "small thinking budget": (
        {"thinking": THINKING | {"budget_tokens": 10}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    "large thinking budget": (
        {"thinking": THINKING | {"budget_tokens": 2000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "thinking and a forced tool": (
        {"thinking": THINKING, "tools": [WEATHER], "tool_choice": {"type": "any"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "thinking left out": (
        {"thinking": THINKING, "messages": [user("x"), assistant([TOOL_USE]), user([TOOL_RESULT])]},
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` "
        "is enabled, a final `assistant` message must start with a thinking block.",
    ),
    "thinking changed": (
        {"messages": [user("x"), assistant([{"type": "thinking", "thinking": "a", "signature": "b"}]), user("y")]},
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "sampling": ({"extra_body": {"temperature": 1}}, "temperature: Extra inputs are not permitted"),
    "document of the assistant": (
        {"messages": [user("x"), assistant([{"type": "document", "source": {}, "title": "t"}]), user("y")]},
        "messages.1.content.0: `document` blocks are not permitted in assistant messages",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refuses(anthropic: AsyncAnthropic, name: str) -> None:
    more, message = REFUSED[name]
    with pytest.raises(sdk.BadRequestError) as refused:
        await create(anthropic, **more)
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["error"] == {"type": "invalid_request_error", "message": message}
    assert refused.value.body["request_id"] == refused.value.response.headers["request-id"]


async def test_sampling_is_taken_by_the_old_version(anthropic: AsyncAnthropic) -> None:
    old = {"anthropic-version": "2023-06-01"}
    assert (await create(anthropic, extra_headers=old, extra_body={"temperature": 0.5})).stop_reason == "end_turn"
    with pytest.raises(sdk.BadRequestError, match=r"temperature: range: 0\.\.1"):
        await create(anthropic, extra_headers=old, extra_body={"temperature": 1.5})


async def test_beta_fields_need_a_beta_header(anthropic: AsyncAnthropic) -> None:
    edits: dict[str, Any] = {"extra_body": {"context_management": {"edits": []}}}
    with pytest.raises(sdk.BadRequestError, match="context_management: Extra inputs are not permitted"):
        await create(anthropic, **edits)
    assert (await create(anthropic, extra_headers={"anthropic-beta": "context-management-2025-06-27"}, **edits)).id


async def post(simulator: Running, body: Any, **headers: str | None) -> httpx2.Response:
    """One request without the client library; None leaves a header out."""
    sent = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    given = sent | {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx2.AsyncClient() as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept = {name: value for name, value in given.items() if value is not None}
        return await client.post(f"{simulator.url}/v1/messages", content=content, headers=kept)


GOOD = {"model": "c", "max_tokens": 9, "messages": [user("x")]}


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind", "message"),
    [
        (GOOD, {"anthropic_version": None}, 400, "invalid_request_error", "anthropic-version: header is required"),
        (
            GOOD,
            {"anthropic_version": "1"},
            400,
            "invalid_request_error",
            'anthropic-version: "1" is not a valid version',
        ),
        (GOOD, {"x_api_key": None}, 401, "authentication_error", "x-api-key header is required"),
        (b"{", {}, 400, "invalid_request_error", "The request body is not valid JSON"),
        ({"model": "c", "messages": []}, {}, 400, "invalid_request_error", "max_tokens: Field required"),
        (GOOD | {"max_tokens": "9"}, {}, 400, "invalid_request_error", "max_tokens: Input should be an integer"),
        ({"max_tokens": 1, "messages": []}, {}, 400, "invalid_request_error", "model: Field required"),
        (GOOD | {"messages": "x"}, {}, 400, "invalid_request_error", "messages: Input should be an array"),
        (GOOD | {"tools": [1]}, {}, 400, "invalid_request_error", "tools.0: Input should be an object"),
    ],
)
async def test_refuses_what_the_client_would_not_send(
    simulator: Running, body: Any, headers: dict[str, str | None], status: int, kind: str, message: str
) -> None:
    found = await post(simulator, body, **headers)
    assert found.status_code == status
    assert found.json()["error"] == {"type": kind, "message": message}


async def test_either_credential_header_will_do(simulator: Running) -> None:
    assert (await post(simulator, GOOD, x_api_key=None, authorization="Bearer k")).status_code == 200


def test_the_events_are_literally_those_of_the_reference() -> None:
    body = b'{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}'
    headers = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    call = Call("POST", "/v1/messages", {}, headers, body, token="t" * 24, now=1)
    found = FORMAT.answer(call, Directives(tokens=1)).events
    assert found is not None
    assert [(event.name, event.data) for event in found] == [
        (
            "message_start",
            b'{"type":"message_start","message":{"id":"msg_tttttttttttttttttttttttt","type":"message",'
            b'"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,'
            b'"usage":{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
            b'"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":1,'
            b'"service_tier":"standard","inference_geo":"not_available"}}}',
        ),
        ("content_block_start", b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'),
        ("ping", b'{"type":"ping"}'),
        (
            "content_block_delta",
            b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"these"}}',
        ),
        ("content_block_stop", b'{"type":"content_block_stop","index":0}'),
        (
            "message_delta",
            b'{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},'
            b'"usage":{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}',
        ),
        ("message_stop", b'{"type":"message_stop"}'),
    ]
