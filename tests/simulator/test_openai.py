"""OpenAI's format, seen through OpenAI's own client."""

import json
import re
from typing import Any

import openai as sdk
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from extproc.simulator.directives import NONE, Directives
from extproc.simulator.format import Call, Rejected
from extproc.simulator.openai import FORMAT
from extproc.simulator.server import Running, running
from extproc.simulator.settings import Settings

HELLO = [{"role": "user", "content": "hello"}]
ANSWER = "You said: hello This is a simulated answer, and I am happy to help."
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


async def chat(client: AsyncOpenAI, text: str = "hello", **more: Any) -> Any:
    return await client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}], **more
    )


async def stream(client: AsyncOpenAI, text: str = "hello", **more: Any) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in await chat(client, text, stream=True, **more)]


def said(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


async def test_a_plain_answer(openai: AsyncOpenAI) -> None:
    found = await chat(openai)
    assert found.choices[0].message.content == ANSWER
    assert found.choices[0].finish_reason == "stop"
    assert found.model == "gpt-4o-mini"
    assert found.id.startswith("chatcmpl-")


async def test_usage(openai: AsyncOpenAI) -> None:
    usage = (await chat(openai, "one two three [[cached_tokens=2 tokens=5]]")).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (5, 5, 10)
    assert usage.prompt_tokens_details.cached_tokens == 2


async def test_usage_can_be_missing(openai: AsyncOpenAI) -> None:
    assert (await chat(openai, "hi [[no_usage]]")).usage is None


async def test_the_same_request_gives_the_same_text_under_another_id(openai: AsyncOpenAI) -> None:
    first, second = await chat(openai), await chat(openai)
    assert first.choices == second.choices
    assert first.id != second.id


async def test_a_streamed_answer(openai: AsyncOpenAI) -> None:
    chunks = await stream(openai)
    assert said(chunks) == ANSWER
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


async def test_usage_comes_last_when_asked_for(openai: AsyncOpenAI) -> None:
    chunks = await stream(openai, "hi [[tokens=3]]", stream_options={"include_usage": True})
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * 5


async def test_usage_on_the_last_chunk_with_choices(openai: AsyncOpenAI) -> None:
    chunks = await stream(openai, "hi [[tokens=3 usage_in_last_chunk]]")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


async def test_no_usage_although_asked_for(openai: AsyncOpenAI) -> None:
    chunks = await stream(openai, "hi [[no_usage]]", stream_options={"include_usage": True})
    assert all(chunk.usage is None for chunk in chunks)


async def test_a_chunk_without_choices(openai: AsyncOpenAI) -> None:
    chunks = await stream(openai, "hi [[empty_choices tokens=1]]")
    assert [len(chunk.choices) for chunk in chunks] == [1, 0, 1, 1]


async def test_a_tool_call(openai: AsyncOpenAI) -> None:
    choice = (await chat(openai, "weather in Paris", tools=[WEATHER])).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls[0].function.name == "get_weather"
    assert choice.message.tool_calls[0].function.arguments == '{"city": "weather in Paris"}'


async def test_parallel_tool_calls_streamed(openai: AsyncOpenAI) -> None:
    async with openai.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "go [[tool_calls=2]]"}], tools=[WEATHER]
    ) as events:
        message = (await events.get_final_completion()).choices[0].message
    assert message.tool_calls is not None
    assert [call.function.arguments for call in message.tool_calls] == ['{"city": "go"}', '{"city": "go (2)"}']
    assert len({call.id for call in message.tool_calls}) == 2


async def test_arguments_are_streamed_in_pieces(openai: AsyncOpenAI) -> None:
    deltas = [c.choices[0].delta.tool_calls for c in await stream(openai, "weather", tools=[WEATHER])]
    pieces = [call[0].function.arguments for call in deltas if call and call[0].function]
    assert pieces == ["", '{"city"', ': "weat', 'her"}']


async def test_a_forced_tool(openai: AsyncOpenAI) -> None:
    choice = {"type": "function", "function": {"name": "get_weather"}}
    found = await chat(openai, tools=[WEATHER], tool_choice=choice)
    assert found.choices[0].message.tool_calls[0].function.name == "get_weather"


