"""What every translator to OpenAI's chat format must keep to, as checks over golden cases."""

from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import Raw
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion

from extproc.apischema.endpoints import CHAT
from extproc.translator.base import Call
from tests.translator.golden import Case, translate

DONE = b"data: [DONE]\n\n"
EXTENSIONS = {"reasoning_content", "thinking_blocks", "annotations"}


def names(chosen: list[Case]) -> list[str]:
    return [case.directory.name for case in chosen]


def requests(cases: list[Case]) -> list[Case]:
    """The cases with a request that the backend may have."""
    return [case for case in cases if case.has("upstream.json") and b'"path"' in case.read("upstream.json")]


def answers(cases: list[Case]) -> list[Case]:
    """The cases with a whole answer that the caller may have."""
    return [case for case in cases if case.has("caller.json") and b'"choices"' in case.read("caller.json")]


def chunks(stream: bytes) -> list[dict[str, Any]]:
    events = [event.removeprefix(b"data: ") for event in stream.split(b"\n\n") if event]
    assert events[-1] == b"[DONE]"
    return [msgspec.json.decode(event) for event in events[:-1]]


def check_byte_by_byte(golden: Case) -> None:
    stream = golden.stream()
    pieces = [stream[at : at + 1] for at in range(len(stream))]
    assert translate(golden.response(streamed=True), pieces) == golden.read("caller.sse")


def check_every_cut(golden: Case) -> None:
    stream, expected = golden.stream(), golden.read("caller.sse")
    for cut in range(len(stream) + 1):
        assert translate(golden.response(streamed=True), [stream[:cut], stream[cut:]]) == expected


def check_random_pieces(golden: Case, data: st.DataObject) -> None:
    stream = golden.stream()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert translate(golden.response(streamed=True), pieces) == golden.read("caller.sse")


def check_cut_off(golden: Case, length: int) -> None:
    """A stream of which only the beginning comes ends with an error, or was complete."""
    response = golden.response(streamed=True)
    out = chunks(translate(response, [golden.stream()[:length]]))
    failed = bool(out) and "error" in out[-1]
    assert response.outcome.complete != failed
    assert response.outcome.error == (out[-1]["error"]["type"] if failed else "")


def check_wrong_byte(golden: Case, at: int, byte: int) -> None:
    stream = bytearray(golden.stream() or b"\n")
    stream[at % len(stream)] = byte
    assert translate(golden.response(streamed=True), [bytes(stream)]).endswith(DONE)


def check_whole_byte_by_byte(golden: Case) -> None:
    body = golden.read("response.json")
    whole = translate(golden.response(streamed=False), [body])
    assert translate(golden.response(streamed=False), [body[at : at + 1] for at in range(len(body))]) == whole


def check_sdk_reads_answer(golden: Case) -> None:
    answer = ChatCompletion.model_validate_json(golden.read("caller.json"), strict=True)
    assert not answer.model_extra
    for choice in answer.choices:
        assert not choice.model_extra
        assert set(choice.message.model_extra or ()) <= EXTENSIONS


def check_sdk_reads_chunks(golden: Case) -> None:
    for chunk in read_chunks(golden):
        assert not chunk.model_extra
        for choice in chunk.choices:
            assert not choice.model_extra
            assert set(choice.delta.model_extra or ()) <= EXTENSIONS


def read_chunks(golden: Case) -> Iterator[ChatCompletionChunk]:
    for chunk in chunks(golden.read("caller.sse")):
        if "error" not in chunk:
            yield ChatCompletionChunk.model_validate_json(msgspec.json.encode(chunk), strict=True)


def put_together(golden: Case) -> ParsedChatCompletion[None]:
    """A streamed answer as the SDK adds it up."""
    state = ChatCompletionStreamState()
    for chunk in read_chunks(golden):
        state.handle_chunk(chunk)
    return state.get_final_completion()


def call(fields: dict[str, Any]) -> Call:
    """A chat call with these fields."""
    body = msgspec.json.encode({"model": "chat", **fields})
    return Call(CHAT, "/v1/chat/completions", body, msgspec.json.decode(body, type=dict[str, Raw]), "chat")
