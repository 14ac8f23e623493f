"""OpenAI chat and embeddings to Gemini, AI Studio and Vertex AI: the golden cases, in every framing and against both
SDKs' own types."""

import array
import base64
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from extproc.apischema.endpoints import CHAT
from extproc.config.model import Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.simulator import format as simulated
from extproc.simulator.directives import NONE
from extproc.simulator.event_bytes import frame
from extproc.simulator.gemini import FORMAT, THOUGHT
from extproc.translator.base import Call
from extproc.translator.gemini_models import ThinkingMode, model_facts
from extproc.translator.openai_to_gemini import OpenAIToGemini, vertex_path
from tests.translator.golden import CREATED, MADE, PAIRS, Case, cases, made_files, translate

CHATS = cases("openai_to_gemini") + cases("openai_to_vertex")
EMBEDDINGS = cases("openai_to_gemini_embeddings") + cases("openai_to_vertex_embeddings")
ALL = CHATS + EMBEDDINGS
REQUESTS = [case for case in CHATS if case.has("upstream.json") and b'"path"' in case.read("upstream.json")]
ANSWERS = [case for case in CHATS if case.has("caller.json") and b'"choices"' in case.read("caller.json")]
STREAMS = [case for case in CHATS if case.has("stream.sse")]
VECTORS = [case for case in EMBEDDINGS if case.has("caller.json") and b'"data"' in case.read("caller.json")]
MESSAGE_EXTRAS = {"reasoning_content", "thinking_blocks", "annotations"}


def names(chosen: list[Case]) -> list[str]:
    return [case.name for case in chosen]


def case(name: str) -> Case:
    return next(each for each in CHATS if each.directory.name == name)


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
    last = chunks(translate(response, [stream[: data.draw(st.integers(0, len(stream)))]]))[-1]
    assert response.outcome.complete == ("error" not in last)
    assert response.outcome.error == ("" if response.outcome.complete else last["error"]["type"])


@settings(deadline=None, max_examples=300)
@given(golden=st.sampled_from(STREAMS), at=st.integers(0), byte=st.integers(0, 255))
def test_a_stream_with_a_wrong_byte_ends_properly(golden: Case, at: int, byte: int) -> None:
    stream = bytearray(golden.read("stream.sse") or b"\n")
    stream[at % len(stream)] = byte
    assert translate(golden.response(streamed=True), [bytes(stream)]).endswith(b"data: [DONE]\n\n")


def test_nothing_follows_the_end_of_a_stream() -> None:
    response = case("stream_error").response(streamed=True)
    response.feed(case("stream_error").read("stream.sse"))
    assert response.feed(case("text").read("stream.sse")) == b""
    assert response.finish() == b""


