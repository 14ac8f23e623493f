"""Restores values in streams of chat completion chunks and of completion chunks.

References: https://platform.openai.com/docs/api-reference/chat/streaming, https://docs.litellm.ai/docs/reasoning_content
(`reasoning_content`, `thinking_blocks`), https://openrouter.ai/docs/use-cases/reasoning-tokens (`reasoning`,
`reasoning_details`); all seen 2026-11-21.

Every text of every choice grows on its own, whatever the order of the chunks. A choice ends with its `finish_reason`:
what is held back goes in a chunk before it, or in that chunk if it adds to the same text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.malformed import MALFORMED
from extproc.privacy.json_strings import literal_of
from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_channels import Channels, Edited, Place, decode_fields, every, is_string
from extproc.privacy.restore_json import restore_document, restore_raw
from extproc.wire import sse

_DONE = b"[DONE]"
_NOT_YET = (b"null", b'""')  # as `finish_reason`: some compatible servers send an empty one
_LOGPROBS = "logprobs"  # they are about the tokens that the model wrote
_OPEN_ARRAY = ord("[")


@dataclass(frozen=True, slots=True)
class _Elements:
    """A list whose elements grow; they are told apart by their `index`, or by their place."""

    each: "Mapping[str, _Shape]"


_Shape: TypeAlias = "Escaping | _Elements | Mapping[str, _Shape]"

_TEXT = Escaping.NONE
_CALL = {"arguments": Escaping.JSON}
_DELTA: Mapping[str, _Shape] = {
    "content": _TEXT,
    "refusal": _TEXT,
    "reasoning_content": _TEXT,
    "reasoning": _TEXT,
    "tool_calls": _Elements({"function": _CALL, "custom": {"input": _TEXT}}),
    "function_call": _CALL,
    "thinking_blocks": _Elements({"thinking": _TEXT}),
    "reasoning_details": _Elements({"text": _TEXT, "summary": _TEXT}),
    "audio": {"transcript": _TEXT},
}
# What an element needs beside its text, for a caller to know what it is.
_BESIDE = {
    "thinking": {"type": "thinking"},
    "text": {"type": "reasoning.text"},
    "summary": {"type": "reasoning.summary"},
}


class _Choice(Struct):
    index: int = 0
    finish_reason: Raw = Raw(b"null")


class _Element(Struct):
    index: int | None = None
    signature: str | None = None


_decode_choice = msgspec.json.Decoder(_Choice).decode
_decode_element = msgspec.json.Decoder(_Element).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.encode


class ChatRestorer:
    """`escaping` is that of the answer's text: JSON if the caller asked for JSON."""

    def __init__(self, tokens: Tokens, escaping: Escaping = Escaping.NONE) -> None:
        self._tokens = tokens
        self._channels = Channels(tokens)
        self._shape: _Shape = {"text": escaping, "delta": {**_DELTA, "content": escaping}}
        self._chunk: Mapping[str, Any] = {}

    @property
    def untroubled(self) -> bool:
        return not self._channels.hold

    def edit(self, data: bytes) -> Edited:
        if data == _DONE:
            return Edited(data, self.end())
        chunk = decode_fields(data)
        choices = _elements(chunk.get("choices"))
        if not choices:
            return Edited(restore_document(data, self._tokens), self.end() if "error" in chunk else b"")
        self._chunk = chunk
        edited, before = [], b""
        for raw in choices:
            choice = _decode_choice(raw)
            last = bytes(choice.finish_reason) not in _NOT_YET
            edited.append(self._grow(raw, self._shape, (choice.index,), last=last))
            if last:
                before += self._close(choice.index)
        if all(new is old for new, old in zip(edited, choices, strict=True)):
            return Edited(data, before)
        return Edited(_encode({**chunk, "choices": edited}), before)

    def end(self) -> bytes:
        return self._written(self._channels.close(every))

    def _close(self, choice: int) -> bytes:
        return self._written(self._channels.close(lambda place: place[0] == choice))

    def _grow(self, raw: Raw, shape: "_Shape | None", place: Place, *, last: bool) -> Raw:
        """A value with its texts restored as far as they have come; the very value, if it stays the same."""
        if isinstance(shape, Escaping) and is_string(raw):
            return self._channels.feed(place, shape, raw, last=last)
        if isinstance(shape, _Elements):
            return self._grow_elements(raw, shape, place, last=last)
        if not isinstance(shape, Mapping):
            return raw if place[-1] == _LOGPROBS else restore_raw(raw, self._tokens)
        try:
            fields = decode_fields(raw)
        except MALFORMED:
            return restore_raw(raw, self._tokens)  # null, or of a type we do not know
        grown = {name: self._grow(value, shape.get(name), (*place, name), last=last) for name, value in fields.items()}
        return raw if all(grown[name] is fields[name] for name in fields) else Raw(_encode(grown))

    def _grow_elements(self, raw: Raw, shape: _Elements, place: Place, *, last: bool) -> Raw:
        elements = _elements(raw)
        if not elements:
            return restore_raw(raw, self._tokens)
        grown = []
        for at, element in enumerate(elements):
            head = _decode_element(element)
            # What is signed is whole.
            each = None if head.signature else shape.each
            index = at if head.index is None else head.index
            grown.append(self._grow(element, each, (*place, index), last=last))
        return raw if all(new is old for new, old in zip(grown, elements, strict=True)) else Raw(_encode(grown))

    def _written(self, rests: Mapping[Place, str]) -> bytes:
        return b"".join(sse.encode(self._chunk_of(place, text)) for place, text in rests.items())

    def _chunk_of(self, place: Place, text: str) -> bytes:
        """A chunk that adds `text` to what is at a place, and nothing else."""
        value: Any = Raw(literal_of(text))
        name = ""
        for step in place[:0:-1]:
            if isinstance(step, str):
                name, value = step, {step: value}
            else:
                value = [{"index": step, **_BESIDE.get(name, {}), **value}]
        choice = {"index": place[0], **value, "finish_reason": None}
        head = {name: field for name, field in self._chunk.items() if name != "usage"}
        return _encode({**head, "choices": [choice]})


def _elements(raw: Raw | None) -> list[Raw]:
    return _decode_list(raw) if raw is not None and memoryview(raw)[0] == _OPEN_ARRAY else []
