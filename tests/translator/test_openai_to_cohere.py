"""OpenAI chat and embeddings to Cohere: the golden cases, in every framing and against both SDKs' own types."""

import inspect
from typing import Any, get_type_hints

import msgspec
import pytest
from cohere import EmbedByTypeResponse, V2ChatResponse, V2ChatStreamResponse
from cohere.v2.client import V2Client
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse
from pydantic import BaseModel, TypeAdapter

from extproc.errors import InvalidRequest, UpstreamError
from extproc.simulator import cohere_checks
from extproc.translator.openai_to_cohere import OpenAIToCohere
from extproc.wire import sse
from tests.translator import openai_answers
from tests.translator.golden import MADE, Case, cases, made_files, translate
from tests.translator.openai_answers import call, chunks, names

ALL = cases("openai_to_cohere")
EMBEDDINGS = cases("openai_to_cohere_embeddings")
REQUESTS = openai_answers.requests(ALL)
ANSWERS = openai_answers.answers(ALL)
STREAMS = [case for case in ALL if case.has("stream.sse")]


def case(name: str) -> Case:
    return next(each for each in [*ALL, *EMBEDDINGS] if each.directory.name == name)


@pytest.mark.parametrize("golden", [*ALL, *EMBEDDINGS], ids=lambda golden: golden.name)
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
    response.feed(case("text").read("stream.sse").partition(b"event: content-delta")[0])
    out = response.feed(
        b'event: content-delta\ndata: {"type":"content-delta","index":0,'
        b'"delta":{"message":{"content":{"text":"now"}}}}\n\n'
    )
    assert [chunk["choices"][0]["delta"] for chunk in chunks(out + openai_answers.DONE)] == [{"content": "now"}]


def test_an_event_that_is_too_large_ends_the_stream() -> None:
    out = case("text").response(streamed=True).feed(b"data: " + b"x" * (17 << 20))
    assert chunks(out)[0]["error"]["message"] == "The provider sent an event that is too large."


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    openai_answers.check_whole_byte_by_byte(golden)


@pytest.mark.parametrize("name", ["openai_to_cohere/text", "openai_to_cohere_embeddings/text"])
def test_an_answer_that_is_cut_off_is_an_upstream_error(name: str) -> None:
    golden = next(each for each in [*ALL, *EMBEDDINGS] if each.name == name)
    response = golden.response(streamed=False)
    assert response.feed(golden.read("response.json")[:-20]) == b""
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


def extras(value: Any) -> list[str]:
    """The fields, at any depth, that the SDK's types do not know."""
    if isinstance(value, BaseModel):
        return [*(value.model_extra or ()), *extras([each for _, each in value])]
    if isinstance(value, list):
        return [name for each in value for name in extras(each)]
    return []


def check_request(method: Any, body: dict[str, Any]) -> None:
    """Every field is a parameter of the SDK's method, and valid for its type."""
    parameters = inspect.signature(method).parameters
    types = get_type_hints(method)
    for name, value in body.items():
        assert name in parameters
        assert extras(TypeAdapter(types[name]).validate_python(value)) == []


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_cohere_sdk_knows_our_requests(golden: Case) -> None:
    body = msgspec.json.decode(golden.read("upstream.json"))["body"]
    check_request(V2Client.chat_stream if body.pop("stream", False) else V2Client.chat, body)


@pytest.mark.parametrize("golden", openai_answers.requests(EMBEDDINGS), ids=names(openai_answers.requests(EMBEDDINGS)))
def test_the_cohere_sdk_knows_our_embed_requests(golden: Case) -> None:
    check_request(V2Client.embed, msgspec.json.decode(golden.read("upstream.json"))["body"])


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_simulator_accepts_our_requests(golden: Case) -> None:
    cohere_checks.chat(msgspec.json.decode(golden.read("upstream.json"))["body"])


@pytest.mark.parametrize("name", ["text", "tool_calls", "reasoning_content", "citations", "cached_usage"])
def test_the_answers_that_we_test_with_are_cohere_s(name: str) -> None:
    assert extras(V2ChatResponse.model_validate_json(case(name).read("response.json"))) == []
    decoder = sse.Decoder()
    for event in decoder.feed(case(name).read("stream.sse")) + decoder.finish():
        kept = {name: value for name, value in msgspec.json.decode(event.data).items() if name != "delta"}
        TypeAdapter(V2ChatStreamResponse).validate_python(kept)


def test_the_embeddings_that_we_test_with_are_cohere_s() -> None:
    golden = next(each for each in EMBEDDINGS if each.directory.name == "text")
    answer = EmbedByTypeResponse.model_validate_json(golden.read("response.json"))
    assert answer.embeddings.float_ == [[0.016296387, -1.0, 0.001]]


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_openai_sdk_reads_our_answers(golden: Case) -> None:
    openai_answers.check_sdk_reads_answer(golden)


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_the_openai_sdk_reads_our_chunks(golden: Case) -> None:
    openai_answers.check_sdk_reads_chunks(golden)


def test_the_openai_sdk_puts_a_streamed_answer_together() -> None:
    choice = openai_answers.put_together(case("tool_calls")).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "I will look."
    assert [(each.id, each.function.arguments) for each in choice.message.tool_calls or ()] == [
        ("get_weather_1", '{"city": "Paris"}'),
        ("get_weather_2", '{"city": "Rome"}'),
    ]


@pytest.mark.parametrize("name", ["text", "batch"])
def test_the_openai_sdk_reads_our_embeddings(name: str) -> None:
    golden = next(each for each in EMBEDDINGS if each.directory.name == name)
    answer = CreateEmbeddingResponse.model_validate_json(golden.read("caller.json"))
    assert [each.index for each in answer.data] == list(range(len(answer.data)))


@pytest.mark.parametrize(
    ("reason", "finish_reason"),
    [
        (b"COMPLETE", "stop"),
        (b"STOP_SEQUENCE", "stop"),
        (b"MAX_TOKENS", "length"),
        (b"TOOL_CALL", "tool_calls"),
        (b"A_NEW_REASON", "stop"),
    ],
)
def test_finish_reasons(reason: bytes, finish_reason: str) -> None:
    stream = case("tool_calls").read("stream.sse").replace(b'"TOOL_CALL"', b'"%b"' % reason)
    response = case("tool_calls").response(streamed=True)
    last = chunks(translate(response, [stream]))[-1]
    assert last["choices"][0]["finish_reason"] == finish_reason
    assert response.outcome.finish_reasons == [finish_reason]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429, 498, 500, 502, 503, 504, 529])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>secret-host</html>", b"[]", b'{"error":"secret-host"}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "html", "list", "text", "bytes", "deep"],
)
def test_an_error_that_cannot_be_read_is_clear_and_repeats_nothing(status: int, body: bytes) -> None:
    error = OpenAIToCohere().error(status, body)
    assert error.message == f"The provider answered {status} without a readable error."
    assert 400 <= error.status < 600


HELLO = {"role": "user", "content": "Hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
TOOL = {"type": "function", "function": {"name": "respond_with_json"}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "critic", "content": "Hm"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        ({"messages": [{"role": "system", "content": [IMAGE]}]}, "messages[0].content"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]},
            "messages[0].tool_calls[0]",
        ),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_object"}, "tools": [TOOL]}, "tools"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning_effort": "low", "thinking": {"type": "enabled"}}, "thinking"),
        ({"presence_penalty": "much"}, "presence_penalty"),
        ({"n": msgspec.Raw(b"1e400")}, "n"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        OpenAIToCohere().request(call({"messages": [HELLO], **fields}), case("text").target)
    assert refused.value.param == param