def test_an_event_leaves_at_once() -> None:
    response = case("text").response(streamed=True)
    response.feed(case("text").read("stream.sse").partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    out = response.feed(b'data: {"candidates":[{"content":{"parts":[{"text":"now"}]}}]}\n\n')
    assert [chunk["choices"][0]["delta"] for chunk in chunks(out + b"data: [DONE]\n\n")] == [{"content": "now"}]


def test_the_finish_reason_does_not_wait_for_the_end_of_the_body() -> None:
    response = case("text").response(streamed=True)
    out = response.feed(case("text").read("stream.sse"))
    assert b'"finish_reason":"stop"' in out
    assert b"[DONE]" not in out
    assert response.finish().endswith(b"data: [DONE]\n\n")


def test_an_error_after_the_finish_reason_changes_nothing() -> None:
    response = case("text").response(streamed=True)
    error = case("stream_error").read("stream.sse").split(b"\r\n\r\n")[1] + b"\r\n\r\n"
    out = translate(response, [case("text").read("stream.sse"), error])
    assert out == case("text").read("caller.sse")
    assert (response.outcome.complete, response.outcome.error) == (True, "")


def test_an_event_that_is_too_large_ends_the_stream() -> None:
    response = case("text").response(streamed=True)
    out = response.feed(b"data: " + b"x" * (17 << 20))
    assert chunks(out)[0]["error"]["message"] == "The provider sent an event that is too large."


WHOLE = ANSWERS + VECTORS


@pytest.mark.parametrize("golden", WHOLE, ids=names(WHOLE))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    body = golden.read("response.json")
    whole = translate(golden.response(streamed=False), [body])
    assert translate(golden.response(streamed=False), [body[at : at + 1] for at in range(len(body))]) == whole


@pytest.mark.parametrize("golden", WHOLE, ids=names(WHOLE))
def test_an_answer_that_is_cut_off_is_an_upstream_error(golden: Case) -> None:
    response = golden.response(streamed=False)
    assert response.feed(golden.read("response.json")[:-20]) == b""
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_the_google_sdk_knows_our_requests(golden: Case) -> None:
    """Its types forbid fields that they do not know."""
    camel = {"url_context": "urlContext"}
    body = msgspec.json.decode(golden.read("upstream.json"))["body"]
    for content in [*body.pop("contents"), *filter(None, [body.pop("systemInstruction", None)])]:
        assert dumped(types.Content.model_validate(content)) == content
    for tool in body.pop("tools", ()):
        assert set(dumped(types.Tool.model_validate(tool))) == {camel.get(name, name) for name in tool}
    for name, kind in (("toolConfig", types.ToolConfig), ("generationConfig", types.GenerationConfig)):
        if name in body:
            found = body.pop(name)
            assert dumped(kind.model_validate(found)) == found
    for setting in body.pop("safetySettings", ()):
        assert dumped(types.SafetySetting.model_validate(setting)) == setting
    if "serviceTier" in body:
        assert types.ServiceTier(body.pop("serviceTier")) in set(types.ServiceTier)
    assert body.keys() <= {"cachedContent", "labels"}


def dumped(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_google_sdk_knows_the_answers_we_read(golden: Case) -> None:
    """So that the goldens are faithful."""
    assert types.GenerateContentResponse.model_validate_json(golden.read("response.json")).candidates != []


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_the_openai_sdk_reads_our_answers(golden: Case) -> None:
    answer = ChatCompletion.model_validate_json(golden.read("caller.json"), strict=True)
    assert not answer.model_extra
    for choice in answer.choices:
        assert not choice.model_extra
        assert set(choice.message.model_extra or ()) <= MESSAGE_EXTRAS
        for call in choice.message.tool_calls or ():
            assert set(call.model_extra or ()) <= {"extra_content"}


@pytest.mark.parametrize("golden", VECTORS, ids=names(VECTORS))
def test_the_openai_sdk_reads_our_embeddings(golden: Case) -> None:
    answer = msgspec.json.decode(golden.read("caller.json"))
    answer.setdefault("usage", {"prompt_tokens": 0, "total_tokens": 0})  # the SDK's type wants what no provider said
    for entry in answer["data"]:
        if isinstance(entry["embedding"], str):  # as the SDK's client does
            entry["embedding"] = list(array.array("f", base64.b64decode(entry["embedding"])))
    assert not CreateEmbeddingResponse.model_validate(answer).model_extra


def test_base64_is_of_32_bit_floats() -> None:
    golden = next(each for each in VECTORS if each.directory.name == "single")
    encoded = msgspec.json.decode(golden.read("caller.json"))["data"][0]["embedding"]
    assert struct.unpack("<3f", base64.b64decode(encoded)) == (0.5, -0.25, 1.0)


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_the_openai_sdk_reads_our_chunks(golden: Case) -> None:
    for chunk in read_chunks(golden):
        assert chunk.created == CREATED
        assert not chunk.model_extra
        for choice in chunk.choices:
            assert not choice.model_extra
            assert set(choice.delta.model_extra or ()) <= MESSAGE_EXTRAS


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
        ("fc1", '{"city":"Paris"}'),
        ("fc2", '{"city":"Rome","days":1.0}'),
    ]


@pytest.mark.parametrize("kept", [{"extra_content"}, {"thinking_blocks"}, {"extra_content", "thinking_blocks"}])
def test_a_call_goes_back_with_its_signature_whichever_way_the_caller_kept_it(kept: set[str]) -> None:
    message = msgspec.json.decode(case("tool_calls").read("caller.json"))["choices"][0]["message"]
    if "thinking_blocks" not in kept:
        del message["thinking_blocks"]
    if "extra_content" not in kept:
        del message["tool_calls"][0]["extra_content"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "22"} for call in message["tool_calls"]]
    request = OpenAIToGemini().request(call({"messages": [HELLO, message, *results]}), case("tool_calls").target)
    given = msgspec.json.decode(case("tool_calls").read("response.json"))["candidates"][0]["content"]
    assert msgspec.json.decode(request.body or b"")["contents"][1] == given


def exchange(fields: dict[str, Any], pair: str, model: str = "gemini-3.8-flash") -> Any:
    """The caller's answer, through the translator and the simulated provider; a stream comes as its chunks."""
    asked = replace(call(fields), stream=fields.get("stream", False), endpoint=PAIRS[pair].endpoint)
    translator, target = PAIRS[pair].translator, Target(PAIRS[pair].backend, model)
    request = translator.request(asked, target)
    path, _, query = request.path.partition("?")
    headers = {"x-goog-api-key": "key", "authorization": "Bearer token"}
    sent = simulated.Call("POST", path, dict(parse_qsl(query)), headers, request.body or b"", "t" * 24, CREATED)
    reply = FORMAT.answer(sent, NONE)
    response = translator.response(asked, streamed=asked.stream)
    if reply.events is None:
        return msgspec.json.decode(translate(response, [reply.body]))
    return chunks(translate(response, [frame(event) for event in reply.events]))


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}


