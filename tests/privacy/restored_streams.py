"""Streams of every dialect, made of pieces of texts and read back into texts.

A channel is one text of a stream. `Dialect.channels` are the ones that its streams here have.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_stream import restored
from extproc.wire.sse import Decoder, encode
from tests.privacy.redaction_fakes import Unchanged

Texts = dict[str, str]


@dataclass(frozen=True)
class Dialect:
    """`piece` is the event that adds text to a channel, `ends` the events that end a stream, `read` gets the texts."""

    endpoint: Endpoint
    channels: dict[str, Escaping]
    piece: Callable[[str, str], bytes]
    ends: Callable[[Texts], bytes]
    read: Callable[[list[Any]], Texts]

    def stream(self, pieces: Iterable[tuple[str, str]]) -> bytes:
        texts: Texts = {}
        events = b""
        for channel, text in pieces:
            texts[channel] = texts.get(channel, "") + text
            events += self.piece(channel, text)
        return events + self.ends(texts)


def restore(endpoint: Endpoint, pieces: Iterable[bytes], tokens: Tokens, rest: bytes = b"") -> bytes:
    response = restored(Unchanged(rest), tokens, endpoint, Escaping.NONE, streamed=True)
    return b"".join([response.feed(piece) for piece in pieces] + [response.finish()])


def documents(stream: bytes) -> list[Any]:
    decoder = Decoder()
    return [json.loads(event.data) for event in decoder.feed(stream) + decoder.finish() if event.data != b"[DONE]"]


def _add(texts: Texts, channel: str, text: str | None) -> None:
    if text:
        texts[channel] = texts.get(channel, "") + text


def _dump(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


# --- chat -------------------------------------------------------------------------------------------------------------

_DELTAS: dict[str, Callable[[str], Any]] = {
    "content": lambda text: {"content": text},
    "refusal": lambda text: {"refusal": text},
    "reasoning_content": lambda text: {"reasoning_content": text},
    "call 0": lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
    "call 1": lambda text: {"tool_calls": [{"index": 1, "function": {"arguments": text}}]},
    "thinking": lambda text: {"thinking_blocks": [{"type": "thinking", "thinking": text}]},
    "detail": lambda text: {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": text}]},
    "function": lambda text: {"function_call": {"arguments": text}},
}
_ARGUMENTS = ("call 0", "call 1", "function")


def chunk(choice: int, delta: Any, finish_reason: str | None = None) -> bytes:
    choices = [{"index": choice, "delta": delta, "finish_reason": finish_reason}]
    return encode(
        _dump({"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices})
    )


def _chat_piece(channel: str, text: str) -> bytes:
    choice, _, name = channel.partition(" ")
    return chunk(int(choice), _DELTAS[name](text))


def _chat_ends(texts: Texts) -> bytes:
    ends = b"".join(chunk(choice, {}, "stop") for choice in (0, 1))
    return ends + encode(b'{"id":"c-1","choices":[],"usage":{"total_tokens":1.0}}') + encode(b"[DONE]")


def _read_chat(events: list[Any]) -> Texts:
    texts: Texts = {}
    for choice in (choice for event in events for choice in event["choices"]):
        delta, at = choice["delta"], choice["index"]
        for name in ("content", "refusal", "reasoning_content"):
            _add(texts, f"{at} {name}", delta.get(name))
        for call in delta.get("tool_calls", ()):
            _add(texts, f"{at} call {call['index']}", call["function"]["arguments"])
        for block in delta.get("thinking_blocks", ()):
            _add(texts, f"{at} {block['type']}", block["thinking"])
        for detail in delta.get("reasoning_details", ()):
            _add(texts, f"{at} detail", detail["text"] if detail["type"] == "reasoning.text" else None)
        _add(texts, f"{at} function", delta.get("function_call", {}).get("arguments"))
    return texts


_CHAT_CHANNELS = {
    f"{choice} {name}": Escaping.JSON if name in _ARGUMENTS else Escaping.NONE for choice in (0, 1) for name in _DELTAS
}


# --- completions ------------------------------------------------------------------------------------------------------


def _completion(choice: int, text: str, finish_reason: str | None) -> bytes:
    return encode(_dump({"id": "c-1", "choices": [{"text": text, "index": choice, "finish_reason": finish_reason}]}))


def _read_completions(events: list[Any]) -> Texts:
    texts: Texts = {}
    for choice in (choice for event in events for choice in event["choices"]):
        _add(texts, str(choice["index"]), choice["text"])
    return texts


# --- Messages ---------------------------------------------------------------------------------------------------------

_BLOCKS = {
    "0": ("thinking", "thinking_delta", "thinking"),
    "1": ("text", "text_delta", "text"),
    "2": ("tool_use", "input_json_delta", "partial_json"),
    "3": ("tool_use", "input_json_delta", "partial_json"),
}


def event(kind: str, **fields: Any) -> bytes:
    return encode(_dump({"type": kind, **fields}), kind)


def _messages_piece(channel: str, text: str) -> bytes:
    _, kind, name = _BLOCKS[channel]
    return event("content_block_delta", index=int(channel), delta={"type": kind, name: text})


def _messages_ends(texts: Texts) -> bytes:
    stops = b"".join(event("content_block_stop", index=int(channel)) for channel in texts)
    return stops + event("message_delta", delta={"stop_reason": "end_turn"}) + event("message_stop")


def _read_messages(events: list[Any]) -> Texts:
    texts: Texts = {}
    stopped = set()
    for one in events:
        if one["type"] == "content_block_stop":
            stopped.add(one["index"])
        if one["type"] == "content_block_delta":
            assert one["index"] not in stopped
            channel = str(one["index"])
            assert one["delta"]["type"] == _BLOCKS[channel][1]
            _add(texts, channel, one["delta"][_BLOCKS[channel][2]])
    return texts


# --- Responses --------------------------------------------------------------------------------------------------------

_ITEMS = {
    "0": ("response.reasoning_summary_text", "text", "summary_index"),
    "1": ("response.output_text", "text", "content_index"),
    "2": ("response.function_call_arguments", "arguments", None),
    "3": ("response.custom_tool_call_input", "input", None),
    "4": ("response.refusal", "refusal", "content_index"),
}


def _place(channel: str) -> dict[str, Any]:
    inner = _ITEMS[channel][2]
    return {"item_id": f"i{channel}", "output_index": int(channel), **({inner: 0} if inner else {})}


def _responses_piece(channel: str, text: str) -> bytes:
    return event(f"{_ITEMS[channel][0]}.delta", sequence_number=0, **_place(channel), delta=text)


def _responses_ends(texts: Texts) -> bytes:
    events = b""
    for channel, text in texts.items():
        kind, name, _ = _ITEMS[channel]
        events += event(f"{kind}.done", sequence_number=0, **_place(channel), **{name: text})
    output = [{"type": "x", _ITEMS[channel][1]: text} for channel, text in texts.items()]
    return events + event("response.completed", sequence_number=0, response={"output": output})


def _read_responses(events: list[Any]) -> Texts:
    """What the deltas add up to; what is repeated whole must be the same."""
    texts: Texts = {}
    for one in events:
        channel = str(one.get("output_index"))
        if one["type"].endswith(".delta"):
            _add(texts, channel, one["delta"])
        elif one["type"].endswith(".done"):
            assert one[_ITEMS[channel][1]] == texts.get(channel, "")
    if not events or "response" not in events[-1]:
        return texts
    whole = [next(text for name, text in item.items() if name != "type") for item in events[-1]["response"]["output"]]
    assert sorted(text for text in whole if text) == sorted(texts.values())
    return texts


DIALECTS = {
    "chat": Dialect(CHAT, _CHAT_CHANNELS, _chat_piece, _chat_ends, _read_chat),
    "completions": Dialect(
        COMPLETIONS,
        {"0": Escaping.NONE, "1": Escaping.NONE},
        lambda channel, text: _completion(int(channel), text, None),
        lambda texts: _completion(0, "", "stop") + _completion(1, "", "length"),
        _read_completions,
    ),
    "messages": Dialect(
        MESSAGES,
        {channel: Escaping.JSON if channel in "23" else Escaping.NONE for channel in _BLOCKS},
        _messages_piece,
        _messages_ends,
        _read_messages,
    ),
    "responses": Dialect(
        RESPONSES,
        {channel: Escaping.JSON if channel == "2" else Escaping.NONE for channel in _ITEMS},
        _responses_piece,
        _responses_ends,
        _read_responses,
    ),
}
