"""OpenAI chat to Bedrock Converse: the golden cases, in every framing and against both SDKs' own types."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import botocore.eventstream
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import botocore.validate
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from extproc.errors import InvalidRequest, UpstreamError
from extproc.simulator import bedrock
from extproc.simulator import format as simulated
from extproc.simulator.directives import combine, find
from extproc.simulator.format import Reply
from extproc.translator.base import UpstreamRequest
from extproc.translator.bedrock_models import CachePoints, Reasoning, converse_facts
from extproc.translator.openai_to_bedrock import OpenAIToBedrock
from tests.translator import openai_answers
from tests.translator.golden import MADE, Case, cases, made_files, translate
from tests.translator.openai_answers import DONE, call, chunks, names

ALL = cases("openai_to_bedrock")
REQUESTS = openai_answers.requests(ALL)
ANSWERS = openai_answers.answers(ALL)
STREAMS = [case for case in ALL if case.has_stream]
WHOLE_STREAMS = [case for case in STREAMS if b'"complete": true' in case.read("stream_outcome.json")]
BEDROCK = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2"))


WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def case(name: str) -> Case:
    return next(each for each in ALL if each.directory.name == name)


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
    response = case("text").response(streamed=True)
    response.feed(case("text").stream())
    assert response.feed(case("text").stream()) == b""
    assert response.finish() == b""


def test_an_event_leaves_at_once() -> None:
    response, stream = case("text").response(streamed=True), case("text").stream()
    size = int.from_bytes(stream[:4], "big")
    response.feed(stream[:size])
    second = int.from_bytes(stream[size : size + 4], "big")
    out = response.feed(stream[size : size + second])
    assert [chunk["choices"][0]["delta"] for chunk in chunks(out + DONE)] == [{"content": "Hello!"}]


def test_a_message_that_is_too_large_ends_the_stream() -> None:
    response = case("text").response(streamed=True)
    out = response.feed(b"\x7f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
    assert chunks(out)[0]["error"]["message"] == "The provider sent an event that cannot be read."


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    openai_answers.check_whole_byte_by_byte(golden)


def test_an_answer_that_is_cut_off_is_an_upstream_error() -> None:
    response = case("text").response(streamed=False)
    assert response.feed(case("text").read("response.json")[:-20]) == b""
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


# Bedrock's own client


def from_json(shape: Any, value: Any) -> Any:
    """A JSON value as botocore's client takes it: its bytes decoded, and no member that it does not know."""
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "list":
        return [from_json(shape.member, each) for each in value]
    if shape.type_name == "map":
        return {key: from_json(shape.value, each) for key, each in value.items()}
    if shape.type_name != "structure" or getattr(shape, "is_document_type", False):
        return value
    assert value.keys() <= shape.members.keys()
    return {name: from_json(shape.members[name], each) for name, each in value.items()}


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_botocore_writes_the_same_requests(golden: Case) -> None:
    upstream = msgspec.json.decode(golden.read("upstream.json"))
    streamed = upstream["path"].endswith("/converse-stream")
    operation = BEDROCK.operation_model("ConverseStream" if streamed else "Converse")
    params = from_json(operation.input_shape, {**upstream["body"], "modelId": golden.target.model})
    report = botocore.validate.ParamValidator().validate(params, operation.input_shape)
    assert not report.has_errors(), report.generate_report()
    request = botocore.serialize.create_serializer("rest-json").serialize_to_request(params, operation)
    assert request["url_path"] == upstream["path"]
    assert msgspec.json.decode(request["body"]) == upstream["body"]


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_botocore_reads_the_answers_that_we_read(golden: Case) -> None:
    shape = BEDROCK.operation_model("Converse").output_shape
    answer = {"body": golden.read("response.json"), "headers": {}, "status_code": 200}
    parsed = botocore.parsers.create_parser("rest-json").parse(answer, shape)
    told = msgspec.json.decode(golden.read("caller.json"))["choices"][0]["message"]
    blocks = parsed["output"]["message"]["content"]
    texts = [block["text"] for block in blocks if "text" in block]
    assert all(text in (told["content"] or "") for text in texts)
    assert len(told.get("tool_calls", ())) <= len([block for block in blocks if "toolUse" in block])


