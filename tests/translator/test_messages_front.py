"""Anthropic Messages in front of OpenAI chat: the golden cases, in every framing and against both SDKs' own types."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from openai.types.chat.completion_create_params import CompletionCreateParams, CompletionCreateParamsBase
from pydantic import TypeAdapter

from extproc.config.model import Backend, Schema, Target
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.base import Call
from extproc.translator.front import Composed
from extproc.translator.hub_to_openai import OPENAIS, HubToOpenAI
from extproc.translator.messages_to_chat import MessagesFront
from extproc.translator.messages_to_chat_stream import StreamedResponse
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic
from extproc.translator.openai_to_openai import OpenAIToAzure, OpenAIToOpenAI
from tests.translator.golden import CREATED, MADE, MESSAGES, ROOT, Case, cases, made_files, translate
from tests.translator.messages_stream import events, final_message

ALL = cases("messages_to_chat")
REQUESTS = [case for case in ALL if case.has("upstream.json") and b'"path"' in case.read("upstream.json")]
ANSWERS = [case for case in ALL if case.has("caller.json") and b'"stop_reason"' in case.read("caller.json")]
STREAMS = [case for case in ALL if case.has("stream.sse")]
WHOLE_STREAMS = [case for case in STREAMS if b"event: message_stop" in case.read("caller.sse")]


def names(chosen: list[Case]) -> list[str]:
    return [case.directory.name for case in chosen]


def case(name: str) -> Case:
    return next(each for each in ALL if each.directory.name == name)


@pytest.mark.parametrize("golden", ALL, ids=names(ALL))
def test_golden(golden: Case) -> None:
    assert made_files(golden) == {name: golden.read(name) for name in MADE if golden.has(name)}


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_the_same_byte_by_byte(golden: Case) -> None:
    stream = golden.read("stream.sse")
    pieces = [stream[at : at + 1] for at in range(len(stream))]
    assert translate(golden.response(streamed=True), pieces) == golden.read("caller.sse")


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_the_same_cut_at_every_boundary(golden: Case) -> None:
    stream, expected = golden.read("stream.sse"), golden.read("caller.sse")
    for cut in range(len(stream) + 1):
        assert translate(golden.response(streamed=True), [stream[:cut], stream[cut:]]) == expected


@settings(deadline=None, max_examples=150)
@given(golden=st.sampled_from(STREAMS), data=st.data())
def test_a_stream_is_the_same_in_random_pieces(golden: Case, data: st.DataObject) -> None:
    stream = golden.read("stream.sse")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert translate(golden.response(streamed=True), pieces) == golden.read("caller.sse")


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), data=st.data())
def test_a_stream_cut_off_anywhere_ends_properly(golden: Case, data: st.DataObject) -> None:
    whole = golden.read("stream.sse")
    stream = whole[: data.draw(st.integers(0, len(whole)))]
    last = events(translate(front_stream(), [stream]))[-1][0]
    assert last == ("message_stop" if b"[DONE]" in stream and golden in WHOLE_STREAMS else "error")


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_ends_properly(golden: Case, at: int, byte: int) -> None:
    stream = bytearray(golden.read("stream.sse") or b"\n")
    stream[at % len(stream)] = byte
    assert events(translate(front_stream(), [bytes(stream)]))[-1][0] in ("message_stop", "error")


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_one_block_is_open_at_a_time(golden: Case) -> None:
    open_block, expected = None, 0
    for name, event in events(golden.read("caller.sse")):
        if name == "content_block_start":
            assert open_block is None
            assert event["index"] == expected
            open_block, expected = expected, expected + 1
        elif name.startswith("content_block"):
            assert event["index"] == open_block
            open_block = None if name == "content_block_stop" else open_block
        elif name == "message_delta":
            assert open_block is None


def front_stream() -> StreamedResponse:
    return StreamedResponse(call({"stream": True}))


def test_nothing_follows_the_end_of_a_stream() -> None:
    response = front_stream()
    response.feed(case("text").read("stream.sse"))
    assert response.feed(case("text").read("stream.sse")) == b""
    assert response.finish() == b""


def test_text_leaves_at_once() -> None:
    response = front_stream()
    response.feed(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
    out = response.feed(b'data: {"choices":[{"index":0,"delta":{"content":"now"}}]}\n\n')
    assert events(out) == [
        (
            "content_block_delta",
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "now"}},
        )
    ]


def test_the_next_call_begins_as_soon_as_the_first_is_whole() -> None:
    response = front_stream()
    response.feed(tool_chunk(0, "a", "{"))
    assert response.feed(tool_chunk(1, "b", "{")) == b""
    assert [name for name, _ in events(response.feed(tool_chunk(0, None, "}")))] == [
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]


def test_what_follows_a_whole_input_is_an_error() -> None:
    response = front_stream()
    out = response.feed(
        tool_chunk(0, "a", "{}") + tool_chunk(1, "b", "{}") + tool_chunk(0, None, "{}") + b"data: [DONE]\n\n"
    )
    assert events(out)[-1][1]["error"]["message"] == (
        "The provider called a tool with arguments that are not a JSON object."
    )


def tool_chunk(index: int, id: str | None, arguments: str) -> bytes:
    tool_call: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
    if id is not None:
        tool_call["id"], tool_call["function"]["name"] = id, "f"
    return b"data: %b\n\n" % msgspec.json.encode({"choices": [{"index": 0, "delta": {"tool_calls": [tool_call]}}]})


def test_a_chat_stream_without_its_end_is_an_error() -> None:
    response = front_stream()
    response.feed(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
    assert response.finish() == (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error",'
        b'"message":"The provider ended the stream before the answer was complete."}}\n\n'
    )


def test_an_event_that_is_too_large_ends_the_stream() -> None:
    out = front_stream().feed(b"data: " + b"x" * (17 << 20))
    assert events(out)[0][1]["error"]["message"] == "The provider sent an event that is too large."


@pytest.mark.parametrize(
    ("detail", "type_"),
    [
        ({"message": "m", "type": "invalid_request_error"}, "invalid_request_error"),
        ({"message": "m", "type": "requests", "code": "rate_limit_exceeded"}, "rate_limit_error"),
        ({"message": "m", "type": "upstream_error", "code": "overloaded"}, "overloaded_error"),
        ({"message": "m", "type": "upstream_error", "code": "timeout"}, "timeout_error"),
        ({"message": "m", "code": 1}, "api_error"),
        ({}, "api_error"),
    ],
)
def test_an_error_in_a_stream_has_the_type_of_its_kind(detail: dict[str, Any], type_: str) -> None:
    out = front_stream().feed(b"data: %b\n\n" % msgspec.json.encode({"error": detail}))
    assert events(out)[0][1]["error"]["type"] == type_


CHAT_STREAMS = sorted(ROOT.glob("openai_to_*/*/caller.sse"))


@pytest.mark.parametrize("path", CHAT_STREAMS, ids=[f"{path.parts[-3]}/{path.parts[-2]}" for path in CHAT_STREAMS])
def test_every_stream_that_our_translators_write_is_read(path: Path) -> None:
    chat = path.read_bytes()
    stream = translate(front_stream(), [chat])
    if events(stream)[-1][0] == "message_stop":
        assert final_message([stream]).stop_reason is not None
    else:
        assert b'"error"' in chat or path.parent.name == "tool_arguments_invalid"


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    body = golden.read("response.json")
    whole = translate(golden.response(streamed=False), [body])
    assert translate(golden.response(streamed=False), [body[at : at + 1] for at in range(len(body))]) == whole


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_openai_sdk_knows_our_requests(golden: Case) -> None:
    body = msgspec.json.decode(golden.read("upstream.json"))["body"]
    assert plain(TypeAdapter(CompletionCreateParams).validate_python(body)) == body


def plain(value: Any) -> Any:
    """The SDK's validated value, its lazy iterables read (which validates them)."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [plain(each) for each in value]


