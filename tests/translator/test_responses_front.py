"""Callers of the Responses API in front of chat backends: the golden cases, in every framing and against the SDK."""

import itertools
from typing import Any

import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import BaseModel, TypeAdapter

from extproc.apischema.dialect import RESPONSES as DIALECT
from extproc.apischema.openai_responses import failure
from extproc.config.model import Backend, Schema, Target
from extproc.errors import InternalError, InvalidRequest, Unsupported, UpstreamError
from extproc.translator.base import Call
from extproc.translator.front import Composed
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic
from extproc.translator.responses_to_chat import ResponsesFront
from extproc.translator.responses_to_chat_reasoning import seal, unseal
from tests.translator.golden import CREATED, MADE, RESPONSES, Case, cases, made_files, translate
from tests.translator.responses_sdk import check_event, check_response, client, events

ALL = cases("responses_to_chat")
REQUESTS = [case for case in ALL if case.has("upstream.json") and b'"path"' in case.read("upstream.json")]
ANSWERS = [case for case in ALL if case.has("caller.json") and b'"output"' in case.read("caller.json")]
STREAMS = [case for case in ALL if case.has("stream.sse")]
BOTH = [case for case in ANSWERS if case in STREAMS]
CLAUDE = Target(
    Backend("claude", "anthropic", "anthropic", Schema.ANTHROPIC, "api.anthropic.com", "/v1"), "claude-opus-4-6"
)


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
    stream = golden.read("stream.sse")
    response = golden.response(streamed=True)
    found = events(translate(response, [stream[: data.draw(st.integers(0, len(stream)))]]))
    check_stream(found)
    assert response.outcome.complete == (found[-1]["type"] != "response.failed") or response.outcome.error


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_ends_properly(golden: Case, at: int, byte: int) -> None:
    stream = bytearray(golden.read("stream.sse") or b"\n")
    stream[at % len(stream)] = byte
    check_stream(events(translate(ResponsesFront().response(golden.call(), streamed=True), [bytes(stream)])))