class Body:
    """What botocore reads a stream from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> Iterator[bytes]:
        yield self.data

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("golden", WHOLE_STREAMS, ids=names(WHOLE_STREAMS))
def test_botocore_reads_the_streams_that_we_read(golden: Case) -> None:
    shape = BEDROCK.operation_model("ConverseStream").output_shape.members["stream"]
    parser = botocore.parsers.create_parser("rest-json")._event_stream_parser
    events = list(botocore.eventstream.EventStream(Body(golden.stream()), shape, parser, "ConverseStream"))
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    said = "".join(delta.get("text", "") for delta in deltas)
    told = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks(golden.read("caller.sse"))[:-1]]
    assert "".join(told).startswith(said)


# The simulator

UNSIGNED = [golden for golden in REQUESTS if b'"signature"' not in golden.read("upstream.json")]


def simulate(made: UpstreamRequest, words: str = "", *, streamed: bool = False) -> Reply:
    path, headers = unquote(made.path) + ("-stream" if streamed else ""), {"authorization": "Bearer k"}
    asked = simulated.Call("POST", path, {}, headers, made.body or b"", token="t" * 24, now=0)
    return bedrock.FORMAT.answer(asked, combine(find(words)))


@pytest.mark.parametrize("golden", UNSIGNED, ids=names(UNSIGNED))
def test_the_simulator_takes_our_requests(golden: Case) -> None:
    assert simulate(OpenAIToBedrock().request(golden.call(), golden.target)).status == 200


@pytest.mark.parametrize("words", ["hello", "[[tool_calls=2]]", "[[redacted_thinking]] hello", "[[refusal]]"])
def test_the_simulators_streams_say_what_its_answers_say(words: str) -> None:
    request = call({"messages": [{"role": "user", "content": words}], "tools": [WEATHER], "reasoning_effort": "low"})
    made = OpenAIToBedrock().request(request, case("text").target)
    whole = translate(OpenAIToBedrock().response(request, streamed=False), [simulate(made, words).body])
    pieces = [event.frame(b"") for event in simulate(made, words, streamed=True).events or ()]
    told = chunks(translate(OpenAIToBedrock().response(request, streamed=True), pieces))
    choice = msgspec.json.decode(whole)["choices"][0]
    message, deltas = choice["message"], [chunk["choices"][0]["delta"] for chunk in told]
    assert "".join(delta.get("content") or "" for delta in deltas) == (message["content"] or "")
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == message.get("reasoning_content", "")
    blocks = [block for delta in deltas for block in delta.get("thinking_blocks", ())]
    assert blocks == message.get("thinking_blocks", [])
    arguments = [each["function"]["arguments"] for delta in deltas for each in delta.get("tool_calls", ())]
    expected = [each["function"]["arguments"] for each in message.get("tool_calls", ())]
    assert "".join(arguments).replace(" ", "") == "".join(expected).replace(" ", "")
    assert told[-1]["choices"][0]["finish_reason"] == choice["finish_reason"]


# OpenAI's own client


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
    assert [(call.id, call.function.arguments) for call in choice.message.tool_calls or ()] == [
        ("tooluse_1", '{"city": "Paris"}'),
        ("tooluse_2", '{"city": "Rome"}'),
    ]


def test_what_comes_back_can_be_sent_again() -> None:
    """Reasoning with its signature, and calls, make the same blocks as those that they came from."""
    given = msgspec.json.decode(case("reasoning_content").read("response.json"))["output"]["message"]["content"]
    told = msgspec.json.decode(case("reasoning_content").read("caller.json"))["choices"][0]["message"]
    again = call({"messages": [{"role": "user", "content": "2+2?"}, told, {"role": "user", "content": "Sure?"}]})
    made = OpenAIToBedrock().request(again, case("text").target)
    assert msgspec.json.decode(made.body or b"")["messages"][1]["content"] == given


# Tables


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("malformed_model_output", "stop"),
        ("malformed_tool_use", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("content_filtered", "content_filter"),
        ("guardrail_intervened", "content_filter"),
        ("a_new_reason", "stop"),
    ],
)
def test_finish_reasons(stop_reason: str, finish_reason: str) -> None:
    body = case("tool_calls").read("response.json").replace(b'"tool_use"', f'"{stop_reason}"'.encode())
    response = case("tool_calls").response(streamed=False)
    told = msgspec.json.decode(translate(response, [body]))
    assert told["choices"][0]["finish_reason"] == finish_reason
    assert response.outcome.finish_reasons == [finish_reason]


def test_an_id_is_the_requests_own() -> None:
    ids = {msgspec.json.decode(golden.read("caller.json"))["id"] for golden in (case("text"), case("tool_calls"))}
    assert len(ids) == 2
    assert chunks(case("text").read("caller.sse"))[0]["id"] in ids


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 424, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>secret-host</html>", b"[]", b'{"message":{"a":"secret-host"}}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "html", "list", "other", "bytes", "deep"],
)
def test_an_error_that_cannot_be_read_is_clear_and_repeats_nothing(status: int, body: bytes) -> None:
    error = OpenAIToBedrock().error(status, body)
    assert "secret" not in error.message
    assert error.message
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
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, f"{PART}.text"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, f"{PART}.file"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        ({"messages": [{"role": "system", "content": [image("data:image/png;base64,iVBO")]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [image("data:image/png,%89")]}]}, f"{PART}.image_url.url"),
        (
            {"messages": [{"role": "user", "content": [file("data:application/zip;base64,UEs=")]}]},
            f"{PART}.file.file_data",
        ),
        ({"messages": [{"role": "user", "content": [file("s3://bucket/archive.zip")]}]}, f"{PART}.file.file_data"),
        ({"messages": [{"role": "user", "content": [file("https://example.com/a.pdf")]}]}, f"{PART}.file.file_data"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]},
            "messages[0].tool_calls[0]",
        ),
        (
            {"messages": [{"role": "assistant", "thinking_blocks": [{"type": "other"}]}]},
            "messages[0].thinking_blocks[0].type",
        ),
        ({"n": Raw(b"1e400")}, "n"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "custom"}}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "json_object"}, "tools": [TOOL]}, "tools"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning_effort": "low", "thinking": {"type": "adaptive"}}, "thinking"),
        ({"thinking": {"budget_tokens": 1024}}, "thinking"),
        ({"additionalModelRequestFields": [1]}, "additionalModelRequestFields"),
        ({"cache_control": "ephemeral"}, "cache_control"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        OpenAIToBedrock().request(call({"messages": [HELLO], **fields}), case("text").target)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("model", "reasoning", "json_format", "strict_tools", "forced_tools", "cache_points"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude", False, False, True, "everywhere"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude", True, True, True, "everywhere"),
        ("anthropic.claude-opus-5-5", "claude", True, True, False, "everywhere"),
        ("arn:aws:bedrock:::inference-profile/eu.anthropic.claude-opus-4-6", "claude", True, True, True, "everywhere"),
        ("global.amazon.nova-2-lite-v1:0", "nova", False, False, True, "messages"),
        ("us.amazon.nova-pro-v1:0", "none", False, False, True, "messages"),
        ("openai.gpt-oss-20b-1:0", "flat", True, True, True, "nowhere"),
        ("us.openai.gpt-5.6-sol", "nested", True, True, True, "nowhere"),
        ("moonshotai.kimi-k2-thinking", "flat", True, True, True, "nowhere"),
        ("us.meta.llama4-maverick-17b-instruct-v1:0", "none", False, False, False, "nowhere"),
        ("deepseek.v3-v1:0", "output_config", True, True, True, "nowhere"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "output_config", True, True, True, "nowhere"),
    ],
)  # fmt: skip
def test_model_facts(
    model: str, reasoning: str, json_format: bool, strict_tools: bool, forced_tools: bool, cache_points: str
) -> None:
    facts = converse_facts(model)
    assert facts.reasoning is Reasoning(reasoning)
    assert facts.json_format is json_format
    assert facts.strict_tools is strict_tools
    assert facts.forced_tools is forced_tools
    assert facts.cache_points is CachePoints(cache_points)