def test_openais_fields_are_those_of_its_sdk() -> None:
    assert set(CompletionCreateParamsBase.__annotations__) | {"stream"} == OPENAIS


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_anthropic_sdk_reads_our_answers(golden: Case) -> None:
    answer = Message.model_validate_json(golden.read("caller.json"), strict=True)
    assert not answer.model_extra
    assert not any(block.model_extra for block in answer.content)


@pytest.mark.parametrize("golden", WHOLE_STREAMS, ids=names(WHOLE_STREAMS))
def test_the_anthropic_sdk_puts_a_stream_together(golden: Case) -> None:
    stream = golden.read("caller.sse")
    message = final_message(stream[at : at + 7] for at in range(0, len(stream), 7))
    assert message.stop_reason is not None
    if golden.has("caller.json"):
        whole = Message.model_validate_json(golden.read("caller.json"))
        assert message.usage == whole.usage or golden.directory.name == "answer_without_choices"
        if golden.directory.name in SAME_WHOLE:
            assert message.model_dump(exclude={"parsed_output"}) == whole.model_dump()


SAME_WHOLE = {
    "text",
    "tool_calls",
    "reasoning_unsigned",
    "reasoning_by_other_name",
    "refusal",
    "content_filter",
    "length",
    "cached_usage",
    "tool_call_forced",
    "tool_calls_without_id",
}


