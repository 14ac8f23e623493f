"""OpenAI-format responses that pass through: what is read of them, and the little that is changed."""

import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.pipeline.answer import Decoded
from extproc.translator.base import Outcome
from extproc.translator.openai_meter import OtherStreamMeter, StreamMeter, WholeMeter, read_completion, read_other
from extproc.wire import content_encoding

HELLO = b'data: {"id":"c1","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n'
LO = b'data: {"id":"c1","model":"gpt","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
USAGE = (
    b'data: {"id":"c1","model":"gpt","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,'
    b'"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}\n\n'
)
DONE = b"data: [DONE]\n\n"
STREAM = HELLO + LO + USAGE + DONE
COUNTED = TokenUsage(input_tokens=7, output_tokens=2, cache_read_input_tokens=4, reasoning_output_tokens=1)


def run(meter: StreamMeter | OtherStreamMeter | WholeMeter, *pieces: bytes) -> bytes:
    return b"".join(map(meter.feed, pieces)) + meter.finish()


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def test_passes_a_stream_byte_for_byte_and_reads_its_usage() -> None:
    meter = StreamMeter(hide_usage=False)
    assert run(meter, STREAM) == STREAM
    assert meter.outcome == Outcome(
        usage=COUNTED,
        response_id="c1",
        response_model="gpt",
        finish_reasons=["stop"],
        text=["Hel", "lo"],
        chunks=2,
        complete=True,
    )


def test_hands_back_the_very_object_when_nothing_changes() -> None:
    frame = bytes(bytearray(HELLO))
    assert StreamMeter(hide_usage=True).feed(frame) is frame


def test_takes_out_the_usage_chunk_nobody_asked_for() -> None:
    meter = StreamMeter(hide_usage=True)
    assert run(meter, STREAM) == HELLO + LO + DONE
    assert meter.outcome.usage == COUNTED


def test_keeps_usage_that_comes_with_choices() -> None:
    last = LO.replace(b'"finish_reason":"stop"}]', b'"finish_reason":"stop"}],"usage":{"completion_tokens":2}')
    meter = StreamMeter(hide_usage=True)
    assert run(meter, HELLO + last + DONE) == HELLO + last + DONE
    assert meter.outcome.usage == TokenUsage(output_tokens=2)


def test_keeps_a_chunk_of_a_shape_it_does_not_know() -> None:
    odd = b'data: {"choices":[{"delta":{"content":["a","b"]}}],"usage":{"prompt_tokens":1}}\n\n'
    meter = StreamMeter(hide_usage=True)
    assert run(meter, odd + DONE) == odd + DONE
    assert meter.outcome.usage == TokenUsage(input_tokens=1)


@pytest.mark.parametrize("hide", [True, False])
def test_any_single_cut_gives_the_same_stream(hide: bool) -> None:
    whole = run(StreamMeter(hide_usage=hide), STREAM)
    for cut in range(len(STREAM) + 1):
        assert run(StreamMeter(hide_usage=hide), STREAM[:cut], STREAM[cut:]) == whole


@pytest.mark.parametrize("hide", [True, False])
def test_byte_by_byte_gives_the_same_stream(hide: bool) -> None:
    whole = run(StreamMeter(hide_usage=hide), STREAM)
    meter = StreamMeter(hide_usage=hide)
    assert run(meter, *(STREAM[i : i + 1] for i in range(len(STREAM)))) == whole
    assert meter.outcome.usage == COUNTED


@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.booleans())
def test_any_chunking_gives_the_same_stream(cuts: list[int], hide: bool) -> None:
    meter = StreamMeter(hide_usage=hide)
    assert run(meter, *pieces_of(STREAM, cuts)) == (HELLO + LO + DONE if hide else STREAM)


@given(st.integers(0, len(STREAM)))
def test_an_event_is_passed_on_as_soon_as_it_is_whole(cut: int) -> None:
    out = StreamMeter(hide_usage=False).feed(STREAM[:cut])
    assert out == STREAM[: STREAM.rfind(b"\n\n", 0, cut) + 2 if b"\n\n" in STREAM[:cut] else 0]


def test_keep_alive_comments_and_crlf_pass() -> None:
    stream = b": PROCESSING\r\n\r\n" + STREAM.replace(b"\n", b"\r\n")
    meter = StreamMeter(hide_usage=False)
    assert run(meter, stream) == stream
    assert meter.outcome.usage == COUNTED


CUT_SHORT = (
    b'data: {"error":{"message":"The provider\'s stream ended before its answer was complete.",'
    b'"type":"upstream_error","param":null,"code":null}}\n\ndata: [DONE]\n\n'
)


def test_a_stream_that_ends_early_gets_an_error_and_its_terminator() -> None:
    meter = StreamMeter(hide_usage=True)
    assert run(meter, HELLO) == HELLO + CUT_SHORT
    assert meter.outcome.error == "stream_error"
    assert not meter.outcome.complete


def test_a_stream_cut_inside_an_event_is_an_error_too() -> None:
    meter = StreamMeter(hide_usage=True)
    out = run(meter, HELLO + LO[:30])
    assert out.startswith(HELLO)
    assert out.endswith(b"data: [DONE]\n\n")
    assert out.count(b'"error"') == 1


