"""OpenAI chat to OpenAI Responses: the golden cases, in every framing and against the SDK's own types."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.openai_to_responses import OpenAIToResponses
from extproc.wire import sse
from tests.translator import openai_answers
from tests.translator.golden import MADE, Case, cases, made_files
from tests.translator.openai_answers import call, chunks, names

ALL = cases("openai_to_responses")
REQUESTS = openai_answers.requests(ALL)
ANSWERS = openai_answers.answers(ALL)
STREAMS = [case for case in ALL if case.has("stream.sse")]


def case(name: str) -> Case:
    return next(each for each in ALL if each.directory.name == name)


@pytest.mark.parametrize("golden", ALL, ids=lambda golden: golden.name)
def test_golden(golden: Case) -> None:
    assert made_files(golden) == {name: golden.read(name) for name in MADE if golden.has(name)}


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_the_same_byte_by_byte(golden: Case) -> None:
    openai_answers.check_byte_by_byte(golden)


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_the_same_cut_at_every_boundary(golden: Case) -> None:
    openai_answers.check_every_cut(golden)


@settings(deadline=None, max_examples=150)
@given(golden=st.sampled_from(STREAMS), data=st.data())
def test_a_stream_is_the_same_in_random_pieces(golden: Case, data: st.DataObject) -> None:
    openai_answers.check_random_pieces(golden, data)


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), data=st.data())
def test_a_stream_cut_off_anywhere_ends_properly(golden: Case, data: st.DataObject) -> None:
    openai_answers.check_cut_off(golden, data.draw(st.integers(0, len(golden.read("stream.sse")))))


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_ends_properly(golden: Case, at: int, byte: int) -> None:
    openai_answers.check_wrong_byte(golden, at, byte)


def test_nothing_follows_the_end_of_a_stream() -> None:
    response = case("text").response(streamed=True)
    response.feed(case("text").read("stream.sse"))
    assert response.feed(case("text").read("stream.sse")) == b""
    assert response.finish() == b""


def test_an_event_leaves_at_once() -> None:
    response = case("text").response(streamed=True)
    response.feed(case("text").read("stream.sse").partition(b"event: response.output_text.delta")[0])
    out = response.feed(b'event: response.output_text.delta\ndata: {"output_index":0,"delta":"now"}\n\n')
    assert [chunk["choices"][0]["delta"] for chunk in chunks(out + openai_answers.DONE)] == [{"content": "now"}]


def test_an_event_that_is_too_large_ends_the_stream() -> None:
    out = case("text").response(streamed=True).feed(b"data: " + b"x" * (17 << 20))
    assert chunks(out)[0]["error"]["message"] == "The provider sent an event that is too large."


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    openai_answers.check_whole_byte_by_byte(golden)


def test_an_answer_that_is_cut_off_is_an_upstream_error() -> None:
    response = case("text").response(streamed=False)
    assert response.feed(case("text").read("response.json")[:-20]) == b""
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_openai_sdk_knows_our_requests(golden: Case) -> None:
    body = msgspec.json.decode(golden.read("upstream.json"))["body"]
    body.pop("stream", None)
    assert plain(TypeAdapter(ResponseCreateParamsNonStreaming).validate_python(body)) == body


def plain(value: Any) -> Any:
    """The SDK's validated value, its lazy iterables read (which validates them)."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [plain(each) for each in value]


FAITHFUL = ["text", "tool_calls", "reasoning", "citations", "refusal", "truncated", "answer_failed"]


@pytest.mark.parametrize("name", FAITHFUL)
def test_the_answers_that_we_test_with_are_openai_s(name: str) -> None:
    Response.model_validate_json(case(name).read("response.json"), strict=True)
    decoder, event_type = sse.Decoder(), TypeAdapter[Any](ResponseStreamEvent)
    for event in decoder.feed(case(name).read("stream.sse")):
        assert event_type.validate_json(event.data).type == event.event


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_openai_sdk_reads_our_answers(golden: Case) -> None:
    openai_answers.check_sdk_reads_answer(golden)


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_the_openai_sdk_reads_our_chunks(golden: Case) -> None:
    openai_answers.check_sdk_reads_chunks(golden)


def test_the_openai_sdk_puts_a_streamed_answer_together() -> None:
    choice = openai_answers.put_together(case("tool_calls")).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Let me look."
    assert [(each.id, each.function.arguments) for each in choice.message.tool_calls or ()] == [
        ("call_1", '{"city":"Paris"}'),
        ("call_2", '{"city":"Rome"}'),
    ]


def test_reasoning_comes_back_as_it_was_given() -> None:
    """The blocks that an answer gives make the very item that OpenAI gave."""
    given = msgspec.json.decode(case("reasoning").read("response.json"))["output"][0]
    answer = msgspec.json.decode(case("reasoning").read("caller.json"))["choices"][0]["message"]
    turn = {"role": "assistant", "content": None, "thinking_blocks": answer["thinking_blocks"]}
    request = OpenAIToResponses().request(call({"messages": [turn]}), case("text").target)
    (item,) = msgspec.json.decode(request.body or b"")["input"]
    assert (item["id"], item["encrypted_content"]) == (given["id"], given["encrypted_content"])


HELLO = {"role": "user", "content": "Hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "thinking_blocks": 7}]}, "messages[0].thinking_blocks"),
        ({"messages": [{"role": "critic", "content": "Hm"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages[0].content[0].file"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        ({"messages": [{"role": "system", "content": [IMAGE]}]}, "messages[0].content"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]},
            "messages[0].tool_calls[0]",
        ),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"reasoning_effort": "low", "reasoning": {"effort": "low"}}, "reasoning"),
        ({"include": "everything"}, "include"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        OpenAIToResponses().request(call({"messages": [HELLO], **fields}), case("text").target)
    assert refused.value.param == param