@pytest.mark.parametrize("pair", ["openai_to_gemini", "openai_to_vertex"])
def test_a_conversation_with_tools_and_reasoning(pair: str) -> None:
    user = {"role": "user", "content": "weather in Paris"}
    more = {"tools": [WEATHER], "reasoning_effort": "low", "max_completion_tokens": 500, "stop": "never"}
    first = exchange({"messages": [user], **more}, pair)["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    assert first["message"]["reasoning_content"] == THOUGHT
    (called,) = first["message"]["tool_calls"]
    assert called["function"] == {"name": "get_weather", "arguments": '{"city":"weather in Paris"}'}
    result = {"role": "tool", "tool_call_id": called["id"], "content": "22 C"}
    second = exchange({"messages": [user, first["message"], result], **more, "stream": True}, pair)
    deltas = [chunk["choices"][0]["delta"] for chunk in second]
    assert "".join(delta.get("content") or "" for delta in deltas) == "The tool says: 22 C"


def test_a_call_that_another_model_made_is_accepted() -> None:
    made = {"id": "toolu_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "ErUBCkYI"}]
    message = {"role": "assistant", "content": None, "tool_calls": [made], "thinking_blocks": blocks}
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "22 C"}
    answer = exchange({"messages": [HELLO, message, result], "tools": [WEATHER]}, "openai_to_gemini")
    assert answer["choices"][0]["message"]["content"] == "The tool says: 22 C"


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3.8-flash"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_structured_answer_with_tools(model: str, stream: bool) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}
    fields = {"messages": [HELLO], "response_format": wanted, "stream": stream}
    if model == "gemini-3.8-flash":
        fields["tools"] = [WEATHER]
    answer = exchange(fields, "openai_to_gemini", model)
    choices = [chunk["choices"][0] for chunk in answer] if stream else answer["choices"]
    text = "".join(choice.get("message", choice.get("delta"))["content"] or "" for choice in choices if said(choice))
    assert msgspec.json.decode(text) == {"name": "Hello"}


def said(choice: dict[str, Any]) -> bool:
    return "content" in choice.get("message", choice.get("delta", {}))


@pytest.mark.parametrize(
    ("pair", "model"),
    [
        ("openai_to_gemini_embeddings", "gemini-embedding-001"),
        ("openai_to_vertex_embeddings", "gemini-embedding-001"),
        ("openai_to_vertex_embeddings", "text-embedding-005"),
    ],
)
def test_embeddings_of_a_batch(pair: str, model: str) -> None:
    answer = exchange({"input": ["one", "two words"], "dimensions": 4}, pair, model)
    assert [(entry["index"], len(entry["embedding"])) for entry in answer["data"]] == [(0, 4), (1, 4)]
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize(
    ("reason", "finish_reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("OTHER", "stop"),
        ("A_NEW_REASON", "stop"),
    ],
)
def test_finish_reasons(reason: str, finish_reason: str) -> None:
    stream = case("text").read("stream.sse").replace(b'"STOP"', b'"%b"' % reason.encode())
    response = case("text").response(streamed=True)
    assert chunks(translate(response, [stream]))[-2]["choices"][0]["finish_reason"] == finish_reason
    assert response.outcome.finish_reasons == [finish_reason]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>secret-host</html>", b"[]", b'{"error":"secret-host"}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "html", "list", "text", "bytes", "deep"],
)
def test_an_error_that_cannot_be_read_is_clear_and_repeats_nothing(status: int, body: bytes) -> None:
    error = OpenAIToGemini().error(status, body)
    assert error.message == f"The provider answered {status} without a readable error."
    assert 400 <= error.status < 600


