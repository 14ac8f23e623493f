"""OpenAI chat and embeddings to Mistral: the golden cases, in every framing and against both SDKs' own types."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistralai.client.models import (
    ChatCompletionRequest,
    ChatCompletionResponse,
    CompletionChunk,
    EmbeddingRequest,
    EmbeddingResponse,
)
from openai.types import CreateEmbeddingResponse
from pydantic import BaseModel

from extproc.errors import InvalidRequest, UpstreamError
from extproc.simulator import mistral_checks
from extproc.translator.openai_to_mistral import OpenAIToMistral
from extproc.translator.openai_to_mistral_messages import call_id
from extproc.wire import sse
from tests.translator import openai_answers
from tests.translator.golden import MADE, Case, cases, made_files, translate
from tests.translator.openai_answers import call, chunks, names

ALL = cases("openai_to_mistral")
EMBEDDINGS = cases("openai_to_mistral_embeddings")
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
    response.feed(case("text").read("stream.sse").partition(b"\n\n")[0] + b"\n\n")
    out = response.feed(b'data: {"id":"cmpl","choices":[{"index":0,"delta":{"content":"now"}}]}\n\n')
    assert [chunk["choices"][0]["delta"] for chunk in chunks(out + openai_answers.DONE)] == [{"content": "now"}]


def test_an_event_that_is_too_large_ends_the_stream() -> None:
    out = case("text").response(streamed=True).feed(b"data: " + b"x" * (17 << 20))
    assert chunks(out)[0]["error"]["message"] == "The provider sent an event that is too large."


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    openai_answers.check_whole_byte_by_byte(golden)


@pytest.mark.parametrize("name", ["openai_to_mistral/text", "openai_to_mistral_embeddings/text"])
def test_an_answer_that_is_cut_off_is_an_upstream_error(name: str) -> None:
    golden = next(each for each in [*ALL, *EMBEDDINGS] if each.name == name)
    response = golden.response(streamed=False)
    assert response.feed(golden.read("response.json")[:-20]) == b""
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


def test_arguments_that_are_not_utf_8_are_an_upstream_error() -> None:
    response = case("text").response(streamed=False)
    call = b'{"function":{"name":"f","arguments":"\xff"}}'
    response.feed(b'{"choices":[{"message":{"tool_calls":[%b]}}]}' % call)
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()


def check_request(sdk: type[BaseModel], body: Any) -> None:
    """The SDK's type holds everything that we send, and nothing of it is unknown to it."""
    parsed = sdk.model_validate(body)
    assert parsed.model_dump(mode="json", by_alias=True, exclude_unset=True) == body


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_mistral_sdk_knows_our_requests(golden: Case) -> None:
    check_request(ChatCompletionRequest, msgspec.json.decode(golden.read("upstream.json"))["body"])


@pytest.mark.parametrize("golden", openai_answers.requests(EMBEDDINGS), ids=names(openai_answers.requests(EMBEDDINGS)))
def test_the_mistral_sdk_knows_our_embeddings_requests(golden: Case) -> None:
    check_request(EmbeddingRequest, msgspec.json.decode(golden.read("upstream.json"))["body"])


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_simulator_accepts_our_requests(golden: Case) -> None:
    mistral_checks.chat(msgspec.json.decode(golden.read("upstream.json"))["body"])


@pytest.mark.parametrize("name", ["text", "tool_calls", "reasoning_content", "reasoning_signed", "cached_usage"])
def test_the_answers_that_we_test_with_are_mistral_s(name: str) -> None:
    ChatCompletionResponse.model_validate_json(case(name).read("response.json"))
    decoder = sse.Decoder()
    for event in decoder.feed(case(name).read("stream.sse"))[:-1]:
        CompletionChunk.model_validate_json(event.data)


def test_the_embeddings_that_we_test_with_are_mistral_s() -> None:
    golden = next(each for each in EMBEDDINGS if each.directory.name == "text")
    answer = EmbeddingResponse.model_validate_json(golden.read("response.json"))
    assert answer.data[0].embedding == [0.016296387, -1.0, 0.001]


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
        ("D681PevKs", '{"city": "Paris"}'),
        ("LJqyjQYkw", '{"city": "Rome"}'),
    ]


@pytest.mark.parametrize("name", ["text", "batch"])
def test_the_openai_sdk_reads_our_embeddings(name: str) -> None:
    golden = next(each for each in EMBEDDINGS if each.directory.name == name)
    answer = CreateEmbeddingResponse.model_validate_json(golden.read("caller.json"))
    assert [each.index for each in answer.data] == list(range(len(answer.data)))


@pytest.mark.parametrize(
    ("reason", "finish_reason"),
    [
        (b"stop", "stop"),
        (b"length", "length"),
        (b"model_length", "length"),
        (b"tool_calls", "tool_calls"),
        (b"a_new_reason", "stop"),
    ],
)
def test_finish_reasons(reason: bytes, finish_reason: str) -> None:
    stream = case("tool_calls").read("stream.sse").replace(b'"tool_calls"}', b'"%b"}' % reason)
    response = case("tool_calls").response(streamed=True)
    last = chunks(translate(response, [stream]))[-1]
    assert last["choices"][0]["finish_reason"] == finish_reason
    assert response.outcome.finish_reasons == [finish_reason]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>secret-host</html>", b"[]", b'{"error":"secret-host"}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "html", "list", "text", "bytes", "deep"],
)
def test_an_error_that_cannot_be_read_is_clear_and_repeats_nothing(status: int, body: bytes) -> None:
    error = OpenAIToMistral().error(status, body)
    assert error.message == f"The provider answered {status} without a readable error."
    assert 400 <= error.status < 600


HELLO = {"role": "user", "content": "Hello"}
PART = "messages[0].content[0]"
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "critic", "content": "Hm"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "messages[0].tool_call_id"),
        ({"messages": user({"type": "text"})}, f"{PART}.text"),
        ({"messages": user({"type": "refusal"})}, f"{PART}.refusal"),
        ({"messages": user({"type": "image_url"})}, f"{PART}.image_url"),
        ({"messages": user({"type": "input_audio"})}, f"{PART}.input_audio"),
        ({"messages": user({"type": "file"})}, f"{PART}.file"),
        ({"messages": user({"type": "file", "file": {}})}, f"{PART}.file"),
        ({"messages": user({"type": "document_url", "file": 7})}, f"{PART}.file"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        (
            {"messages": [{"role": "assistant", "thinking_blocks": [{"type": "x"}]}]},
            "messages[0].thinking_blocks[0].type",
        ),
        ({"messages": [{"role": "system", "content": [IMAGE]}]}, "messages[0].content"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]},
            "messages[0].tool_calls[0]",
        ),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        OpenAIToMistral().request(call({"messages": [HELLO], **fields}), case("text").target)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("id", "expected"),
    [("AbCdEf123", "AbCdEf123"), ("call_paris_0001", "pU5XNWxUE"), ("", "KLzhoi1sZ"), ("AbCdEf12\n", "5F8YCrgWC")],
)
def test_the_id_of_a_tool_call_fits_mistral(id: str, expected: str) -> None:
    assert call_id(id) == expected