async def test_a_tool_result_is_quoted(openai: AsyncOpenAI) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    found = await openai.chat.completions.create(
        model="m",
        tools=[WEATHER],
        messages=[
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "22 C"},
        ],
    )
    assert found.choices[0].message.content == "The tool says: 22 C"


class Person(BaseModel):
    name: str
    age: int
    friends: list[str]


async def test_a_structured_answer(openai: AsyncOpenAI) -> None:
    found = await openai.chat.completions.parse(
        model="m", messages=[{"role": "user", "content": "Ann"}], response_format=Person
    )
    assert found.choices[0].message.parsed == Person(name="Ann", age=0, friends=["Ann"])


async def test_json_mode(openai: AsyncOpenAI) -> None:
    found = await chat(openai, response_format={"type": "json_object"})
    assert json.loads(found.choices[0].message.content) == {"answer": "hello"}


async def test_reasoning_is_billed(openai: AsyncOpenAI) -> None:
    usage = (await chat(openai, "hi [[tokens=4]]", reasoning_effort="low")).usage
    assert usage.completion_tokens_details.reasoning_tokens == 16
    assert usage.completion_tokens == 20


async def test_a_refusal(openai: AsyncOpenAI) -> None:
    message = (await chat(openai, "hi [[refusal]]")).choices[0].message
    assert message.content is None
    assert message.refusal == "I'm sorry, but I can't help with that."


async def test_a_streamed_refusal(openai: AsyncOpenAI) -> None:
    chunks = await stream(openai, "hi [[refusal]]")
    assert "".join(c.choices[0].delta.refusal or "" for c in chunks) == "I'm sorry, but I can't help with that."


async def test_several_choices(openai: AsyncOpenAI) -> None:
    found = await chat(openai, n=2)
    assert [choice.message.content for choice in found.choices] == [ANSWER, "(alternative 2) " + ANSWER]


async def test_max_tokens(openai: AsyncOpenAI) -> None:
    choice = (await chat(openai, max_completion_tokens=2)).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("You said:", "length")


async def test_stop(openai: AsyncOpenAI) -> None:
    choice = (await chat(openai, stop="This")).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("You said: hello ", "stop")


async def test_logprobs(openai: AsyncOpenAI) -> None:
    choice = (await chat(openai, "hi [[tokens=2]]", logprobs=True, top_logprobs=2)).choices[0]
    assert [entry.token for entry in choice.logprobs.content] == ["these", " are"]
    assert [top.logprob for top in choice.logprobs.content[0].top_logprobs] == [-0.25, -1.25]


async def test_completions(openai: AsyncOpenAI) -> None:
    found = await openai.completions.create(model="m", prompt="hello", max_tokens=3)
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("You said: hello", "length")


async def test_streamed_completions(openai: AsyncOpenAI) -> None:
    chunks = [c async for c in await openai.completions.create(model="m", prompt="hello", max_tokens=3, stream=True)]
    assert "".join(chunk.choices[0].text for chunk in chunks) == "You said: hello"


async def test_embeddings(openai: AsyncOpenAI) -> None:
    found = await openai.embeddings.create(model="e", input=["a b", "c"], dimensions=4)
    assert [len(one.embedding) for one in found.data] == [4, 4]
    assert found.usage.prompt_tokens == 3
    assert sum(value * value for value in found.data[0].embedding) == pytest.approx(1, abs=1e-5)


async def test_embeddings_as_numbers(openai: AsyncOpenAI) -> None:
    plain = await openai.embeddings.create(model="e", input="a", encoding_format="float")
    packed = await openai.embeddings.create(model="e", input="a")
    assert plain.data[0].embedding == pytest.approx(packed.data[0].embedding, abs=1e-6)


async def test_models(openai: AsyncOpenAI) -> None:
    assert "gpt-4o-mini" in [model.id async for model in openai.models.list()]
    assert (await openai.models.retrieve("gpt-4o-mini")).id == "gpt-4o-mini"
    with pytest.raises(sdk.NotFoundError):
        await openai.models.retrieve("none")


async def test_moderations(openai: AsyncOpenAI) -> None:
    found = await openai.moderations.create(input=["be kind", "kill"])
    assert [one.flagged for one in found.results] == [False, True]