def test_an_event_that_is_not_json_ends_the_stream_with_an_error() -> None:
    meter = StreamMeter(hide_usage=True)
    out = run(meter, HELLO + b'data: {"choices":[{\n\n' + LO + DONE)
    assert out == HELLO + CUT_SHORT.replace(
        b"The provider's stream ended before its answer was complete.", b"The provider sent an event that is not JSON."
    )
    assert meter.outcome.error == "stream_error"


def test_broken_json_behind_a_wrong_type_is_not_json_either() -> None:
    out = run(StreamMeter(hide_usage=True), b'data: {"choices":7,"usage":{\n\n' + DONE)
    assert out.count(b'"error"') == 1


def test_a_providers_own_error_event_passes_and_is_noted() -> None:
    error = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    meter = StreamMeter(hide_usage=True)
    assert run(meter, HELLO + error + DONE) == HELLO + error + DONE
    assert meter.outcome.error == "provider_error"


def test_reads_reasoning_refusals_and_tool_arguments_as_produced_text() -> None:
    tool_calls = b'[{"index":0,"function":{"name":"f","arguments":"{}"}}]'
    delta = b'{"reasoning_content":"why","refusal":"no","tool_calls":' + tool_calls + b"}"
    meter = StreamMeter(hide_usage=False)
    run(meter, b'data: {"choices":[{"delta":' + delta + b"}]}\n\n" + DONE)
    assert sorted(meter.outcome.text) == ["f", "no", "why", "{}"]


WHOLE = (
    b'{"id":"c2","model":"gpt-x","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'
)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_reads_a_whole_answer_and_passes_it_on(size: int) -> None:
    meter = WholeMeter(read_completion)
    assert run(meter, *(WHOLE[i : i + size] for i in range(0, len(WHOLE), size))) == WHOLE
    assert meter.outcome.usage == TokenUsage(input_tokens=3, output_tokens=1)
    assert meter.outcome.text == ["Hi"]
    assert meter.outcome.finish_reasons == ["stop"]


@pytest.mark.parametrize("body", [b"<html>", WHOLE[:40], b'{"error":{"message":"overloaded"}}'])
def test_a_200_that_holds_no_answer_is_an_error(body: bytes) -> None:
    meter = WholeMeter(read_completion)
    with pytest.raises(UpstreamError):
        run(meter, body)
    assert meter.outcome.error in ("malformed_response", "provider_error")


def test_an_error_beside_an_answer_passes() -> None:
    body = WHOLE[:-1] + b',"error":{"message":"x"}}'
    assert run(WholeMeter(read_completion), body) == body


def test_a_stream_of_a_server_that_sends_no_terminator_is_complete_with_its_finish_reason() -> None:
    meter = StreamMeter(hide_usage=True)
    assert run(meter, HELLO + LO) == HELLO + LO + DONE
    assert meter.outcome.complete


def test_a_terminator_that_is_cut_never_reaches_the_caller() -> None:
    meter = StreamMeter(hide_usage=True)
    out = run(meter, HELLO + LO + DONE[:9])
    assert out.startswith(HELLO + LO + b'data: {"error"')
    assert meter.outcome.error == "stream_error"


def test_a_providers_own_error_is_not_followed_by_another() -> None:
    error = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    assert run(StreamMeter(hide_usage=True), HELLO + error) == HELLO + error + DONE


def test_reads_the_usage_of_responses_api_events() -> None:
    event = (
        b'event: response.completed\ndata: {"type":"response.completed","response":{"model":"gpt-r","usage":'
        b'{"input_tokens":11,"output_tokens":5,"input_tokens_details":{"cached_tokens":2}}}}\n\n'
    )
    meter = OtherStreamMeter()
    assert run(meter, event) == event
    assert meter.outcome.usage == TokenUsage(input_tokens=11, output_tokens=5, cache_read_input_tokens=2)
    assert meter.outcome.response_model == "gpt-r"


def test_reads_the_usage_of_other_documents() -> None:
    meter = WholeMeter(read_other)
    run(meter, b'{"data":[],"usage":{"input_tokens":8,"output_tokens":0},"model":"img"}')
    assert meter.outcome.usage == TokenUsage(input_tokens=8)


def test_negative_counts_count_as_none() -> None:
    meter = WholeMeter(read_completion)
    run(meter, b'{"usage":{"prompt_tokens":-5,"completion_tokens":2}}')
    assert meter.outcome.usage == TokenUsage(output_tokens=2)


def test_a_compressed_stream_is_read_and_passed_on_in_plain() -> None:
    packed = gzip.compress(STREAM)
    decoder = content_encoding.decoder("gzip")
    assert decoder is not None
    response = Decoded(StreamMeter(hide_usage=True), decoder)
    out = b"".join(response.feed(packed[i : i + 9]) for i in range(0, len(packed), 9)) + response.finish()
    assert out == HELLO + LO + DONE
    assert response.outcome.usage == COUNTED