def test_the_anthropic_sdk_raises_our_error_event() -> None:
    with pytest.raises(anthropic.APIError) as raised:
        final_message([case("stream_error").read("caller.sse")])
    assert raised.value.body == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded", "code": "overloaded"},
    }


FIRST = "messages[0].content[0]"


def call(fields: dict[str, Any]) -> Call:
    body = msgspec.json.encode({"model": "chat", "messages": [{"role": "user", "content": "Hello"}], **fields})
    decoded = msgspec.json.decode(body, type=dict[str, Raw])
    return Call(MESSAGES, "/v1/messages?beta=true", body, decoded, "chat", "stream" in fields, created=CREATED)


def test_the_hub_call_is_a_chat_call() -> None:
    made = MessagesFront().chat(call({"stream": True, "max_tokens": 5}))
    assert (made.endpoint.path, made.path, made.model) == ("/chat/completions", "/v1/chat/completions", "chat")
    assert (made.stream, made.wants_usage, made.created) == (True, True, CREATED)
    assert msgspec.json.decode(made.body) == {
        "model": "chat",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_completion_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert msgspec.json.encode(dict(made.fields)) == made.body


def test_the_hub_carries_what_only_some_backends_know() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
    unsigned = {"type": "thinking", "thinking": "So.", "signature": ""}
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {}, "cache_control": {"type": "ephemeral"}}
    made = MessagesFront().chat(
        call(
            {
                "top_k": 5,
                "messages": [
                    {"role": "assistant", "content": [thinking, unsigned, use]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]},
                ],
            }
        )
    )
    body = msgspec.json.decode(made.body)
    assert body["top_k"] == 5
    assert body["messages"][0] == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "So.",
        "thinking_blocks": [thinking],
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        "cache_control": {"type": "ephemeral"},
    }


def test_a_backend_that_knows_thinking_gets_it() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body = msgspec.json.decode(MessagesFront(own_thinking=True).chat(call({"thinking": thinking})).body)
    assert body["thinking"] == thinking
    assert "reasoning_effort" not in body


def test_content_is_refused_whatever_the_backend_drops() -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "code_execution_20250825"}}
    with pytest.raises(Unsupported) as refused:
        MessagesFront().chat(call({"messages": [{"role": "assistant", "content": [block]}]}))
    assert refused.value.param == FIRST


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ([{"type": "image"}], FIRST),
        ([{"type": "image", "source": {"type": "magic"}}], "messages[0].content[0].source.type"),
        ([{"type": "thinking", "thinking": "x"}], FIRST),
        ([{"type": "document", "source": {"type": "content", "content": "x"}}], FIRST),
        ([{"type": "image", "source": {"type": "file", "file_id": "f"}}], "messages[0].content[0].source"),
        ([{"type": "tool_result"}], FIRST),
        ([{"type": "tool_result", "tool_use_id": "t", "toolset_name": "x"}], FIRST),
        (
            [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "x"}]}],
            "messages[0].content[0].content[0]",
        ),
        ([3], FIRST),
    ],
)
def test_a_block_that_makes_no_sense_is_refused_with_its_place(content: list[Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        MessagesFront().chat(call({"messages": [{"role": "user", "content": content}]}))
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "assistant", "content": [{"type": "image"}]}]}, FIRST),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}, "toolset_name": "x"}],
                    }
                ]
            },
            FIRST,
        ),
        ({"messages": [{"role": "system", "content": [{"type": "image"}]}]}, FIRST),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"system": 3}, "system"),
        ({"tools": [{"name": "f"}]}, "tools[0]"),
        ({"output_config": {"format": {"type": "regex", "schema": {}}}}, "output_config.format"),
        ({"metadata": {"user_id": 3}}, "metadata.user_id"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        MessagesFront().chat(call(fields))
    assert refused.value.param == param


def test_azure_gets_the_same_document_under_its_own_path() -> None:
    backend = Backend("azure", "azure", "azure.ai.openai", Schema.AZURE_OPENAI, "a", api_version="2024-10-21")
    made = HubToOpenAI(OpenAIToAzure()).request(MessagesFront().chat(call({})), Target(backend, "gpt"))
    assert made.path == "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
    assert msgspec.json.decode(made.body or b"") == {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]}