async def test_images(openai: AsyncOpenAI) -> None:
    found = await openai.images.generate(model="gpt-image-2", prompt="a red cat", n=2)
    assert found.data is not None
    assert len(found.data) == 2
    assert found.usage is not None
    assert found.usage.input_tokens == 3


async def test_audio_in_multipart(openai: AsyncOpenAI) -> None:
    found = await openai.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"\x00\x01" * 50))
    assert found.text == "A simulated transcript of 100 bytes of audio."


async def test_speech(openai: AsyncOpenAI) -> None:
    found = await openai.audio.speech.create(model="tts-1", voice="alloy", input="hi")
    assert found.content[:4] == b"RIFF"


async def test_files(openai: AsyncOpenAI) -> None:
    found = await openai.files.create(file=("a.jsonl", b"{}\n"), purpose="batch")
    assert (found.bytes, found.purpose) == (3, "batch")
    assert (await openai.files.delete(found.id)).deleted


async def test_responses(openai: AsyncOpenAI) -> None:
    found = await openai.responses.create(model="m", input="hello")
    assert found.output_text == ANSWER
    assert found.usage is not None
    assert found.usage.input_tokens == 1


async def test_streamed_responses(openai: AsyncOpenAI) -> None:
    events = [event async for event in await openai.responses.create(model="m", input="hi [[tokens=2]]", stream=True)]
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


