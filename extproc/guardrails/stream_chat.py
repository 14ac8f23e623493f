"""Guards streams of chat completion chunks and of completion chunks.

References: as `privacy.restore_chat`. A string of a `delta` that is not known to be structure is a text that grows, so
one that a provider adds tomorrow is checked too; anything else is whole. A choice ends with its `finish_reason`: what
is held back of it goes in chunks before that.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.dialect import OPENAI
from extproc.errors import GatewayError
from extproc.guardrails.stream_events import Texts
from extproc.privacy.restore_channels import Edited, Place, decode_fields, every
from extproc.wire import sse

_DONE = b"[DONE]"
_NULL = b"null"
_STRUCTURE = frozenset({"role", "id", "type", "name", "index", "format", "signature", "encrypted_content", "data"})


class _Grows:
    """The shape of a string that grows."""


_TEXT = _Grows()
_CALL = {"arguments": _TEXT}
_DELTA = {
    "tool_calls": [{"function": _CALL, "custom": {"input": _TEXT}}],
    "function_call": _CALL,
    "thinking_blocks": [{"thinking": _TEXT}],
    "reasoning_details": [{"text": _TEXT, "summary": _TEXT}],
    "audio": {"transcript": _TEXT},
}
_SHAPES: Mapping[str, Any] = {"delta": _DELTA, "message": _DELTA, "text": _TEXT}
_ARGUMENTS = "arguments"
_ANSWERS = (("delta", "content"), ("text",))
# What an element needs beside its text, for a caller to know what it is.
_BESIDE = {
    "thinking": {"type": "thinking"},
    "text": {"type": "reasoning.text"},
    "summary": {"type": "reasoning.summary"},
}


class _Choice(Struct):
    index: int = 0
    finish_reason: Raw = Raw(_NULL)


_decode = msgspec.json.Decoder().decode
_decode_choice = msgspec.json.Decoder(_Choice).decode
_decode_choices = msgspec.json.Decoder(list[Raw] | None).decode
_encode = msgspec.json.encode


class ChatGuard:
    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._chunk: Mapping[str, Any] = {}

    def edit(self, data: bytes) -> Edited:
        if data == _DONE:
            return Edited(data, self.end())
        chunk = decode_fields(data)
        choices = _decode_choices(chunk.get("choices", _NULL))
        if not choices:
            return Edited(self._texts.document(data), self.end() if "error" in chunk else b"")
        self._chunk = chunk
        before: list[bytes] = []
        edited = [self._choice(raw, before) for raw in choices]
        if all(new is old for new, old in zip(edited, choices, strict=True)):
            return Edited(data, b"".join(before))
        return Edited(_encode({**chunk, "choices": edited}), b"".join(before))

    def end(self) -> bytes:
        return self._written(self._texts.close(every))

    def refused(self, error: GatewayError) -> bytes:
        return OPENAI.event(error)

    def _choice(self, raw: Raw, before: list[bytes]) -> Raw:
        """A choice with its texts as far as they may go; what must go before it is added to `before`."""
        choice = _decode_choice(raw)
        fields = decode_fields(raw)
        grown: dict[str, Any] = {}
        if bytes(fields.get("logprobs", _NULL)) != _NULL:
            grown["logprobs"] = None
        for name, shape in _SHAPES.items():
            value = _decode(fields[name]) if name in fields else None
            new = self._grown(value, shape, (choice.index, name))
            if new != value:
                grown[name] = new
        if bytes(choice.finish_reason) != _NULL:
            grown |= self._last(choice.index, grown, before)
        return Raw(_encode({**fields, **grown})) if grown else raw

    def _last(self, index: int, grown: Mapping[str, Any], before: list[bytes]) -> Mapping[str, Any]:
        """What is left for the chunk that ends a choice: its own texts go before it, so that they stay in order."""
        texts = {name: grown[name] for name in _SHAPES if name in grown}
        if texts:
            before.append(self._chunk_of({"index": index, **texts, "finish_reason": None}))
        before.append(self._written(self._texts.close(lambda place: place[0] == index)))
        return {name: "" if isinstance(text, str) else {} for name, text in texts.items()}

    def _grown(self, value: Any, shape: Any, place: Place) -> Any:
        """A value with its texts as far as they may go."""
        if isinstance(value, str) and shape is _TEXT:
            return self._texts.feed(place, value, is_json=place[-1] == _ARGUMENTS, is_answer=place[1:] in _ANSWERS)
        if isinstance(value, dict) and isinstance(shape, Mapping) and not value.get("signature"):
            self._called(value, place)
            return {name: self._member(name, member, shape, place) for name, member in value.items()}
        if isinstance(value, list) and isinstance(shape, list):
            return [self._grown(each, shape[0], (*place, _index(each, at))) for at, each in enumerate(value)]
        return self._whole(value) if isinstance(value, dict | list | str) else value

    def _member(self, name: str, value: Any, shape: Mapping[str, Any], place: Place) -> Any:
        if isinstance(value, str) and name in _STRUCTURE:
            return value
        inner = shape.get(name, _TEXT if isinstance(value, str) else None)
        return self._grown(value, inner, (*place, name))

    def _whole(self, value: Any) -> Any:
        """What comes in one piece, an annotation or what is signed."""
        data = _encode({"delta": value})
        checked = self._texts.document(data)
        return value if checked is data else _decode(checked)["delta"]

    def _called(self, value: Mapping[str, Any], place: Place) -> None:
        """The tool that a call names, in the chunk that begins it: some servers name none in those that follow."""
        name = value.get("name")
        if name and isinstance(name, str) and not {"tool_calls", "function_call"}.isdisjoint(place):
            self._texts.tools((name,))

    def _written(self, rests: Mapping[Place, str]) -> bytes:
        return b"".join(self._rest(place, text) for place, text in rests.items())

    def _rest(self, place: Place, text: str) -> bytes:
        """A chunk that adds `text` to what is at a place, and nothing else."""
        value: Any = text
        for step, inner in zip(place[:0:-1], (None, *place[:1:-1]), strict=True):
            value = (
                {step: value} if isinstance(step, str) else [{"index": step, **_BESIDE.get(str(inner), {}), **value}]
            )
        return self._chunk_of({"index": place[0], **value, "finish_reason": None})

    def _chunk_of(self, choice: Mapping[str, Any]) -> bytes:
        head = {name: field for name, field in self._chunk.items() if name != "usage"}
        return sse.encode(_encode({**head, "choices": [choice]}))


def _index(element: Any, at: int) -> int:
    index = element.get("index") if isinstance(element, dict) else None
    return index if isinstance(index, int) else at