def test_openai_gets_no_marks_of_the_cache_and_nothing_malformed() -> None:
    hub = MessagesFront(own_thinking=True).chat(call({"cache_control": {"type": "ephemeral"}}))
    target = Target(Backend("openai", "openai", "openai", Schema.OPENAI, "a", "/v1"), "gpt")
    made = HubToOpenAI(OpenAIToOpenAI()).request(hub, target)
    assert msgspec.json.decode(made.body or b"") == {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]}
    with pytest.raises(InvalidRequest):
        HubToOpenAI(OpenAIToOpenAI()).request(replace(hub, fields={**hub.fields, "user": Raw(b"3")}), target)


# What comes out of the hub for Anthropic's own format is the document that went in.

CLAUDE = Target(Backend("claude", "claude", "anthropic", Schema.ANTHROPIC, "a", "/v1"), "claude-opus-4-6")
BUDGETS = Target(CLAUDE.backend, "claude-sonnet-4-6")
BACK_AND_FORTH = Composed(MessagesFront(own_thinking=True), OpenAIToAnthropic())

words = st.text(min_size=1, max_size=8)
identifiers = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
cache_marks = st.fixed_dictionaries({}, optional={"cache_control": st.just({"type": "ephemeral"})})
inputs = st.dictionaries(words, st.one_of(st.integers(-(2**53), 2**53), words, st.none()), max_size=3)
media = st.one_of(
    st.fixed_dictionaries({"type": st.just("url"), "url": st.just("https://example.com/a")}),
    st.just({"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}),
)


def block(kind: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(st.fixed_dictionaries({"type": st.just(kind), **fields}), cache_marks).map(
        lambda x: {**x[0], **x[1]}
    )


texts = block("text", text=words)
documents = st.one_of(
    block("document", source=media),
    block("document", source=media, title=words),
    block("document", source=st.builds(lambda data: {"type": "text", "media_type": "text/plain", "data": data}, words)),
)
images = block("image", source=st.just({"type": "base64", "media_type": "image/png", "data": "iVBORw=="}))
shown = st.lists(st.one_of(texts, documents, images), min_size=1, max_size=3)
signed = st.lists(
    st.one_of(
        st.fixed_dictionaries({"type": st.just("thinking"), "thinking": st.text(max_size=8), "signature": words}),
        st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": words}),
    ),
    max_size=2,
)


@st.composite
def rounds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Turns of a user and an assistant, with tools used on the way."""
    turns = [{"role": "user", "content": draw(shown)}]
    for number in range(draw(st.integers(0, 2))):
        ids = [f"toolu_{number}_{at}" for at in range(draw(st.integers(0, 3)))]
        uses = [{"type": "tool_use", "id": each, "name": draw(identifiers), "input": draw(inputs)} for each in ids]
        if uses:
            uses[-1] |= draw(cache_marks)
        said = draw(st.lists(texts, min_size=0 if uses else 1, max_size=2))
        turns.append({"role": "assistant", "content": [*draw(signed), *said, *uses]})
        results = [draw(block("tool_result", tool_use_id=st.just(each), content=shown)) for each in ids]
        turns.append({"role": "user", "content": [*results, *draw(shown)]})
    return turns


tools = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {"input_schema": st.just({"type": "object", "properties": {"x": {"default": 1.0}}})},
            optional={"description": words, "strict": st.booleans(), "cache_control": st.just({"type": "ephemeral"})},
        ),
        identifiers,
    ).map(lambda x: {"name": x[1], **x[0]}),
    min_size=1,
    max_size=3,
    unique_by=lambda tool: str(tool["name"]),
)
choices = st.sampled_from(
    [
        {"type": "any"},
        {"type": "none"},
        {"type": "tool", "name": "f"},
        {"type": "auto", "disable_parallel_tool_use": True},
        {"type": "any", "disable_parallel_tool_use": True},
    ]
)
requests = st.fixed_dictionaries(
    {"max_tokens": st.integers(1, 10000), "messages": rounds()},
    optional={
        "system": st.lists(texts, min_size=1, max_size=2),
        "stop_sequences": st.lists(words, min_size=1, max_size=3),
        "metadata": st.fixed_dictionaries({"user_id": words}),
        "service_tier": st.just("standard_only"),
        "cache_control": st.just({"type": "ephemeral"}),
        "stream": st.just(True),
    },
)
sampled = st.fixed_dictionaries({}, optional={"temperature": st.sampled_from([0, 0.5]), "top_k": st.integers(1, 9)})
with_tools = st.fixed_dictionaries({"tools": tools}, optional={"tool_choice": choices})
formats = st.just({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}})
reasoning = st.one_of(
    st.fixed_dictionaries({"thinking": st.sampled_from([{"type": "adaptive"}, {"type": "disabled"}])}),
    st.fixed_dictionaries(
        {
            "thinking": st.just({"type": "adaptive", "display": "summarized"}),
            "output_config": st.sampled_from(["low", "medium", "high", "xhigh", "max"]).map(lambda x: {"effort": x}),
        }
    ),
)


@settings(deadline=None, max_examples=150)
@given(request=requests, extra=st.one_of(sampled, with_tools, reasoning, formats))
def test_a_request_comes_back_from_the_hub_as_it_was(request: dict[str, Any], extra: dict[str, Any]) -> None:
    sent = {**request, **extra}
    made = BACK_AND_FORTH.request(call(sent), CLAUDE)
    assert msgspec.json.decode(made.body or b"") == {"model": "claude-opus-4-6", **sent}
    assert made.dropped == ()


def test_a_budget_comes_back_from_the_hub_as_it_was() -> None:
    thinking = {"type": "enabled", "budget_tokens": 3000, "display": "omitted"}
    made = BACK_AND_FORTH.request(call({"thinking": thinking, "max_tokens": 9000}), BUDGETS)
    assert msgspec.json.decode(made.body or b"") == {
        "model": "claude-sonnet-4-6",
        "max_tokens": 9000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "thinking": thinking,
    }


def test_anthropics_own_tools_come_back_from_the_hub_as_they_were() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    made = BACK_AND_FORTH.request(call({"tools": [search]}), CLAUDE)
    assert msgspec.json.decode(made.body or b"")["tools"] == [search]


CLAUDES = ("text", "tool_calls", "reasoning_content", "cached_usage", "refusal", "max_tokens")


@pytest.mark.parametrize("name", CLAUDES)
def test_an_answer_of_claude_comes_back_from_the_hub_as_it_was(name: str) -> None:
    golden = next(each for each in cases("openai_to_anthropic") if each.directory.name == name)
    body = golden.read("response.json")
    whole = Message.model_validate_json(translate(BACK_AND_FORTH.response(call({}), streamed=False), [body]))
    given = Message.model_validate_json(body)
    for field in ("id", "model", "content", "stop_reason", "stop_sequence"):
        assert getattr(whole, field) == getattr(given, field)
    assert whole.usage.model_dump(exclude=UNSAID, exclude_none=True) == {
        **ZEROS,
        **given.usage.model_dump(exclude=UNSAID, exclude_none=True),
    }


ZEROS = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
UNSAID = {"service_tier", "cache_creation", "inference_geo"}


@pytest.mark.parametrize("name", CLAUDES)
def test_a_stream_of_claude_comes_back_from_the_hub_as_it_was(name: str) -> None:
    golden = next(each for each in cases("openai_to_anthropic") if each.directory.name == name)
    stream = golden.read("stream.sse")
    through = final_message([translate(BACK_AND_FORTH.response(call({"stream": True}), streamed=True), [stream])])
    given = final_message([stream])
    assert through.content == given.content
    assert (through.stop_reason, through.usage.output_tokens) == (given.stop_reason, given.usage.output_tokens)
