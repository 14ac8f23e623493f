"""OpenAI chat to Anthropic Messages: the golden cases, in every framing and against both SDKs' own types."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from anthropic.types.message_create_params import MessageCreateParams
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from extproc.apischema import openai_chat
from extproc.apischema.endpoints import CHAT
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.anthropic_models import ThinkingMode, model_facts
from extproc.translator.base import Call
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic
from tests.translator.golden import CREATED, MADE, Case, cases, made_files, translate

ALL = cases("openai_to_anthropic")
REQUESTS = [case for case in ALL if case.has("upstream.json") and b'"path"' in case.read("upstream.json")]
ANSWERS = [case for case in ALL if case.has("caller.json") and b'"choices"' in case.read("caller.json")]
STREAMS = [case for case in ALL if case.has("stream.sse")]
SAMPLING = {"temperature", "top_p", "top_k"}  # gone from the SDK's types with API version 2026-10-21


def names(chosen: list[Case]) -> list[str]:
    return [case.directory.name for case in chosen]


def case(name: str) -> Case:
    return next(each for each in ALL if each.directory.name == name)


def chunks(stream: bytes) -> list[dict[str, Any]]:
    events = [event.removeprefix(b"data: ") for event in stream.split(b"\n\n") if event]
    assert events[-1] == b"[DONE]"
    return [msgspec.json.decode(event) for event in events[:-1]]


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
    stream = golden.read("stream.sse")
    response = golden.response(streamed=True)
    out = translate(response, [stream[: data.draw(st.integers(0, len(stream)))]])
    last = chunks(out)[-1]
    assert response.outcome.complete == ("error" not in last)
    assert response.outcome.error == ("" if response.outcome.complete else last["error"]["type"])


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_ends_properly(golden: Case, at: int, byte: int) -> None:
    stream = bytearray(golden.read("stream.sse") or b"\n")
    stream[at % len(stream)] = byte
    assert translate(golden.response(streamed=True), [bytes(stream)]).endswith(b"data: [DONE]\n\n")


def test_nothing_follows_the_end_of_a_stream() -> None:
    response = case("text").response(streamed=True)
    response.feed(case("text").read("stream.sse"))
    assert response.feed(case("text").read("stream.sse")) == b""
    assert response.finish() == b""


def test_an_event_leaves_at_once() -> None:
    response = case("text").response(streamed=True)
    response.feed(case("text").read("stream.sse").partition(b"event: content_block_delta")[0])
    out = response.feed(
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"now"}}\n\n'
    )
    assert [chunk["choices"][0]["delta"] for chunk in chunks(out + b"data: [DONE]\n\n")] == [{"content": "now"}]


def test_an_event_that_is_too_large_ends_the_stream() -> None:
    response = case("text").response(streamed=True)
    out = response.feed(b"data: " + b"x" * (17 << 20))
    assert chunks(out)[0]["error"]["message"] == "The provider sent an event that is too large."


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    body = golden.read("response.json")
    whole = translate(golden.response(streamed=False), [body])
    assert translate(golden.response(streamed=False), [body[at : at + 1] for at in range(len(body))]) == whole


def test_an_answer_that_is_cut_off_is_an_upstream_error() -> None:
    response = case("text").response(streamed=False)
    assert response.feed(case("text").read("response.json")[:-20]) == b""
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_anthropic_sdk_knows_our_requests(golden: Case) -> None:
    body = msgspec.json.decode(golden.read("upstream.json"))["body"]
    known = {name: value for name, value in body.items() if name not in SAMPLING}
    assert plain(TypeAdapter(MessageCreateParams).validate_python(known)) == known


def plain(value: Any) -> Any:
    """The SDK's validated value, its lazy iterables read (which validates them)."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [plain(each) for each in value]


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_openai_sdk_reads_our_answers(golden: Case) -> None:
    answer = ChatCompletion.model_validate_json(golden.read("caller.json"), strict=True)
    assert not answer.model_extra
    assert not answer.choices[0].model_extra
    assert set(answer.choices[0].message.model_extra or ()) <= {"reasoning_content", "thinking_blocks"}


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_the_openai_sdk_reads_our_chunks(golden: Case) -> None:
    for chunk in read_chunks(golden):
        assert chunk.created == CREATED
        assert not chunk.model_extra
        for choice in chunk.choices:
            assert not choice.model_extra
            assert set(choice.delta.model_extra or ()) <= {"reasoning_content", "thinking_blocks", "annotations"}


def read_chunks(golden: Case) -> Iterator[ChatCompletionChunk]:
    for chunk in chunks(golden.read("caller.sse")):
        if "error" not in chunk:
            yield ChatCompletionChunk.model_validate_json(msgspec.json.encode(chunk), strict=True)


