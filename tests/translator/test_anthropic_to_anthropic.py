"""Anthropic Messages that pass through: what is read of them, and the little that is changed."""

import anthropic
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from extproc.apischema.endpoints import Endpoint, Kind
from extproc.config.model import Backend, Schema, Target
from extproc.genai.usage import TokenUsage
from extproc.translator.anthropic_meter import MessagesMeter
from extproc.translator.anthropic_to_anthropic import COUNT_TOKENS_PATH, AnthropicToAnthropic, version_headers
from extproc.translator.base import Call
from tests.translator.golden import MADE, Case, cases, made_files, translate
from tests.translator.messages_stream import final_message

ALL = cases("anthropic_to_anthropic")
STREAMS = [case for case in ALL if case.has("stream.sse")]
ANSWERS = [case for case in ALL if case.has("response.json")]
BROKEN = ("stream_broken_event", "stream_cut", "stream_empty", "stream_ends_early")
CLAUDE = Backend("claude", "claude", "anthropic", Schema.ANTHROPIC, "api.anthropic.com", "/v1")


def names(chosen: list[Case]) -> list[str]:
    return [case.directory.name for case in chosen]


def stream_of(name: str) -> bytes:
    return next(each for each in STREAMS if each.directory.name == name).read("stream.sse")


@pytest.mark.parametrize("golden", ALL, ids=names(ALL))
def test_golden(golden: Case) -> None:
    assert made_files(golden) == {name: golden.read(name) for name in MADE if golden.has(name)}


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_passes_byte_for_byte(golden: Case) -> None:
    stream = golden.read("stream.sse")
    assert (translate(MessagesMeter(), [stream]) == stream) == (golden.directory.name not in BROKEN)


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_the_same_byte_by_byte(golden: Case) -> None:
    stream, meter, whole = golden.read("stream.sse"), MessagesMeter(), MessagesMeter()
    translate(whole, [stream])
    assert translate(meter, [stream[at : at + 1] for at in range(len(stream))]) == golden.read("caller.sse")
    assert meter.outcome == whole.outcome


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_the_same_cut_at_every_boundary(golden: Case) -> None:
    stream, expected = golden.read("stream.sse"), golden.read("caller.sse")
    for cut in range(len(stream) + 1):
        assert translate(MessagesMeter(), [stream[:cut], stream[cut:]]) == expected


@settings(deadline=None, max_examples=150)
@given(golden=st.sampled_from(STREAMS), data=st.data())
def test_a_stream_is_the_same_in_random_pieces(golden: Case, data: st.DataObject) -> None:
    stream = golden.read("stream.sse")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert translate(MessagesMeter(), pieces) == golden.read("caller.sse")


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_ends_properly(golden: Case, at: int, byte: int) -> None:
    stream = bytearray(golden.read("stream.sse") or b"\n")
    stream[at % len(stream)] = byte
    meter = MessagesMeter()
    out = translate(meter, [bytes(stream)])
    assert meter.outcome.complete or meter.outcome.error
    assert meter.outcome.error != "stream_error" or out.endswith(b'"}}\n\n')


def test_hands_back_the_very_object_when_nothing_changes() -> None:
    frame = bytes(bytearray(stream_of("text")))
    assert MessagesMeter().feed(frame) is frame


def test_nothing_follows_a_broken_event() -> None:
    meter = MessagesMeter()
    assert meter.feed(b"event: message_stop\ndata: {\n\n").startswith(b"event: error\n")
    assert meter.feed(stream_of("text")) == b""
    assert meter.finish() == b""


def test_the_sdk_raises_for_a_stream_that_was_cut() -> None:
    out = translate(MessagesMeter(), [stream_of("stream_cut")])
    with pytest.raises(anthropic.APIError, match="ended before its answer was complete"):
        final_message([out])


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_passes_byte_for_byte(golden: Case) -> None:
    body = golden.read("response.json")
    assert translate(golden.response(streamed=False), [body[at : at + 1] for at in range(len(body))]) == body


def test_an_answer_that_is_not_json_passes_and_is_noted() -> None:
    response = AnthropicToAnthropic().response(call("/messages"), streamed=False)
    assert translate(response, [b"<html>"]) == b"<html>"
    assert response.outcome.error == "malformed_response"


def call(path: str, model: str = "chat") -> Call:
    body = b'{"model": "%b", "messages": []}' % model.encode()
    fields = msgspec.json.decode(body, type=dict[str, Raw])
    return Call(Endpoint(path, "chat", Kind.GENERATION), f"/v1{path}", body, fields, model)


def test_a_count_of_tokens_is_asked_of_the_provider() -> None:
    made = AnthropicToAnthropic().request(call(COUNT_TOKENS_PATH), Target(CLAUDE, "claude-opus-4-6"))
    assert made.path == "/v1/messages/count_tokens"
    assert made.body == b'{"model":"claude-opus-4-6","messages":[]}'


def test_a_body_that_names_the_right_model_already_is_not_touched() -> None:
    made = AnthropicToAnthropic().request(call("/messages", "claude-opus-4-6"), Target(CLAUDE, "claude-opus-4-6"))
    assert made.body is None


def test_counting_tokens_uses_none() -> None:
    response = AnthropicToAnthropic().response(call(COUNT_TOKENS_PATH), streamed=False)
    assert translate(response, [b'{"input_tokens":2095}']) == b'{"input_tokens":2095}'
    assert response.outcome.usage == TokenUsage()
    assert response.outcome.complete


@pytest.mark.parametrize(
    ("configured", "sent", "headers"),
    [
        (None, {}, (("anthropic-version", "2023-06-01"),)),
        ("2026-10-21", {}, (("anthropic-version", "2026-10-21"),)),
        ("2026-10-21", {"anthropic-version": "2023-06-01"}, (("anthropic-version", "2023-06-01"),)),
        (
            None,
            {"anthropic-beta": "context-1m-2025-08-07,x", "accept": "*/*"},
            (("anthropic-version", "2023-06-01"), ("anthropic-beta", "context-1m-2025-08-07,x")),
        ),
    ],
)
def test_the_callers_own_version_counts(
    configured: str | None, sent: dict[str, str], headers: tuple[tuple[str, str], ...]
) -> None:
    backend = Backend("claude", "claude", "anthropic", Schema.ANTHROPIC, "a", "/v1", api_version=configured)
    assert version_headers(backend, sent) == headers