WEATHER_CALLS = {
    "model": "m",
    "tools": [{"type": "function", "name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}}],
}


async def test_responses_with_a_tool_over_two_turns(openai: AsyncOpenAI) -> None:
    asked = {"role": "user", "content": "the weather in Paris"}
    first = await openai.responses.create(**WEATHER_CALLS, input=[asked])
    (call,) = first.output
    assert (call.type, call.name) == ("function_call", "weather")
    assert json.loads(call.arguments) == {"city": "the weather in Paris"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "22 degrees"}
    second = await openai.responses.create(**WEATHER_CALLS, input=[asked, call.to_dict(), result])
    assert second.output_text == "The tool says: 22 degrees"


async def test_a_streamed_response_with_reasoning_and_a_call(openai: AsyncOpenAI) -> None:
    async with openai.responses.stream(
        **WEATHER_CALLS, input="weather", reasoning={"effort": "low", "summary": "auto"}
    ) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "function_call"]
    assert final.output[1].arguments == '{"city": "weather"}'
    assert kinds.count("response.reasoning_summary_text.delta") == 10
    assert kinds.count("response.function_call_arguments.delta") == 3


async def test_reasoning_that_was_changed_does_not_come_back(openai: AsyncOpenAI) -> None:
    asked = {"role": "user", "content": "hello"}
    first = await openai.responses.create(
        model="m", input=[asked], reasoning={"effort": "low"}, include=["reasoning.encrypted_content"]
    )
    reasoning = first.output[0].to_dict()
    await openai.responses.create(model="m", input=[asked, reasoning, asked])
    with pytest.raises(sdk.BadRequestError, match="could not be verified"):
        await openai.responses.create(model="m", input=[asked, reasoning | {"encrypted_content": "other"}, asked])


async def test_a_structured_response(openai: AsyncOpenAI) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    wanted = {"format": {"type": "json_schema", "name": "place", "schema": schema}}
    found = await openai.responses.create(model="m", input="Paris", text=wanted)
    assert found.output_text == '{"city": "Paris"}'


async def test_a_refused_response(openai: AsyncOpenAI) -> None:
    async with openai.responses.stream(model="m", input="hi [[refusal]]") as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert final.output[0].content[0].refusal == "I'm sorry, but I can't help with that."
    assert kinds.count("response.refusal.delta") == 8


@pytest.mark.parametrize(
    ("more", "param", "message"),
    [
        ({"messages": []}, "messages", "Unknown parameter"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role", "'king'"),
        ({"input": [{"role": "user", "content": [{"type": "text"}]}]}, "input[0].content[0].type", "'text'"),
        ({"input": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}, "input", "No tool call found"),
        ({"input": [{"type": "function_call", "name": "x"}]}, "call_id", "Missing required parameter"),
        ({"input": [{"type": "song"}]}, "input[0].type", "'song'"),
        ({"tools": [{"type": "function", "function": {"name": "x"}}]}, "tools[0].name", "Missing required parameter"),
        ({"max_output_tokens": 0}, "max_output_tokens", "out of bounds"),
    ],
)
async def test_what_responses_refuse(openai: AsyncOpenAI, more: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(sdk.BadRequestError, match=re.escape(message)) as caught:
        await openai.post("/responses", body={"model": "m", "input": "hi", **more}, cast_to=object)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("more", "param", "message"),
    [
        ({"messages": []}, "messages", "empty array"),
        ({"messages": "hi"}, "messages", "expected an array, but got a string"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "'king'"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "Missing required parameter"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}, "messages[0].role", "'tool'"),
        ({"max_tokens": "5"}, "max_tokens", "expected an integer, but got a string"),
        ({"n": 1000}, "n", "out of bounds"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "Missing required parameter"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "Missing required parameter"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "Missing required parameter"),
        ({"temperature": 3}, "temperature", "between 0 and 2"),
        ({"tool_choice": "auto"}, "tool_choice", "'tools'"),
        ({"tools": [1]}, "tools[0]", "expected an object"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "only allowed when"),
    ],
)
async def test_refuses_what_openai_refuses(openai: AsyncOpenAI, more: Any, param: str, message: str) -> None:
    with pytest.raises(sdk.BadRequestError, match=message) as refused:
        await openai.chat.completions.create(**({"model": "m", "messages": HELLO} | more))
    assert refused.value.type == "invalid_request_error"
    assert refused.value.param == param


async def test_an_unanswered_tool_call_is_refused(openai: AsyncOpenAI) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    with pytest.raises(sdk.BadRequestError, match="call_1"):
        await openai.chat.completions.create(
            model="m", messages=[{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "x"}]
        )


async def test_a_missing_model(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.BadRequestError, match="you must provide a model parameter"):
        await openai.chat.completions.create(model="", messages=HELLO)


async def test_an_unknown_path(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.NotFoundError, match="Invalid URL"):
        await openai.post("/nothing", cast_to=object)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":NaN}', b"\xff\xfe", b"[" * 100_000])
def test_malformed_json_is_refused(body: bytes) -> None:
    assert answered(body=body).startswith("400 ")


def test_a_missing_credential_is_refused() -> None:
    assert answered(authorization="").startswith("401 ")


async def test_only_listed_keys_are_accepted() -> None:
    async with running(Settings(keys=("good",))) as port:
        for key, expected in (("good", None), ("bad", sdk.AuthenticationError)):
            client = sdk.AsyncOpenAI(base_url=f"{port.url}/v1", api_key=key, max_retries=0)
            if expected is None:
                await chat(client)
            else:
                with pytest.raises(expected) as refused:
                    await chat(client)
                assert refused.value.code == "invalid_api_key"
                assert "bad" not in refused.value.message
            await client.close()


async def test_unknown_fields_are_let_through(openai: AsyncOpenAI, simulator: Running) -> None:
    await chat(openai, extra_body={"vendor_field": 1})
    assert json.loads(simulator.log.last.body)["vendor_field"] == 1


def answered(body: bytes = b"{}", authorization: str = "Bearer k") -> str:
    """`status body` of one request, as the server would answer it."""
    call = Call("POST", "/v1/chat/completions", {}, {"authorization": authorization}, body, token="t" * 24, now=1)
    try:
        reply = FORMAT.answer(call, NONE)
    except Rejected as rejected:
        reply = FORMAT.failure(call, rejected)
    return f"{reply.status} {reply.body.decode()}"


def test_the_chunks_are_literally_those_of_the_reference() -> None:
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'
    call = Call("POST", "/v1/chat/completions", {}, {"authorization": "Bearer k"}, body, token="t" * 24, now=1)
    events = FORMAT.answer(call, Directives(tokens=1)).events
    assert events is not None
    head = (
        b'{"id":"chatcmpl-tttttttttttttttttttttttt","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"service_tier":"default","system_fingerprint":"fp_5150fa7e00","choices":[{"index":0,"delta":'
    )
    assert [event.data for event in events] == [
        head + b'{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}',
        head + b'{"content":"these"},"logprobs":null,"finish_reason":null}]}',
        head + b'{},"logprobs":null,"finish_reason":"stop"}]}',
        b"[DONE]",
    ]
