"""The Responses API to itself: the golden cases, in every framing, and what the SDK makes of a broken stream."""

import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.model import Backend, Schema, Target
from extproc.translator.base import UpstreamRequest
from extproc.translator.responses_meter import OpenAIToAzureResponses, OpenAIToOpenAIResponses, ResponsesStreamMeter
from tests.translator.golden import MADE, OPENAI, RESPONSES, Case, cases, made_files, translate
from tests.translator.responses_sdk import check_event, client, events

ALL = cases("responses_to_responses")
STREAMS = [case for case in ALL if case.has("stream.sse")]
WHOLE = [case for case in STREAMS if case.read("stream.sse") == case.read("caller.sse")]
BROKEN = [case for case in STREAMS if case not in WHOLE]


def names(chosen: list[Case]) -> list[str]:
    return [case.directory.name for case in chosen]


def case(name: str) -> Case:
    return next(each for each in ALL if each.directory.name == name)


@pytest.mark.parametrize("golden", ALL, ids=names(ALL))
def test_golden(golden: Case) -> None:
    assert made_files(golden) == {name: golden.read(name) for name in MADE if golden.has(name)}


def test_only_broken_streams_are_changed() -> None:
    assert names(BROKEN) == ["stream_broken_event", "stream_cut", "stream_empty", "stream_ends_early"]


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_the_same_byte_by_byte(golden: Case) -> None:
    stream = golden.read("stream.sse")
    response = golden.response(streamed=True)
    assert translate(response, [stream[at : at + 1] for at in range(len(stream))]) == golden.read("caller.sse")
    whole = golden.response(streamed=True)
    translate(whole, [stream])
    assert response.outcome == whole.outcome


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
@given(data=st.data())
def test_a_stream_cut_off_anywhere_ends_properly(data: st.DataObject) -> None:
    golden = case("text")
    stream = golden.read("stream.sse")
    response = golden.response(streamed=True)
    found = events(translate(response, [stream[: data.draw(st.integers(0, len(stream)))]]) + b"\n\n")
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert found[-1]["type"] in ("error", "response.completed", "response.failed")
    assert response.outcome.complete == (found[-1]["type"] == "response.completed")


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_is_passed_or_ended(golden: Case, at: int, byte: int) -> None:
    stream = bytearray(golden.read("stream.sse") or b"\n")
    stream[at % len(stream)] = byte
    response = golden.response(streamed=True)
    out = translate(response, [bytes(stream)])
    assert out == bytes(stream) or b"event: error" in out or b"event: response.failed" in out


def test_hands_back_the_very_object_when_nothing_changes() -> None:
    frame = case("text").read("stream.sse")
    assert ResponsesStreamMeter().feed(frame) is frame


@pytest.mark.parametrize("golden", BROKEN, ids=names(BROKEN))
def test_the_end_of_a_broken_stream_is_of_the_sdks_types(golden: Case) -> None:
    for event in events(golden.read("caller.sse")):
        check_event(event)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("golden", BROKEN, ids=names(BROKEN))
def test_the_openai_sdk_raises_what_went_wrong(golden: Case, size: int) -> None:
    sdk = client(golden.read("caller.sse"), streamed=True, size=size)
    with pytest.raises(openai.APIError, match="The provider"):
        list(sdk.responses.create(model="chat", input="Hello", stream=True))


def test_the_provider_has_the_last_word() -> None:
    """A stream that ends after the provider's own error is not given another."""
    stream = case("stream_error").read("stream.sse")
    assert translate(case("stream_error").response(streamed=True), [stream, b"data: {"]) == stream


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_whole_answer_passes_piece_by_piece(size: int) -> None:
    body = case("text").read("response.json")
    response = case("text").response(streamed=False)
    assert b"".join(response.feed(body[at : at + size]) for at in range(0, len(body), size)) + response.finish() == body
    assert response.outcome.text == ["Hi there."]


def test_an_event_that_only_begins_like_json_ends_the_stream() -> None:
    stream = case("text").read("stream.sse").replace(b'"delta":"Hi"', b'"delta":7,"x":?')
    out = translate(case("text").response(streamed=True), [stream])
    assert [event["type"] for event in events(out)][-2:] == ["error", "response.failed"]


def test_a_whole_answer_that_is_not_json_passes_and_is_noted() -> None:
    response = case("text").response(streamed=False)
    assert translate(response, [b"<html>"]) == b"<html>"
    assert response.outcome.error == "malformed_response"


def test_the_same_name_upstream_leaves_the_body_alone() -> None:
    call = case("request_untouched").call()
    assert OpenAIToOpenAIResponses().request(call, Target(OPENAI, "chat")) == UpstreamRequest("/v1/responses", None)


def test_only_the_model_changes_and_numbers_stay_as_written() -> None:
    call = case("request_untouched").call()
    assert OpenAIToOpenAIResponses().request(call, Target(OPENAI, "gpt-5.6")).body == (
        b'{"model":"gpt-5.6","input":[{"type":"item_reference","id":"msg_1"}],"temperature":1.0,'
        b'"previous_response_id":"resp_1","tools":[{"type":"web_search"}],"x":1e400,"background":true}'
    )


@pytest.mark.parametrize("version", [None, "v1", "2025-04-01-preview"])
def test_azure_has_responses_in_its_v1_api(version: str | None) -> None:
    azure = Backend(
        "azure", "azure", "azure.ai.openai", Schema.AZURE_OPENAI, "acme.openai.azure.com", api_version=version
    )
    made = OpenAIToAzureResponses().request(case("text").call(), Target(azure, "my deployment"))
    assert made.path == "/openai/v1" + RESPONSES.path
    assert msgspec.json.decode(made.body or b"")["model"] == "my deployment"
