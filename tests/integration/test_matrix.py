"""Every caller's SDK against every backend's format, through the real Envoy.

Callers are the official clients of OpenAI and Anthropic, LangChain and LiteLLM; backends are those of `matrix.py`.
"""

import base64
import json
import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import anthropic as anthropic_sdk
import httpx2 as httpx
import openai as openai_sdk
import pytest
from anthropic import Anthropic
from langchain_openai import ChatOpenAI
from openai import OpenAI
from pydantic import BaseModel

from extproc.simulator.request_log import Received
from tests.integration import matrix
from tests.integration.gateway import KEY, Gateway, running_gateway, wait_until
from tests.integration.matrix import EMBEDDING, ROWS, Row
from tests.integration.test_credentials import key_file, token_endpoint

EVERY = pytest.mark.parametrize("row", ROWS, ids=str)
NO_EMBEDDINGS = [row for row in ROWS if row.schema not in {other.schema for other in EMBEDDING}]
NO_RERANK = [row for row in ROWS if row.schema != "cohere"]
EVERY_EMBEDDING = pytest.mark.parametrize("row", EMBEDDING, ids=str)
ECHO = "You said: Hello This is a simulated answer, and I am happy to help."
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
ASKED: list[Any] = [{"role": "user", "content": "What is the weather?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ABOUT = {"name": "get_weather", "description": "The weather of a city"}
CHAT_TOOL: Any = {"type": "function", "function": ABOUT | {"parameters": PARAMETERS}}
RESPONSES_TOOL: Any = {"type": "function", "strict": True, "parameters": PARAMETERS, **ABOUT}
MESSAGES_TOOL: Any = ABOUT | {"input_schema": PARAMETERS}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
SAID: Any = {"city": "What is the weather?"}
"""What the simulated model calls a tool with."""


class Place(BaseModel):
    """A structured answer."""

    city: str
    inhabitants: int


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    file: Path = tmp_path_factory.mktemp("google") / "account.json"
    with token_endpoint() as endpoint:
        file.write_text(key_file(endpoint.url, "key-1"))
        with running_gateway(matrix.made(file), matrix.SIMULATORS) as gateway:
            yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.clear()
    return running


@pytest.fixture(scope="module")
def openai(running: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=running.base_url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture(scope="module")
def anthropic(running: Gateway) -> Iterator[Anthropic]:
    with Anthropic(base_url=running.url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture(scope="module")
def litellm() -> ModuleType:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches prices when it is imported
    import litellm

    return litellm


def told(directives: str) -> list[Any]:
    """A conversation with a directive for the simulator."""
    return [{"role": "user", "content": f"Hello [[{directives}]]"}]


# -- OpenAI's SDK: chat -----------------------------------------------------------------------------------------------


@EVERY
def test_a_chat(openai: OpenAI, row: Row) -> None:
    answer = openai.chat.completions.create(model=row.name, messages=HELLO)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (ECHO, "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (1, 14, 15)


@EVERY
def test_a_streamed_chat(openai: OpenAI, row: Row) -> None:
    chunks = list(openai.chat.completions.create(model=row.name, messages=HELLO, stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == ECHO
    assert len([choice for choice in choices if choice.delta.content]) > 5
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)


@EVERY
def test_a_streamed_chat_with_usage(openai: OpenAI, row: Row) -> None:
    options: Any = {"include_usage": True}
    *_, last = openai.chat.completions.create(model=row.name, messages=HELLO, stream=True, stream_options=options)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (1, 14)


@EVERY
def test_chat_tools_over_two_turns(openai: OpenAI, row: Row) -> None:
    first = openai.chat.completions.create(model=row.name, messages=ASKED, tools=[CHAT_TOOL]).choices[0]
    (call,) = first.message.tool_calls or ()
    assert (first.finish_reason, call.function.name, json.loads(call.function.arguments)) == (
        "tool_calls",
        "get_weather",
        SAID,
    )
    turns = [*ASKED, first.message, {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"}]
    second = openai.chat.completions.create(model=row.name, messages=turns, tools=[CHAT_TOOL])
    assert second.choices[0].message.content == "The tool says: 22 degrees"


@EVERY
def test_streamed_chat_tools_over_two_turns(openai: OpenAI, row: Row) -> None:
    with openai.chat.completions.stream(model=row.name, messages=ASKED, tools=[CHAT_TOOL]) as stream:
        first = stream.get_final_completion().choices[0]
    (call,) = first.message.tool_calls or ()
    assert (first.finish_reason, call.function.name, json.loads(call.function.arguments)) == (
        "tool_calls",
        "get_weather",
        SAID,
    )
    said = {"role": "assistant", "content": first.message.content, "tool_calls": [call.to_dict()]}
    turns = [*ASKED, said, {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"}]
    with openai.chat.completions.stream(model=row.name, messages=turns, tools=[CHAT_TOOL]) as stream:
        second = stream.get_final_completion().choices[0]
    assert second.message.content == "The tool says: 22 degrees"


@EVERY
def test_parallel_calls_keep_their_results(openai: OpenAI, row: Row) -> None:
    messages = told("tool_calls=2")
    first = openai.chat.completions.create(model=row.name, messages=messages, tools=[CHAT_TOOL]).choices[0]
    calls = first.message.tool_calls or []
    assert len({call.id for call in calls}) == 2
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"result {n}"} for n, call in enumerate(calls)]
    turns = [*messages, first.message, *results]
    second = openai.chat.completions.create(model=row.name, messages=turns, tools=[CHAT_TOOL])
    assert second.choices[0].message.content == "The tool says: result 0 / result 1"


@EVERY
def test_a_structured_answer(openai: OpenAI, row: Row) -> None:
    answer = openai.chat.completions.parse(model=row.name, messages=HELLO, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Hello", inhabitants=0)
    assert answer.choices[0].finish_reason == "stop"


@EVERY
def test_a_streamed_structured_answer(openai: OpenAI, row: Row) -> None:
    with openai.chat.completions.stream(model=row.name, messages=HELLO, response_format=Place) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.parsed == Place(city="Hello", inhabitants=0)


@EVERY
def test_a_chat_with_reasoning_over_two_turns(openai: OpenAI, row: Row) -> None:
    asked: Any = {"model": row.name, "reasoning_effort": "low", "tools": [CHAT_TOOL]}
    first = openai.chat.completions.create(messages=ASKED, **asked)
    assert first.usage is not None
    assert first.usage.completion_tokens >= 22  # 11 at most without reasoning, of which it is 16 at least
    (call,) = first.choices[0].message.tool_calls or ()
    result = {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"}
    turns: Any = [*ASKED, first.choices[0].message.to_dict(), result]
    second = openai.chat.completions.create(messages=turns, **asked)
    assert second.choices[0].message.content == "The tool says: 22 degrees"


@EVERY
def test_a_chat_that_ends_at_its_limit(openai: OpenAI, row: Row) -> None:
    chunks = openai.chat.completions.create(model=row.name, messages=HELLO, max_completion_tokens=3, stream=True)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "You said: Hello"
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["length"]


@EVERY
def test_tokens_that_the_provider_had_cached(openai: OpenAI, row: Row) -> None:
    asked: Any = [{"role": "user", "content": "a b c [[cached_tokens=2]]"}]
    usage = openai.chat.completions.create(model=row.name, messages=asked).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (4, 2)


@EVERY
def test_an_image_from_every_caller(openai: OpenAI, anthropic: Anthropic, row: Row) -> None:
    """One word and one image are 86 tokens to every simulator."""
    url = f"data:image/png;base64,{PIXEL}"
    chat: Any = [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {"url": url}}]
    response: Any = [{"type": "input_text", "text": "Hello"}, {"type": "input_image", "image_url": url}]
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    message: Any = [{"type": "text", "text": "Hello"}, {"type": "image", "source": source}]
    by_chat = openai.chat.completions.create(model=row.name, messages=[{"role": "user", "content": chat}])
    by_response = openai.responses.create(model=row.name, input=[{"role": "user", "content": response}])
    by_message = anthropic.messages.create(
        model=row.name, messages=[{"role": "user", "content": message}], max_tokens=100
    )
    assert by_chat.usage is not None
    assert by_response.usage is not None
    counted = (by_chat.usage.prompt_tokens, by_response.usage.input_tokens, by_message.usage.input_tokens)
    assert counted == (86, 86, 86)


def refusal_of(row: Row) -> str:
    """The type of a refusal; Azure's own front gives its errors none."""
    return "upstream_error" if row.format == "azure" else "invalid_request_error"


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_the_provider_refuses(openai: OpenAI, row: Row, stream: bool) -> None:
    with pytest.raises(openai_sdk.BadRequestError) as caught:
        openai.chat.completions.create(model=row.name, messages=told("status=400"), stream=stream)
    assert caught.value.type == refusal_of(row)


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_the_provider_limits(openai: OpenAI, row: Row, stream: bool) -> None:
    with pytest.raises(openai_sdk.RateLimitError) as caught:
        openai.chat.completions.create(model=row.name, messages=told("status=429 retry_after=7"), stream=stream)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.type in ("rate_limit_error", "requests", "upstream_error")


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_a_proxy_before_the_provider_fails(openai: OpenAI, row: Row, stream: bool) -> None:
    with pytest.raises(openai_sdk.InternalServerError) as caught:
        openai.chat.completions.create(model=row.name, messages=told("html_error=502"), stream=stream)
    assert caught.value.status_code == 502
    assert "html" not in caught.value.response.text


@EVERY
@pytest.mark.parametrize("directive", ["error_in_stream_after=6", "end_after=6", "malformed_after=6"])
def test_a_chat_whose_stream_goes_bad(openai: OpenAI, row: Row, directive: str) -> None:
    chunks = openai.chat.completions.create(model=row.name, messages=told(directive), stream=True)
    texts: list[str] = []
    with pytest.raises(openai_sdk.APIError) as caught:
        texts.extend(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert caught.value.body
    assert ECHO.startswith("".join(texts))


def test_chats_whose_streams_are_cut(openai: OpenAI) -> None:
    """All at once, because Envoy takes a second to close a connection."""

    def ask(row: Row) -> str:
        with pytest.raises((openai_sdk.APIError, httpx.TransportError)):
            list(openai.chat.completions.create(model=row.name, messages=told("cut_after=6 rate=200"), stream=True))
        return row.name

    with ThreadPoolExecutor(len(ROWS)) as threads:
        assert list(threads.map(ask, ROWS)) == [row.name for row in ROWS]


@EVERY
def test_a_chat_whose_answer_is_cut(openai: OpenAI, row: Row) -> None:
    with pytest.raises(openai_sdk.InternalServerError) as caught:
        openai.chat.completions.create(model=row.name, messages=told("cut_after=1"))
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_error")


# -- OpenAI's SDK: responses ------------------------------------------------------------------------------------------


@EVERY
def test_a_response(openai: OpenAI, row: Row) -> None:
    answer = openai.responses.create(model=row.name, input="Hello")
    assert (answer.output_text, answer.status) == (ECHO, "completed")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1, 14)


@EVERY
def test_a_streamed_response(openai: OpenAI, row: Row) -> None:
    with openai.responses.stream(model=row.name, input="Hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ECHO
    assert (final.output_text, final.status) == (ECHO, "completed")
    assert final.usage is not None
    assert (final.usage.input_tokens, final.usage.output_tokens) == (1, 14)


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_response_tools_over_two_turns(openai: OpenAI, row: Row, stream: bool) -> None:
    def respond(given: list[Any]) -> Any:
        if not stream:
            return openai.responses.create(model=row.name, input=given, tools=[RESPONSES_TOOL])
        with openai.responses.stream(model=row.name, input=given, tools=[RESPONSES_TOOL]) as events:
            return events.until_done().get_final_response()

    first = respond(ASKED)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == ("get_weather", SAID)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "22 degrees"}
    second = respond([*ASKED, *(item.to_dict(exclude_none=True) for item in first.output), result])
    assert second.output_text == "The tool says: 22 degrees"


@EVERY
def test_a_response_with_reasoning_over_two_turns(openai: OpenAI, row: Row) -> None:
    asked: Any = {
        "model": row.name,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "tools": [RESPONSES_TOOL],
    }
    first = openai.responses.create(input=ASKED, **asked)
    (call,) = [item for item in first.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "22 degrees"}
    said = [item.to_dict(exclude_none=True) for item in first.output]
    second = openai.responses.create(input=[*ASKED, *said, result], **asked)  # type: ignore[list-item]
    assert second.output_text == "The tool says: 22 degrees"


@EVERY
def test_an_earlier_response(openai: OpenAI, row: Row) -> None:
    """Only where the provider has the Responses API, it has the earlier ones as well."""
    asked: Any = {"model": row.name, "input": "Hello", "previous_response_id": "resp_1"}
    if row.responses:
        assert openai.responses.create(**asked).output_text == ECHO
        return
    with pytest.raises(openai_sdk.BadRequestError, match="keeps no state"):
        openai.responses.create(**asked)


@EVERY
def test_a_structured_response(openai: OpenAI, row: Row) -> None:
    answer = openai.responses.parse(model=row.name, input="Hello", text_format=Place)
    assert answer.output_parsed == Place(city="Hello", inhabitants=0)


@EVERY
def test_a_response_that_the_provider_refuses(openai: OpenAI, row: Row) -> None:
    with pytest.raises(openai_sdk.BadRequestError) as caught:
        openai.responses.create(model=row.name, input=told("status=400"))
    assert caught.value.type == refusal_of(row)


@EVERY
@pytest.mark.parametrize("directive", ["error_in_stream_after=6", "end_after=6", "malformed_after=6"])
def test_a_response_whose_stream_goes_bad(openai: OpenAI, row: Row, directive: str) -> None:
    """It says so by an error, and ends as failed; the SDK raises where it sees the error first."""
    seen = []
    try:
        for event in openai.responses.create(model=row.name, input=told(directive), stream=True):
            seen.append(event.type)
    except openai_sdk.APIError as error:
        seen.append(f"raised {error.message != ''}")
    assert "response.completed" not in seen
    assert seen[-1] in ("response.failed", "raised True")


# -- Anthropic's SDK --------------------------------------------------------------------------------------------------


@EVERY
def test_a_message(anthropic: Anthropic, row: Row) -> None:
    answer = anthropic.messages.create(model=row.name, messages=HELLO, max_tokens=100)
    (block,) = answer.content
    assert (block.type, block.text, answer.stop_reason) == ("text", ECHO, "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1, 14)


@EVERY
def test_a_streamed_message(anthropic: Anthropic, row: Row) -> None:
    with anthropic.messages.stream(model=row.name, messages=HELLO, max_tokens=100) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    (block,) = final.content
    assert (text, block.type, block.text, final.stop_reason) == (ECHO, "text", ECHO, "end_turn")
    assert (final.usage.input_tokens, final.usage.output_tokens) == (1, 14)


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_message_tools_over_two_turns(anthropic: Anthropic, row: Row, stream: bool) -> None:
    def respond(turns: list[Any]) -> Any:
        asked: Any = {"model": row.name, "messages": turns, "max_tokens": 100, "tools": [MESSAGES_TOOL]}
        if not stream:
            return anthropic.messages.create(**asked)
        with anthropic.messages.stream(**asked) as events:
            return events.get_final_message()

    first = respond(ASKED)
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert (first.stop_reason, call.name, call.input) == ("tool_use", "get_weather", SAID)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "22 degrees"}
    said = {"role": "assistant", "content": [block.to_dict() for block in first.content]}
    second = respond([*ASKED, said, {"role": "user", "content": [result]}])
    assert [block.text for block in second.content] == ["The tool says: 22 degrees"]


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_a_message_with_thinking_over_two_turns(anthropic: Anthropic, row: Row, stream: bool) -> None:
    def respond(turns: list[Any]) -> Any:
        thinking = {"type": "enabled", "budget_tokens": 2000}
        asked: Any = {"model": row.name, "messages": turns, "max_tokens": 3000, "thinking": thinking}
        if not stream:
            return anthropic.messages.create(tools=[MESSAGES_TOOL], **asked)
        with anthropic.messages.stream(tools=[MESSAGES_TOOL], **asked) as events:
            return events.get_final_message()

    if row.model == "gpt-4o-mini":
        with pytest.raises(anthropic_sdk.BadRequestError, match="the model does not reason"):
            respond(ASKED)
        return
    first = respond(ASKED)
    (call,) = [block for block in first.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "22 degrees"}
    said = {"role": "assistant", "content": [block.to_dict() for block in first.content]}
    second = respond([*ASKED, said, {"role": "user", "content": [result]}])
    assert [block.text for block in second.content if block.type == "text"] == ["The tool says: 22 degrees"]


@EVERY
@pytest.mark.parametrize(
    ("directive", "kind", "type"),
    [
        ("status=400", anthropic_sdk.BadRequestError, "invalid_request_error"),
        ("status=429 retry_after=7", anthropic_sdk.RateLimitError, "rate_limit_error"),
        ("html_error=502", anthropic_sdk.InternalServerError, "api_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_message_that_fails(
    anthropic: Anthropic, row: Row, directive: str, kind: type[anthropic_sdk.APIStatusError], type: str, stream: bool
) -> None:
    with pytest.raises(kind) as caught:
        anthropic.messages.create(model=row.name, messages=told(directive), max_tokens=100, stream=stream)
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", type)
    assert caught.value.response.headers.get("retry-after") == ("7" if "retry_after" in directive else None)


@EVERY
@pytest.mark.parametrize("directive", ["error_in_stream_after=6", "end_after=6", "malformed_after=6"])
def test_a_message_whose_stream_goes_bad(anthropic: Anthropic, row: Row, directive: str) -> None:
    with pytest.raises(anthropic_sdk.APIStatusError) as caught:
        list(anthropic.messages.create(model=row.name, messages=told(directive), max_tokens=100, stream=True))
    body: Any = caught.value.body
    assert body["type"] == "error"


@EVERY
def test_a_message_whose_answer_is_cut(anthropic: Anthropic, row: Row) -> None:
    with pytest.raises(anthropic_sdk.InternalServerError) as caught:
        anthropic.messages.create(model=row.name, messages=told("cut_after=1"), max_tokens=100)
    assert caught.value.status_code == 502


@EVERY
def test_counting_tokens(gateway: Gateway, anthropic: Anthropic, row: Row) -> None:
    """Anthropic counts by itself (one word is a token to the simulator); for the others the gateway does."""
    count = anthropic.messages.count_tokens(model=row.name, messages=[{"role": "user", "content": "one two three"}])
    asked = [received.target for received in gateway.simulator(row.name).log]
    if row.schema == "anthropic":
        assert (count.input_tokens, asked) == (3, ["/v1/messages/count_tokens"])
    else:
        assert (count.input_tokens, asked) == (10, [])


# -- LangChain and LiteLLM --------------------------------------------------------------------------------------------


def langchain(gateway: Gateway, row: Row) -> ChatOpenAI:
    return ChatOpenAI(model=row.name, base_url=gateway.base_url, api_key=KEY, max_retries=0)  # type: ignore[arg-type]


@EVERY
def test_langchain(gateway: Gateway, row: Row) -> None:
    answer = langchain(gateway, row).invoke("Hello")
    assert (answer.content, answer.response_metadata["finish_reason"]) == (ECHO, "stop")
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (1, 14)


@EVERY
def test_langchain_streams(gateway: Gateway, row: Row) -> None:
    pieces = [str(piece.content) for piece in langchain(gateway, row).stream("Hello")]
    assert "".join(pieces) == ECHO


@EVERY
def test_langchain_calls_tools(gateway: Gateway, row: Row) -> None:
    bound = langchain(gateway, row).bind_tools([CHAT_TOOL])
    first = bound.invoke("What is the weather?")
    (call,) = first.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", SAID)
    result = {"role": "tool", "tool_call_id": call["id"], "content": "22 degrees"}
    second = bound.invoke([("user", "What is the weather?"), first, result])
    assert second.content == "The tool says: 22 degrees"


@EVERY
def test_litellm(gateway: Gateway, litellm: ModuleType, row: Row) -> None:
    answer = litellm.completion(
        model=f"openai/{row.name}", api_base=gateway.base_url, api_key=KEY, messages=HELLO, max_retries=0
    )
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (ECHO, "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1, 14)


@EVERY
def test_litellm_streams(gateway: Gateway, litellm: ModuleType, row: Row) -> None:
    chunks = litellm.completion(
        model=f"openai/{row.name}", api_base=gateway.base_url, api_key=KEY, messages=HELLO, stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ECHO


# -- embeddings and rerank --------------------------------------------------------------------------------------------


@EVERY_EMBEDDING
def test_embeddings_as_numbers_and_as_base64(openai: OpenAI, row: Row) -> None:
    model = f"embed-{row.name}"
    numbers = openai.embeddings.create(model=model, input="one two", encoding_format="float")
    packed = openai.embeddings.create(model=model, input="one two", encoding_format="base64")
    raw = base64.b64decode(str(packed.data[0].embedding))
    assert numbers.data[0].embedding == pytest.approx(struct.unpack(f"<{len(raw) // 4}f", raw), rel=1e-6)
    assert (numbers.usage.prompt_tokens, packed.usage.prompt_tokens) == (2, 2)


@EVERY_EMBEDDING
def test_a_batch_of_embeddings(openai: OpenAI, row: Row) -> None:
    asked: Any = {"model": f"embed-{row.name}", "input": ["one two", "three"]}
    if row.name == "bedrock":
        with pytest.raises(openai_sdk.BadRequestError, match="this model embeds one text a request"):
            openai.embeddings.create(**asked)
        return
    answer = openai.embeddings.create(**asked)
    assert [one.index for one in answer.data] == [0, 1]
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens == 3


@pytest.mark.parametrize("row", NO_EMBEDDINGS, ids=str)
def test_no_embeddings_where_there_are_none(openai: OpenAI, row: Row) -> None:
    with pytest.raises(openai_sdk.NotFoundError, match="does not serve this endpoint"):
        openai.embeddings.create(model=row.name, input="one")


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_rerank(gateway: Gateway, path: str) -> None:
    asked = {"model": "rerank", "query": "red fish", "documents": ["blue bird", "red bird", "red fish"], "top_n": 2}
    answer = httpx.post(gateway.url + path, json=asked, headers={"authorization": f"Bearer {KEY}"}).json()
    assert [(one["index"], one["relevance_score"]) for one in answer["results"]] == [(2, 1.0), (1, 0.5)]
    (received,) = gateway.simulator("cohere").log
    assert received.target == "/v2/rerank"
    assert credentials(received) == {"authorization": "Bearer credential-of-cohere"}


@pytest.mark.parametrize("row", NO_RERANK, ids=str)
def test_no_rerank_where_there_is_none(gateway: Gateway, row: Row) -> None:
    asked = {"model": row.name, "query": "red fish", "documents": ["blue bird"]}
    answer = httpx.post(f"{gateway.base_url}/rerank", json=asked, headers={"authorization": f"Bearer {KEY}"})
    assert answer.status_code == 404


# -- what providers and operators see ---------------------------------------------------------------------------------

CREDENTIAL_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
OTHERS = frozenset(row.secret for row in ROWS) | {KEY, matrix.AWS_SECRET}


def credentials(received: Received) -> dict[str, str]:
    return {name.lower(): value for name, value in received.headers if name.lower() in CREDENTIAL_HEADERS}


def only_its_own(received: Received, row: Row) -> bool:
    """Whether a request carries the credential of its provider, and no other secret anywhere."""
    name, value = row.credential
    sent = credentials(received)
    everything = repr((received.target, received.headers, received.body))
    strangers = [secret for secret in OTHERS - {row.secret} if f"{secret}'" in everything]
    return sent.keys() == {name} and sent[name].startswith(value) and not strangers


@EVERY
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("key_header", ["authorization", "x-api-key", "api-key", "x-goog-api-key"])
def test_what_a_provider_sees_of_a_chat(gateway: Gateway, row: Row, key_header: str, stream: bool) -> None:
    key = f"Bearer {KEY}" if key_header == "authorization" else KEY
    asked = {"model": row.name, "messages": HELLO, "stream": stream}
    answer = httpx.post(f"{gateway.base_url}/chat/completions", json=asked, headers={key_header: key})
    assert answer.status_code == 200
    (received,) = gateway.simulator(row.name).log
    assert received.target == row.asked_at(stream=stream)
    assert received.header("host") == f"{row.name}.example.com"
    assert only_its_own(received, row)


@EVERY
def test_what_a_provider_sees_of_a_message(gateway: Gateway, anthropic: Anthropic, row: Row) -> None:
    anthropic.messages.create(model=row.name, messages=HELLO, max_tokens=100)
    (received,) = gateway.simulator(row.name).log
    assert received.target == row.path
    assert only_its_own(received, row)
    assert (received.header("anthropic-version") is not None) == (row.schema == "anthropic")


@EVERY
def test_what_a_provider_sees_of_a_response(gateway: Gateway, openai: OpenAI, row: Row) -> None:
    openai.responses.create(model=row.name, input="Hello")
    (received,) = gateway.simulator(row.name).log
    assert received.target == (row.responses or row.path)
    assert only_its_own(received, row)


@EVERY_EMBEDDING
def test_what_a_provider_sees_of_embeddings(gateway: Gateway, openai: OpenAI, row: Row) -> None:
    openai.embeddings.create(model=f"embed-{row.name}", input="one")
    (received,) = gateway.simulator(row.name).log
    assert received.target == row.embed_path
    assert only_its_own(received, row)


def spent(gateway: Gateway, model: str, backend: str) -> tuple[int, int, int, int]:
    """Exchanges, tokens of input and output as the provider counts them, nano-dollars.

    The text is searched, because reading all of it as metrics takes a hundred times as long.
    """
    own = f'{{backend="{backend}",'
    lines = [line for line in gateway.admin("/metrics")[1].decode().splitlines() if own in line]

    def total(name: str, *labels: str) -> float:
        wanted = (name + own, f'model="{model}"', *labels)
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(part in line for part in wanted))

    return (
        round(total("llm_gateway_requests_total")),
        round(total("llm_gateway_tokens_total", 'estimated="false"', 'type="input"')),
        round(total("llm_gateway_tokens_total", 'estimated="false"', 'type="output"')),
        round(total("llm_gateway_cost_usd_total") * 1e9),
    )


@EVERY
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/chat/completions", "/messages", "/responses"])
def test_what_an_exchange_costs(gateway: Gateway, row: Row, path: str, stream: bool) -> None:
    before = spent(gateway, row.name, row.name)
    asked = {"model": row.name, "stream": stream, **({"input": HELLO} if path == "/responses" else {"messages": HELLO})}
    more = {"max_tokens": 100} if path == "/messages" else {}
    httpx.post(
        gateway.base_url + path, json=asked | more, headers={"authorization": f"Bearer {KEY}"}
    ).raise_for_status()
    wait_until(lambda: spent(gateway, row.name, row.name)[0] > before[0], 5.0, "the end of the exchange")
    after = spent(gateway, row.name, row.name)
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 14, 141_000]


@EVERY_EMBEDDING
def test_what_embeddings_cost(gateway: Gateway, openai: OpenAI, row: Row) -> None:
    model = f"embed-{row.name}"
    before = spent(gateway, model, row.name)
    openai.embeddings.create(model=model, input="one two")
    wait_until(lambda: spent(gateway, model, row.name)[0] > before[0], 5.0, "the end of the exchange")
    after = spent(gateway, model, row.name)
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 2, 0, 2_000]


@pytest.mark.parametrize("stream", [False, True])
def test_a_chain_over_three_formats(gateway: Gateway, stream: bool) -> None:
    asked = {"model": "three-formats", "messages": HELLO, "stream": stream}
    answer = httpx.post(f"{gateway.base_url}/chat/completions", json=asked, headers={"authorization": f"Bearer {KEY}"})
    told = ("x-gateway-backend", "x-gateway-attempts", "x-gateway-fallback")
    assert [answer.headers[name] for name in told] == ["cohere", "3", "down-gemini"]
    assert "happy" in answer.text
    seen = {
        name: (received.target, credentials(received))
        for name in ("down-gemini", "down-bedrock", "cohere")
        for received in gateway.simulator(name).log
    }
    assert seen == {
        "down-gemini": (
            matrix.BY_NAME["gemini"].asked_at(stream=stream),
            {"x-goog-api-key": "credential-of-down-gemini"},
        ),
        "down-bedrock": (
            matrix.BY_NAME["bedrock"].asked_at(stream=stream),
            {"authorization": "Bearer credential-of-down-bedrock"},
        ),
        "cohere": ("/v2/chat", {"authorization": "Bearer credential-of-cohere"}),
    }


def test_no_defect_was_met(running: Gateway) -> None:
    assert running.metric("llm_gateway_internal_errors_total") == 0
