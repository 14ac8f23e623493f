"""OpenAI chat to Anthropic's documents on Bedrock and Vertex AI: the golden cases, in every framing; both SDKs."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.eventstream
import botocore.loaders
import botocore.model
import botocore.parsers
import msgspec
import pytest
from anthropic.types import RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParams
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from extproc.errors import InvalidRequest
from extproc.translator.openai_to_anthropic_cloud import OpenAIToAnthropicBedrock, OpenAIToAnthropicVertex
from tests.translator import openai_answers
from tests.translator.golden import MADE, Case, cases, made_files
from tests.translator.openai_answers import call, chunks

ALL = [*cases("openai_to_anthropic_bedrock"), *cases("openai_to_anthropic_vertex")]
REQUESTS = openai_answers.requests(ALL)
ANSWERS = openai_answers.answers(ALL)
STREAMS = [case for case in ALL if case.has_stream]
COMPLETE = [case for case in STREAMS if b'"complete": true' in case.read("stream_outcome.json")]
PACKED = [case for case in COMPLETE if case.has("stream.jsonl")]
BEDROCK = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2"))


def names(chosen: list[Case]) -> list[str]:
    return [case.name.removeprefix("openai_to_anthropic_") for case in chosen]


def case(name: str) -> Case:
    return next(each for each in ALL if each.name == f"openai_to_anthropic_{name}")


@pytest.mark.parametrize("golden", ALL, ids=names(ALL))
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
    openai_answers.check_cut_off(golden, data.draw(st.integers(0, len(golden.stream()))))


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_ends_properly(golden: Case, at: int, byte: int) -> None:
    openai_answers.check_wrong_byte(golden, at, byte)


def test_nothing_follows_the_end_of_a_stream() -> None:
    response = case("bedrock/stream_damaged").response(streamed=True)
    response.feed(case("bedrock/stream_damaged").stream())
    assert response.feed(case("bedrock/text").stream()) == b""
    assert response.finish() == b""


def test_what_is_known_of_a_stream_is_the_inner_translators() -> None:
    response = case("bedrock/text").response(streamed=True)
    response.feed(case("bedrock/text").stream())
    assert response.outcome.response_id == "msg_bdrk_01ABC"
    assert response.outcome.complete


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    openai_answers.check_whole_byte_by_byte(golden)


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_anthropic_sdk_knows_our_requests(golden: Case) -> None:
    upstream = msgspec.json.decode(golden.read("upstream.json"))
    body = upstream["body"]
    assert body.pop("anthropic_version").startswith(("bedrock-", "vertex-"))
    body.pop("temperature", None)  # gone from the SDK's types with API version 2026-10-21
    known = {**body, "model": golden.target.model}
    assert plain(TypeAdapter(MessageCreateParams).validate_python(known)) == known


def plain(value: Any) -> Any:
    """The SDK's validated value, its lazy iterables read (which validates them)."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [plain(each) for each in value]


class Body:
    """What botocore reads a stream from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> Iterator[bytes]:
        yield self.data

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("golden", PACKED, ids=names(PACKED))
def test_botocore_and_the_anthropic_sdk_read_the_streams_that_we_read(golden: Case) -> None:
    shape = BEDROCK.operation_model("InvokeModelWithResponseStream").output_shape.members["body"]
    parser = botocore.parsers.create_parser("rest-json")._event_stream_parser
    stream = botocore.eventstream.EventStream(Body(golden.stream()), shape, parser, "InvokeModelWithResponseStream")
    events = [json.loads(event["chunk"]["bytes"]) for event in stream if "chunk" in event]
    read: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    kinds = [read.validate_python(event).type for event in events if event["type"] != "ping"]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_openai_sdk_reads_our_answers(golden: Case) -> None:
    openai_answers.check_sdk_reads_answer(golden)


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_the_openai_sdk_reads_our_chunks(golden: Case) -> None:
    openai_answers.check_sdk_reads_chunks(golden)


def test_an_exception_of_every_kind_ends_a_stream() -> None:
    told = {
        name: chunks(case(f"bedrock/{name}").read("caller.sse"))[-1]["error"]["type"]
        for name in ("stream_throttled", "stream_model_error", "stream_anthropic_error")
    }
    assert told == {
        "stream_throttled": "rate_limit_error",
        "stream_model_error": "upstream_error",
        "stream_anthropic_error": "upstream_error",
    }


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 424, 429, 500, 503])
@pytest.mark.parametrize("translator", [OpenAIToAnthropicBedrock(), OpenAIToAnthropicVertex()])
@pytest.mark.parametrize("body", [b"", b"<html>secret-host</html>", b"[]", b"[7]", b"\xff\xfe", b"[" * 100_000])
def test_an_error_that_cannot_be_read_is_clear_and_repeats_nothing(
    status: int, translator: OpenAIToAnthropicBedrock | OpenAIToAnthropicVertex, body: bytes
) -> None:
    error = translator.error(status, body)
    assert "secret" not in error.message
    assert error.message
    assert 400 <= error.status < 600


@pytest.mark.parametrize("name", ["bedrock/text", "vertex/text"])
@pytest.mark.parametrize("messages", ["Hello", [], [7], {}])
def test_messages_that_are_none_are_refused(name: str, messages: Any) -> None:
    asked = call({"messages": messages, "cache_control": {"type": "ephemeral"}})
    with pytest.raises(InvalidRequest, match="messages"):
        case(name).pair.translator.request(asked, case(name).target)