def test_the_openai_sdk_puts_a_streamed_answer_together() -> None:
    state = ChatCompletionStreamState()
    for chunk in read_chunks(case("tool_calls")):
        state.handle_chunk(chunk)
    choice = state.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Let me look."
    assert [(call.id, call.function.arguments) for call in choice.message.tool_calls or ()] == [
        ("toolu_1", '{"city": "Paris"}'),
        ("toolu_2", '{"city": "Rome"}'),
    ]


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        (b"end_turn", "stop"),
        (b"stop_sequence", "stop"),
        (b"pause_turn", "stop"),
        (b"max_tokens", "length"),
        (b"model_context_window_exceeded", "length"),
        (b"tool_use", "tool_calls"),
        (b"refusal", "content_filter"),
        (b"a_new_reason", "stop"),
    ],
)
def test_finish_reasons(stop_reason: bytes, finish_reason: str) -> None:
    stream = (
        case("tool_calls")
        .read("stream.sse")
        .replace(b'"stop_reason": "tool_use"', b'"stop_reason": "%b"' % stop_reason)
    )
    response = case("tool_calls").response(streamed=True)
    last = chunks(translate(response, [stream]))[-1]
    assert last["choices"][0]["finish_reason"] == finish_reason
    assert response.outcome.finish_reasons == [finish_reason]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>secret-host</html>", b"[]", b'{"error":"secret-host"}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "html", "list", "text", "bytes", "deep"],
)
def test_an_error_that_cannot_be_read_is_clear_and_repeats_nothing(status: int, body: bytes) -> None:
    error = OpenAIToAnthropic().error(status, body)
    assert error.message == f"The provider answered {status} without a readable error."
    assert 400 <= error.status < 600


HELLO = {"role": "user", "content": "Hello"}
PART = "messages[0].content[0]"
TOOL = {"type": "function", "function": {"name": "respond_with_json"}}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(data: str) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "critic", "content": "Hm"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages[0].content[0].file"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"messages": [{"role": "system", "content": [image("https://example.com/a.png")]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [image("data:image/png,%89")]}]}, f"{PART}.image_url.url"),
        (
            {"messages": [{"role": "user", "content": [file("data:application/zip;base64,UEs=")]}]},
            f"{PART}.file.file_data",
        ),
        ({"messages": [{"role": "user", "content": [file("data:text/plain;base64,/w==")]}]}, f"{PART}.file.file_data"),
        ({"messages": [{"role": "user", "content": [file("data:text/plain;base64,?")]}]}, f"{PART}.file.file_data"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]},
            "messages[0].tool_calls[0]",
        ),
        ({"n": Raw(b"1e400")}, "n"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "json_object"}, "tools": [TOOL]}, "tools"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning_effort": "low", "thinking": {"type": "adaptive"}}, "thinking"),
        ({"thinking": {"budget_tokens": 1024}}, "thinking"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        OpenAIToAnthropic().request(call({"messages": [HELLO], **fields}), case("text").target)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'"\xff"', "body: not UTF-8"), (b"[" * 100_000 + b"]" * 100_000, "body: nested too deeply")],
    ids=["bytes", "deep"],
)
def test_a_body_that_is_no_document_is_refused(content: bytes, message: str) -> None:
    body = b'{"model":"chat","messages":[{"role":"user","content":"Hello","cache_control":{"x":%b}}]}' % content
    with pytest.raises(InvalidRequest) as refused:
        openai_chat.parse(body)
    assert refused.value.message == message


def call(fields: dict[str, Any]) -> Call:
    body = msgspec.json.encode({"model": "chat", **fields})
    return Call(CHAT, "/v1/chat/completions", body, msgspec.json.decode(body, type=dict[str, Raw]), "chat")


@pytest.mark.parametrize(
    ("model", "thinking", "off", "sampling", "json_format", "forced_tools", "forced_tools_while_thinking"),
    [
        ("claude-3-5-haiku-20241022", "none", "disabled", True, False, True, False),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "budget", "disabled", True, False, True, False),
        ("claude-opus-4-20250514", "budget", "disabled", True, False, True, False),
        ("claude-sonnet-4-5@20250929", "budget", "disabled", True, True, True, False),
        ("claude-opus-4-6", "adaptive", "disabled", True, True, True, False),
        ("claude-opus-4-7", "adaptive", "disabled", False, True, True, False),
        ("us.anthropic.claude-opus-4-8-v1:0", "adaptive", "disabled", False, True, True, True),
        ("anthropic/claude-sonnet-5", "adaptive", "disabled", False, True, True, True),
        ("claude-fable-5", "adaptive", None, False, True, True, True),
        ("claude-mythos-5-1", "adaptive", None, False, True, False, False),
        ("claude-opus-5.5", "adaptive", None, False, True, False, False),
        ("claude-sonnet-5-5", "adaptive", "between_tools", False, True, False, False),
        ("claude-haiku-5-5", "adaptive", "disabled", False, True, True, True),
        ("my-deployment", "adaptive", "disabled", True, True, True, True),
    ],
)
def test_model_facts(
    model: str,
    thinking: str,
    off: str | None,
    sampling: bool,
    json_format: bool,
    forced_tools: bool,
    forced_tools_while_thinking: bool,
) -> None:
    facts = model_facts(model)
    assert facts.thinking is ThinkingMode(thinking)
    assert facts.thinking_off == off
    assert facts.sampling is sampling
    assert facts.json_format is json_format
    assert facts.forced_tools is forced_tools
    assert facts.forced_tools_while_thinking is forced_tools_while_thinking