def check_stream(found: list[dict[str, Any]]) -> None:
    """What must be true of every stream: its beginning, its numbers, its pairs of events, and its end."""
    assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    last = found[-1]
    assert last["type"] in ("response.completed", "response.incomplete", "response.failed")
    assert last["type"].removeprefix("response.") == last["response"]["status"]
    assert ("error" in [event["type"] for event in found]) == (last["type"] == "response.failed")
    added = [event for event in found if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == list(range(len(added)))
    output = last["response"]["output"]
    assert [event["item"]["id"] for event in added] == [item["id"] for item in output]
    done = {event["output_index"]: event["item"] for event in found if event["type"] == "response.output_item.done"}
    late = {"annotations"}  # may come when their text is done already
    assert all(without(output[index], late) == without(item, late) for index, item in done.items())
    assert len(done) == len(output) or last["type"] == "response.failed"


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_stream_is_in_order_and_every_event_is_of_the_sdks_type(golden: Case) -> None:
    found = events(golden.read("caller.sse"))
    check_stream(found)
    for event in found:
        check_event(event)


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_deltas_add_up_to_the_output(golden: Case) -> None:
    found = events(golden.read("caller.sse"))
    said: dict[tuple[int, int], str] = {}
    for event in found:
        if event["type"].endswith(".delta"):
            key = event["output_index"], event.get("content_index", 0)
            said[key] = said.get(key, "") + event["delta"]
    assert said == {
        (index, position): text
        for index, item in enumerate(found[-1]["response"]["output"])
        for position, text in enumerate(texts(item))
        if text
    }


def texts(item: dict[str, Any]) -> list[str]:
    parts = item.get("content") or item.get("summary")
    if parts is not None:
        return [part.get("text") or part.get("refusal") or "" for part in parts]
    return [item.get("arguments") or item.get("input") or ""]


# In a stream the two come in the order in which the model made them, which a whole message does not tell.
SAME = [case for case in BOTH if case.directory.name not in ("text_after_calls", "stream_without_ids")]


@pytest.mark.parametrize("golden", SAME, ids=names(SAME))
def test_a_streamed_answer_ends_with_the_whole_answer(golden: Case) -> None:
    assert events(golden.read("caller.sse"))[-1]["response"] == msgspec.json.decode(golden.read("caller.json"))


def test_nothing_follows_the_end_of_a_stream() -> None:
    response = ResponsesFront().response(case("text").call(), streamed=True)
    assert response.feed(case("text").read("stream.sse")).endswith(b"}\n\n")
    assert response.feed(case("text").read("stream.sse")) == b""
    assert response.finish() == b""


def test_a_stream_without_its_terminator_is_complete_once_it_has_a_finish_reason() -> None:
    stream = case("text").read("stream.sse").removesuffix(b"data: [DONE]\n\n")
    out = translate(ResponsesFront().response(case("text").call(), streamed=True), [stream])
    assert out == case("text").read("caller.sse")


def test_an_event_leaves_at_once() -> None:
    response = case("text").response(streamed=True)
    stream = case("text").read("stream.sse")
    response.feed(stream[: stream.index(b"data:", stream.index(b"Hi"))])
    out = response.feed(b'data: {"choices":[{"index":0,"delta":{"content":"now"}}]}\n\n')
    assert [(event["type"], event["delta"]) for event in events(out)] == [("response.output_text.delta", "now")]


def test_an_event_that_is_too_large_ends_the_stream() -> None:
    response = ResponsesFront().response(case("text").call(), streamed=True)
    out = response.feed(b"data: " + b"x" * (17 << 20))
    assert events(out)[-1]["response"]["error"] == {
        "code": "server_error",
        "message": "The provider sent an event that is too large.",
    }


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    body = golden.read("response.json")
    whole = translate(golden.response(streamed=False), [body])
    assert translate(golden.response(streamed=False), [body[at : at + 1] for at in range(len(body))]) == whole


def test_an_answer_that_is_cut_off_is_an_upstream_error() -> None:
    response = case("text").response(streamed=False)
    response.feed(case("text").read("response.json")[:-20])
    with pytest.raises(UpstreamError, match="not JSON"):
        response.finish()


# Tool results with images and a file's URL are more than OpenAI's own chat takes; the rest of these is the provider's
# own or what chat does not have, passed on for the backend to judge.
BEYOND_CHAT = {"tool_results", "truncation", "passed_on"}
KNOWN = [case for case in REQUESTS if case.directory.name not in BEYOND_CHAT]
EXTENSIONS = {"cache_control", "reasoning_content", "thinking_blocks"}


@pytest.mark.parametrize("golden", KNOWN, ids=names(KNOWN))
def test_the_openai_sdk_knows_our_chat_requests(golden: Case) -> None:
    body = without(msgspec.json.decode(golden.read("upstream.json"))["body"], EXTENSIONS)
    assert plain(TypeAdapter(CompletionCreateParams).validate_python(body)) == body


# The SDK's types know no audio in messages, though it has one for the part itself.
TYPED = [case for case in REQUESTS if case.directory.name != "audio_input"]


@pytest.mark.parametrize("golden", TYPED, ids=names(TYPED))
def test_the_openai_sdk_could_have_sent_the_requests(golden: Case) -> None:
    body = msgspec.json.decode(golden.read("request.json"))
    TypeAdapter(ResponseCreateParams).validate_python(body)


def without(value: Any, left_out: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: without(each, left_out) for name, each in value.items() if name not in left_out}
    return [without(each, left_out) for each in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """The SDK's validated value, its lazy iterables read (which validates them)."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [plain(each) for each in value]


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_openai_sdk_reads_our_answers(golden: Case) -> None:
    answer = check_response(golden.read("caller.json"))
    assert answer.created_at == CREATED
    read = client(golden.read("caller.json"), streamed=False).responses.create(model="chat", input="Hello")
    assert read == answer


SUCCESSES = [case for case in STREAMS if b"event: response.failed" not in case.read("caller.sse")]
FAILURES = [case for case in STREAMS if case not in SUCCESSES]
COMPLETE = [case for case in SUCCESSES if b"event: response.completed" in case.read("caller.sse")]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("golden", SUCCESSES, ids=names(SUCCESSES))
def test_the_openai_sdk_reads_our_streams(golden: Case, size: int) -> None:
    sdk = client(golden.read("caller.sse"), streamed=True, size=size)
    read = list(sdk.responses.create(model="chat", input="Hello", stream=True))
    expected = events(golden.read("caller.sse"))
    assert [event.to_dict() for event in read] == expected


@pytest.mark.parametrize("golden", COMPLETE, ids=names(COMPLETE))
def test_the_openai_sdk_puts_a_streamed_answer_together(golden: Case) -> None:
    sdk = client(golden.read("caller.sse"), streamed=True)
    with sdk.responses.stream(model="chat", input="Hello") as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert final.status == "completed"
    if len(final.output) == 1:
        assert snapshots[-1:] == ([final.output_text] if final.output_text else [])


def test_the_openai_sdk_gives_the_answer_that_was_asked_for() -> None:
    class Answer(BaseModel):
        n: int

    whole = client(case("json_schema").read("caller.json"), streamed=False)
    assert whole.responses.parse(model="chat", input="Hello", text_format=Answer).output_parsed == Answer(n=4)
    streamed = client(case("json_schema").read("caller.sse"), streamed=True)
    with streamed.responses.stream(model="chat", input="Hello", text_format=Answer) as stream:
        assert stream.get_final_response().output_parsed == Answer(n=4)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("golden", FAILURES, ids=names(FAILURES))
def test_the_openai_sdk_raises_what_went_wrong(golden: Case, size: int) -> None:
    expected = events(golden.read("caller.sse"))[-2]["error"]
    for use in (read_all, stream_all):
        with pytest.raises(openai.APIError) as raised:
            use(client(golden.read("caller.sse"), streamed=True, size=size))
        assert raised.value.message == expected["message"]
        assert raised.value.body == expected


def read_all(sdk: openai.OpenAI) -> None:
    list(sdk.responses.create(model="chat", input="Hello", stream=True))


def stream_all(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="chat", input="Hello") as stream:
        stream.get_final_response()


def test_an_error_of_the_gateway_in_a_stream_is_raised_by_the_sdk() -> None:
    event = DIALECT.event(InternalError("The gateway failed."))
    assert event == (
        b'event: error\ndata: {"type":"error","sequence_number":0,"code":"internal_error",'
        b'"message":"The gateway failed.","param":null,"error":{"type":"api_error","code":"internal_error",'
        b'"message":"The gateway failed.","param":null}}\n\n'
    )
    check_event(events(event)[0])
    with pytest.raises(openai.APIError, match=r"The gateway failed\."):
        read_all(client(event, streamed=True))


@pytest.mark.parametrize(
    ("type_", "code", "expected"),
    [
        ("rate_limit_error", None, "rate_limit_exceeded"),
        ("requests", "rate_limit_exceeded", "rate_limit_exceeded"),
        ("invalid_request_error", "context_length_exceeded", "invalid_prompt"),
        ("upstream_error", "overloaded", "server_error"),
    ],
)
def test_the_code_of_a_failed_response(type_: str, code: str | None, expected: str) -> None:
    assert failure(type_, code) == expected


@pytest.mark.parametrize(
    ("finish_reason", "status", "reason"),
    [
        (b"stop", "completed", None),
        (b"tool_calls", "completed", None),
        (b"function_call", "completed", None),
        (b"length", "incomplete", "max_output_tokens"),
        (b"content_filter", "incomplete", "content_filter"),
        (b"a_new_reason", "completed", None),
    ],
)
def test_finish_reasons(finish_reason: bytes, status: str, reason: str | None) -> None:
    stream = case("text").read("stream.sse").replace(b'"finish_reason":"stop"', b'"finish_reason":"%b"' % finish_reason)
    last = events(translate(case("text").response(streamed=True), [stream]))[-1]
    assert last["type"] == f"response.{status}"
    details = last["response"]["incomplete_details"]
    assert (details and details["reason"]) == reason
    assert last["response"]["output"][0]["status"] == status


@pytest.mark.parametrize(
    ("chat_id", "response_id"),
    [
        (b"chatcmpl-9x1", "resp_9x1"),
        (b"msg_01ABC", "resp_01ABC"),
        (b"gen-", "resp_gen-"),
        (b"0b7c2a7e-6f5d", "resp_0b7c2a7e-6f5d"),
    ],
)
def test_ids_come_from_the_chat_answers_id(chat_id: bytes, response_id: str) -> None:
    body = b'{"id":"%b","choices":[{"message":{"content":"Hi"}}]}' % chat_id
    answer = msgspec.json.decode(translate(case("text").response(streamed=False), [body]))
    assert answer["id"] == response_id
    assert answer["output"][0]["id"] == f"msg_{response_id.removeprefix('resp_')}_0"


# --- reasoning there and back -----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BLOCKS = st.lists(JSON.map(lambda value: Raw(msgspec.json.encode(value))), min_size=1, max_size=4)


@given(blocks=BLOCKS)
def test_signed_reasoning_comes_back_as_it_was(blocks: list[Raw]) -> None:
    assert list(map(bytes, unseal(seal(blocks)))) == list(map(bytes, blocks))


@given(blocks=BLOCKS, at=st.integers(0), char=st.characters())
def test_signed_reasoning_that_is_damaged_holds_nothing(blocks: list[Raw], at: int, char: str) -> None:
    sealed = seal(blocks)
    at %= len(sealed)
    damaged = sealed[:at] + char + sealed[at + 1 :]
    assert unseal(damaged) == (blocks if damaged == sealed else [])


@given(content=st.text())
def test_any_other_encrypted_content_holds_nothing(content: str) -> None:
    assert unseal(content) == []
    assert unseal("thinking1." + content) == []


ANTHROPIC_STREAM = b"".join(
    b"event: %b\ndata: %b\n\n" % (document["type"].encode(), msgspec.json.encode(document))
    for document in (
        {"type": "message_start", "message": {"id": "msg_01", "model": "claude-opus-4-6", "role": "assistant"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Look first."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "I will look."}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "redacted_thinking", "data": "EmwK"}},
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "t1", "name": "look"}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
        {"type": "content_block_stop", "index": 3},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"input_tokens": 3}},
        {"type": "message_stop"},
    )
)


def test_a_turn_of_anthropics_goes_back_to_it_block_by_block() -> None:
    pair = Composed(ResponsesFront(), OpenAIToAnthropic())
    first = call({"input": "Look.", "stream": True, "reasoning": {"effort": "medium"}})
    sdk = client(translate(pair.response(first, streamed=True), [ANTHROPIC_STREAM]), streamed=True)
    with sdk.responses.stream(model="chat", input="Look.") as stream:
        output = [item.to_dict() for item in stream.get_final_response().output]
    assert [item["type"] for item in output] == ["reasoning", "message", "reasoning", "function_call"]
    items = [{"role": "user", "content": "Look."}, *output]
    second = call({"input": [*items, {"type": "function_call_output", "call_id": "t1", "output": "4"}]})
    assert msgspec.json.decode(pair.request(second, CLAUDE).body or b"")["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Look."}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Look first.", "signature": "c2ln"},
                {"type": "text", "text": "I will look."},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "4"}]}],
        },
    ]


TEXT = st.text(min_size=1, max_size=8)
FUNCTION_CALL = st.builds(
    lambda name, arguments: {"type": "function", "function": {"name": name, "arguments": arguments}},
    TEXT,
    TEXT,
)
CUSTOM_CALL = st.builds(lambda name, text: {"type": "custom", "custom": {"name": name, "input": text}}, TEXT, TEXT)
ASSISTANT = st.fixed_dictionaries(
    {},
    optional={
        "content": TEXT,
        "reasoning_content": TEXT,
        "thinking_blocks": st.lists(JSON, min_size=1, max_size=3),
        "tool_calls": st.lists(FUNCTION_CALL | CUSTOM_CALL, min_size=1, max_size=3).map(
            lambda calls: [{"id": f"call_{index}", **each} for index, each in enumerate(calls)]
        ),
    },
).filter(bool)


@settings(deadline=None)
@given(message=ASSISTANT)
def test_an_answer_goes_back_as_the_message_it_was(message: dict[str, Any]) -> None:
    body = msgspec.json.encode({"choices": [{"message": message}]})
    answer = translate(ResponsesFront().response(call({"input": "Hello"}), streamed=False), [body])
    made = ResponsesFront().chat(call({"input": msgspec.json.decode(answer)["output"]}))
    assert msgspec.json.decode(made.body)["messages"] == [{"role": "assistant", **message}]


def test_a_signature_that_comes_after_its_text_goes_back_with_it() -> None:
    block = {"type": "thinking", "thinking": "", "signature": "c2ln"}
    deltas = [{"content": "It is 4."}, {"thinking_blocks": [block]}]
    chunks = [b"data: %b\n\n" % msgspec.json.encode({"choices": [{"delta": each}]}) for each in deltas]
    stream = translate(ResponsesFront().response(call({"input": "?"}), streamed=True), [*chunks, b"data: [DONE]\n\n"])
    made = ResponsesFront().chat(call({"input": events(stream)[-1]["response"]["output"]}))
    assert msgspec.json.decode(made.body)["messages"] == [
        {"role": "assistant", "content": "It is 4.", "thinking_blocks": [block]}
    ]


def test_what_the_backend_cannot_express_is_its_to_refuse() -> None:
    pair = Composed(ResponsesFront(), OpenAIToAnthropic())
    for fields, param in (({"truncation": "auto"}, "truncation"), ({"tools": [CUSTOM]}, "tools[0]")):
        with pytest.raises(Unsupported) as refused:
            pair.request(call({"input": "Hello", **fields}), CLAUDE)
        assert refused.value.param == param


# --- requests that make no sense --------------------------------------------------------------------------------------

HELLO = {"role": "user", "content": "Hello"}
CUSTOM = {"type": "custom", "name": "run"}
PART = "input[0].content[0]"


def content(part: dict[str, Any]) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": 7}, "input"),
        ({"input": [7]}, "input[0]"),
        ({"input": [{"role": "critic", "content": "Hm"}]}, "input[0].role"),
        ({"input": [{"type": "message", "content": "Hm"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "computer_call_output", "call_id": "1", "output": {}}]}, "input[0]"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "1", "arguments": "{}"}]}, "input[0].name"),
        (
            {"input": [{"type": "function_call", "call_id": "1", "name": "f", "namespace": "n"}]},
            "input[0].namespace",
        ),
        ({"input": [{"type": "function_call_output", "output": "4"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "1"}]}, "input[0].output"),
        ({"input": [{"type": "reasoning", "summary": "Hm"}]}, "input[0].summary"),
        (content({"type": "input_text"}), f"{PART}.text"),
        (content({"type": "refusal"}), f"{PART}.refusal"),
        (content({"type": "input_image"}), f"{PART}.image_url"),
        (content({"type": "input_file"}), f"{PART}.file_data"),
        (content({"type": "input_audio"}), f"{PART}.input_audio"),
        ({"tools": [{"name": "f"}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": 7}]}, "tools[0]"),
        ({"tools": [{**CUSTOM, "format": "text"}]}, "tools[0].format"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": []}]}, "tools[0]"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice.tools"),
        ({"tool_choice": {"type": "mcp", "server_label": "docs"}}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format"),
        ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
        ({"metadata": {"n": 1}}, "metadata[...]"),
        ({"messages": [HELLO]}, "messages"),
        ({"max_tokens": 16}, "max_tokens"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ResponsesFront().chat(call({"input": "Hello", **fields}))
    assert refused.value.param == param


def test_the_chat_call_is_one_that_a_chat_caller_could_have_made() -> None:
    made = ResponsesFront().chat(call({"input": "Hello", "stream": True, "user": "u"}, path="/v1/responses?a=b"))
    assert made.endpoint.path == "/chat/completions"
    assert made.path == "/v1/chat/completions?a=b"
    assert (made.model, made.stream, made.wants_usage, made.created) == ("chat", True, True, CREATED)
    assert msgspec.json.decode(made.body) == {
        "model": "chat",
        "stream": True,
        "user": "u",
        "stream_options": {"include_usage": True},
        "messages": [HELLO | {"role": "user"}],
    }
    assert {name: bytes(value) for name, value in made.fields.items()} == {
        name: msgspec.json.encode(value) for name, value in msgspec.json.decode(made.body).items()
    }


def test_a_request_without_a_stream_asks_for_no_usage_chunk() -> None:
    made = ResponsesFront().chat(call({"input": "Hello"}))
    assert (made.stream, made.wants_usage) == (False, False)
    assert "stream_options" not in made.fields


def call(fields: dict[str, Any], path: str = "/v1/responses") -> Call:
    body = msgspec.json.encode({"model": "chat", **fields})
    parsed = msgspec.json.decode(body, type=dict[str, Raw])
    return Call(RESPONSES, path, body, parsed, "chat", stream=bool(fields.get("stream")), created=CREATED)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_mixed_chunks_make_one_consistent_stream(data: st.DataObject) -> None:
    """Whatever comes in whatever order: items never mix, and every stream is one that the SDK's types allow."""
    deltas = data.draw(st.lists(st.sampled_from(DELTAS), max_size=12))
    chunks = [b"data: " + msgspec.json.encode({"id": "c-1", "choices": [{"delta": each}]}) + b"\n\n" for each in deltas]
    end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    found = events(translate(case("text").response(streamed=True), [*chunks, end]))
    check_stream(found)
    for event in found:
        check_event(event)
    texts_there = "".join(str(each.get("content") or "") for each in deltas)
    output = found[-1]["response"]["output"]
    parts = itertools.chain.from_iterable(item["content"] for item in output if item["type"] == "message")
    assert "".join(part.get("text", "") for part in parts) == texts_there


DELTAS: list[dict[str, Any]] = [
    {"content": "a"},
    {"content": "b", "reasoning_content": "r"},
    {"reasoning_content": "q"},
    {"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]},
    {"refusal": "no"},
    {"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "start_index": 0, "end_index": 1}}]},
    {"annotations": [{"type": "file"}]},
    {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
    {"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "g", "arguments": ""}}]},
    {"tool_calls": [{"index": 2, "id": "c3", "custom": {"name": "h", "input": "x"}}]},
    {"content": ""},
]
