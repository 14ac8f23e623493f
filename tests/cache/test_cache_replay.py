"""An answer that was recorded and said again is the answer: in every format, from streams and from whole bodies."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from extproc.apischema.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Endpoint
from extproc.cache.policy import Rules, answer_refusal
from extproc.cache.record import recorder
from extproc.cache.replay import replay
from extproc.cache.unrepeatable import Unrepeatable
from extproc.simulator.directives import Directives
from tests.cache.answers import MOST_BYTES, golden_bodies, golden_streams, record, simulated
from tests.translator import messages_stream, responses_sdk

STREAMS = list(golden_streams())
WHOLE = [(name, endpoint, stream) for name, endpoint, stream in STREAMS if record(endpoint, [stream]) is not None]
LENIENT = Rules(tool_calls=True, kept_by_provider=True)
BODIES = [case for case in golden_bodies() if answer_refusal(case[1], case[2], LENIENT) == ""]
PLAIN: dict[Endpoint, dict[str, Any]] = {
    CHAT: {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]},
    COMPLETIONS: {"model": "gpt", "prompt": "Hi"},
    MESSAGES: {"model": "claude", "max_tokens": 4096, "messages": [{"role": "user", "content": "Hi"}]},
    RESPONSES: {"model": "gpt", "input": "Hi"},
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "parameters": SCHEMA}
WITH_TOOLS: dict[Endpoint, dict[str, Any]] = {
    CHAT: {**PLAIN[CHAT], "tools": [{"type": "function", "function": FUNCTION}]},
    MESSAGES: {**PLAIN[MESSAGES], "tools": [{"name": "weather", "input_schema": SCHEMA}]},
    RESPONSES: {**PLAIN[RESPONSES], "tools": [{"type": "function", "strict": False, **FUNCTION}]},
}


def parsed(document: bytes | None) -> Any:
    assert document is not None
    return msgspec.json.decode(document)


def said(value: Any) -> Any:
    """Without the fields that say nothing: a stream has no empty lists, and a whole answer has."""
    if isinstance(value, dict):
        return {name: said(each) for name, each in value.items() if each not in (None, [], {})}
    return [said(each) for each in value] if isinstance(value, list) else value


def test_there_are_golden_answers_of_every_format() -> None:
    kinds = [{endpoint.path for _, endpoint, _ in cases} for cases in (WHOLE, BODIES)]
    assert kinds == [{"/chat/completions", "/messages", "/responses"}] * 2
    assert len(WHOLE) > 60


@pytest.mark.parametrize(("endpoint", "stream"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
def test_a_recorded_stream_is_said_again(endpoint: Endpoint, stream: bytes) -> None:
    document = record(endpoint, [stream])
    assert document is not None
    again = record(endpoint, [replay(endpoint, document, wants_usage=True)])
    assert said(parsed(again)) == said(parsed(document))


@pytest.mark.parametrize(("endpoint", "body"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_a_whole_answer_is_said_as_a_stream(endpoint: Endpoint, body: bytes) -> None:
    document = record(endpoint, [body], streamed=False)
    assert document is not None
    again = record(endpoint, [replay(endpoint, document, wants_usage=True)])
    assert said(parsed(again)) == said(parsed(document))


@pytest.mark.parametrize("endpoint", PLAIN, ids=lambda endpoint: endpoint.path)
@pytest.mark.parametrize("directives", [Directives(), Directives(tokens=40), Directives(tokens=3, cached_tokens=1)])
def test_the_simulators_answer_is_the_same_streamed_and_not(endpoint: Endpoint, directives: Directives) -> None:
    request = PLAIN[endpoint]
    stream = simulated(endpoint, request, directives, stream=True)
    body = simulated(endpoint, request, directives, stream=False)
    from_stream, from_body = record(endpoint, [stream]), record(endpoint, [body], streamed=False)
    assert said(parsed(from_stream)) == said(parsed(from_body))
    assert from_body == body
    assert from_stream is not None
    for document in (from_stream, body):
        again = record(endpoint, [replay(endpoint, document, wants_usage=True)])
        assert said(parsed(again)) == said(parsed(from_body))


@pytest.mark.parametrize("endpoint", WITH_TOOLS, ids=lambda endpoint: endpoint.path)
def test_tool_calls_are_the_same_streamed_and_not(endpoint: Endpoint) -> None:
    request = WITH_TOOLS[endpoint]
    stream = simulated(endpoint, request, Directives(tool_calls=2), stream=True)
    body = simulated(endpoint, request, Directives(tool_calls=2), stream=False)
    document = record(endpoint, [stream])
    assert said(parsed(document)) == said(parsed(body))
    assert said(parsed(record(endpoint, [replay(endpoint, body, wants_usage=True)]))) == said(parsed(body))


def test_logprobs_and_alternatives_are_said_again() -> None:
    request = {**PLAIN[CHAT], "n": 3, "logprobs": True, "top_logprobs": 2}
    stream = simulated(CHAT, request, Directives(tokens=5), stream=True)
    body = simulated(CHAT, request, Directives(tokens=5), stream=False)
    assert said(parsed(record(CHAT, [stream]))) == said(parsed(body))
    assert said(parsed(record(CHAT, [replay(CHAT, body, wants_usage=True)]))) == said(parsed(body))


@pytest.mark.parametrize("endpoint", PLAIN, ids=lambda endpoint: endpoint.path)
def test_a_stream_is_recorded_however_it_is_cut(endpoint: Endpoint) -> None:
    stream = simulated(endpoint, PLAIN[endpoint], Directives(tokens=4), stream=True)
    expected = record(endpoint, [stream])
    assert expected is not None
    assert record(endpoint, [stream[at : at + 1] for at in range(len(stream))]) == expected
    for cut in range(len(stream) + 1):
        assert record(endpoint, [stream[:cut], stream[cut:]]) == expected


@pytest.mark.parametrize("endpoint", PLAIN, ids=lambda endpoint: endpoint.path)
def test_a_stream_that_ends_too_early_is_not_kept_wherever_that_is(endpoint: Endpoint) -> None:
    stream = simulated(endpoint, PLAIN[endpoint], Directives(tokens=4), stream=True)
    for length in range(len(stream)):
        assert record(endpoint, [stream[:length]]) is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(PLAIN)), st.lists(st.integers(0, 5000), max_size=8))
def test_pieces_of_any_size(endpoint: Endpoint, cuts: list[int]) -> None:
    stream = simulated(endpoint, PLAIN[endpoint], Directives(tokens=6), stream=True)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert record(endpoint, pieces) == record(endpoint, [stream])


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(), st.text(max_size=20))
def test_any_text_survives(content: str, reasoning: str, tool_input: str) -> None:
    message = {"role": "assistant", "content": content or None, "refusal": None, "reasoning_content": reasoning,
               "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "t", "input": tool_input}}]}  # fmt: skip
    document = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]}  # fmt: skip
    again = record(CHAT, [replay(CHAT, msgspec.json.encode(document), wants_usage=False)])
    assert said(parsed(again)) == _without_empty_texts(said(document))


def _without_empty_texts(document: Any) -> Any:
    message = document["choices"][0]["message"]
    if not message["reasoning_content"]:
        del message["reasoning_content"]
    return document


def test_the_official_chat_client_puts_a_replay_together() -> None:
    request = {**PLAIN[CHAT], "n": 2}
    body = simulated(CHAT, request, Directives(tokens=9), stream=False)
    state = ChatCompletionStreamState()
    for event in replay(CHAT, body, wants_usage=True).split(b"\n\n")[:-2]:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: ")))
    found = state.get_final_completion()
    assert [choice.message.content for choice in found.choices] == [
        choice["message"]["content"] for choice in parsed(body)["choices"]
    ]
    assert found.usage is not None
    assert found.usage.completion_tokens == parsed(body)["usage"]["completion_tokens"]


@pytest.mark.parametrize("directives", [Directives(tokens=9), Directives(tool_calls=2)])
def test_the_official_messages_client_puts_a_replay_together(directives: Directives) -> None:
    body = simulated(MESSAGES, WITH_TOOLS[MESSAGES], directives, stream=False)
    found = messages_stream.final_message([replay(MESSAGES, body, wants_usage=False)])
    assert said(found.model_dump(exclude_unset=True)["content"]) == said(parsed(body)["content"])
    assert (found.stop_reason, found.usage.output_tokens) == (
        parsed(body)["stop_reason"],
        parsed(body)["usage"]["output_tokens"],
    )


@pytest.mark.parametrize(
    ("name", "body"), [(name, body) for name, endpoint, body in BODIES if endpoint == RESPONSES]
)  # fmt: skip
def test_every_event_of_a_replayed_response_is_numbered_and_in_its_place(name: str, body: bytes) -> None:
    events = responses_sdk.events(replay(RESPONSES, body, wants_usage=False))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1] == {"type": "response.completed", "sequence_number": len(events) - 1, "response": parsed(body)}


def test_the_official_responses_client_accepts_every_event_of_a_replay() -> None:
    bodies = [body for name, endpoint, body in BODIES if name.startswith("responses_to_chat/")]
    for body in bodies:
        for event in responses_sdk.events(replay(RESPONSES, body, wants_usage=False)):
            responses_sdk.check_event(event)


def test_a_caller_who_did_not_ask_for_usage_sees_none() -> None:
    body = simulated(CHAT, PLAIN[CHAT], Directives(), stream=False)
    assert b"usage" not in replay(CHAT, body, wants_usage=False)


def test_usage_comes_alone_at_the_end_and_is_null_before() -> None:
    body = simulated(CHAT, PLAIN[CHAT], Directives(tokens=2), stream=False)
    *chunks, last = replay(CHAT, body, wants_usage=True).removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
    assert all(parsed(chunk.removeprefix(b"data: "))["usage"] is None for chunk in chunks)
    assert parsed(last.removeprefix(b"data: "))["choices"] == []


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"error":{"message":"x"}}',
        b'{"choices":[{"index":0,"delta":{"audio":{"id":"a"}}}]}',
        b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"unknown":1}]}}]}',
        b'{"choices":[{"index":"a"}]}',
        b"not JSON",
    ],
)
def test_a_stream_that_could_not_be_said_again_is_not_kept(chunk: bytes) -> None:
    good = b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    assert record(CHAT, [good, b"data: [DONE]\n\n"]) is not None
    assert record(CHAT, [good, b"data: " + chunk + b"\n\n", b"data: [DONE]\n\n"]) is None


@pytest.mark.parametrize("endpoint", PLAIN, ids=lambda endpoint: endpoint.path)
@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b"[]",
        b'{"choices":[1],"content":[1],"output":[1]}',
        b"{",
        b'{"choices":[{}],"content":[{}],"output":[{"type":"message","content":[{}]}]}',
    ],
)
def test_a_document_of_another_shape_cannot_be_said(endpoint: Endpoint, document: bytes) -> None:
    with pytest.raises(Unrepeatable):
        replay(endpoint, document, wants_usage=True)


def test_an_answer_over_the_limit_is_not_kept() -> None:
    body = simulated(CHAT, PLAIN[CHAT], Directives(tokens=100), stream=False)
    for streamed, data in ((False, body), (True, replay(CHAT, body, wants_usage=True))):
        small, large = (recorder(CHAT, streamed=streamed, most_bytes=limit) for limit in (200, len(body) + 50))
        for found in (small, large):
            found.feed(data)
        assert small.finish() is None
        assert large.finish() is not None


def test_embeddings_are_kept_whole_and_do_not_stream() -> None:
    body = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,1e-7]}],"model":"m"}'
    assert record(EMBEDDINGS, [body], streamed=False) == body
    with pytest.raises(ValueError, match="does not stream"):
        recorder(EMBEDDINGS, streamed=True, most_bytes=MOST_BYTES)
    with pytest.raises(ValueError, match="does not stream"):
        replay(EMBEDDINGS, body, wants_usage=False)


def test_a_body_that_is_not_json_is_not_kept() -> None:
    assert record(CHAT, [b"<html>"], streamed=False) is None
    assert record(CHAT, [], streamed=False) is None