@pytest.mark.parametrize(("delay", "headers"), [("34.07s", {"retry-after": "35"}), ("soon", {}), ("infs", {})])
def test_when_to_come_back_is_a_header(delay: str, headers: dict[str, str]) -> None:
    body = {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": delay}]}}
    assert OpenAIToGemini().error(429, msgspec.json.encode(body)).headers == headers


HELLO = {"role": "user", "content": "Hello"}
PART = "messages[0].content[0]"
TOOL = {"type": "function", "function": {"name": "respond_with_json"}}


def content(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def assistant(**fields: Any) -> dict[str, Any]:
    return {"messages": [HELLO, {"role": "assistant", **fields}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "critic", "content": "Hm"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "messages[0].tool_call_id"),
        (content({"type": "text"}), f"{PART}.text"),
        (content({"type": "file"}), f"{PART}.file"),
        (content({"type": "input_audio"}), f"{PART}.input_audio"),
        (content({"type": "input_audio", "input_audio": {"data": "", "format": "ogg"}}), f"{PART}.input_audio.format"),
        (content({"type": "image_url", "image_url": {"url": "data:image/png,%89"}}), f"{PART}.image_url.url"),
        (content({"type": "video"}), PART),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "gs://a/b"}}]}]},
            "messages[0].content",
        ),
        (assistant(function_call={"name": "f"}), "messages[1].function_call"),
        (assistant(audio={"id": "a"}), "messages[1].audio"),
        (assistant(tool_calls=[{"id": "1", "type": "custom"}]), "messages[1].tool_calls[0]"),
        (assistant(thinking_blocks=[{"signature": 1}]), "messages[1].thinking_blocks[0].signature"),
        (
            assistant(tool_calls=[{"id": "1", "function": {"name": "f"}, "extra_content": {"google": 1}}]),
            "messages[1].tool_calls[0].extra_content.google",
        ),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tools": [{}]}, "tools[0]"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "yaml"}}, "response_format"),
        ({"response_format": {"type": "json_object"}, "tools": [TOOL]}, "tools"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning_effort": "low", "thinking_config": {"includeThoughts": True}}, "reasoning_effort"),
        ({"thinking": {"type": "adaptive"}}, "thinking"),
        ({"logit_bias": Raw(b"1e400")}, "logit_bias"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        OpenAIToGemini().request(call({"messages": [HELLO], **fields}), case("text").target)
    assert refused.value.param == param


def call(fields: dict[str, Any]) -> Call:
    body = msgspec.json.encode({"model": "chat", **fields})
    return Call(CHAT, "/v1/chat/completions", body, msgspec.json.decode(body, type=dict[str, Raw]), "chat")


@pytest.mark.parametrize(
    ("project", "region", "model", "path"),
    [
        ("p", "europe-west4", "gemini-3-flash", "/v1/projects/p/locations/europe-west4/publishers/google/models/"),
        ("p", None, "gemini-3-flash", "/v1/projects/p/locations/global/publishers/google/models/"),
        (None, None, "gemini-3-flash", "/v1/publishers/google/models/"),
    ],
)
def test_vertex_paths(project: str | None, region: str | None, model: str, path: str) -> None:
    backend = replace(PAIRS["openai_to_vertex"].backend, project=project, region=region)
    assert vertex_path(Target(backend, model)) == path + model


LEVELS = ("LOW", "MEDIUM", "HIGH")


@pytest.mark.parametrize(
    ("model", "thinking", "off", "budgets", "levels", "sampling", "newer"),
    [
        ("gemini-1.5-pro-002", "none", True, (128, 32768), (), True, False),
        ("gemini-2.0-flash-001", "none", True, (1, 24576), (), True, False),
        ("gemini-2.5-pro", "budget", False, (128, 32768), (), True, False),
        ("models/gemini-2.5-flash", "budget", True, (1, 24576), (), True, False),
        ("gemini-2.5-flash-lite-preview-09-2025", "budget", True, (512, 24576), (), True, False),
        ("gemini-3-pro-preview", "level", False, (0, 0), ("LOW", "HIGH"), True, True),
        ("gemini-3.1-pro-preview", "level", False, (0, 0), LEVELS, True, True),
        ("google/gemini-3-flash-preview", "level", False, (0, 0), ("MINIMAL", *LEVELS), True, True),
        ("gemini-3.1-flash-lite", "level", False, (0, 0), ("MINIMAL", *LEVELS), True, True),
        ("gemini-3.5-flash", "level", False, (0, 0), ("MINIMAL", *LEVELS), True, True),
        ("gemini-3.5-flash-lite", "level", False, (0, 0), ("MINIMAL", *LEVELS), False, True),
        ("gemini-3.6-flash", "level", False, (0, 0), ("MINIMAL", *LEVELS), False, True),
        ("gemini-3.8-flash", "level", False, (0, 0), LEVELS, False, True),
        ("gemini-flash-latest", "level", False, (0, 0), LEVELS, True, True),
        ("endpoints/1234", "level", False, (0, 0), LEVELS, True, True),
    ],
)
def test_model_facts(
    model: str,
    thinking: str,
    off: bool,
    budgets: tuple[int, int],
    levels: tuple[str, ...],
    sampling: bool,
    newer: bool,
) -> None:
    facts = model_facts(model)
    assert facts.thinking is ThinkingMode(thinking)
    assert facts.thinking_off is off
    assert facts.budgets == budgets
    assert facts.levels == levels
    assert facts.sampling is sampling
    assert facts.candidates is not newer
    assert facts.json_with_tools is facts.media_in_results is facts.signed_calls is newer
