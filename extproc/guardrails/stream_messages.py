"""Guards streams of Anthropic Messages events.

Reference: as `privacy.restore_messages`. A content block is a text; what is held back of it goes as a delta before its
`content_block_stop`. A schema is checked block by block: providers give JSON in one.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.apischema.dialect import ANTHROPIC
from extproc.errors import GatewayError
from extproc.guardrails.answer_view import tool_of
from extproc.guardrails.stream_events import Texts
from extproc.privacy.restore_channels import Edited, Place, decode_fields, every, is_string
from extproc.wire import sse

_DELTA = "content_block_delta"
_SIGNATURE = "signature_delta"
_ENDS = frozenset({"message_delta", "message_stop", "error"})
# The member that grows, for each type of delta; and for a block's beginning, the type of delta that goes on with it.
_MEMBERS = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
_BEGINNINGS = {"text": "text_delta", "thinking": "thinking_delta"}


class _Kind(Struct):
    type: str = ""
    name: str | None = None


class _Event(Struct):
    type: str = ""
    index: int = -1
    delta: _Kind | UnsetType = UNSET
    content_block: _Kind | UnsetType = UNSET


_decode_event = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.encode


class MessagesGuard:
    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def edit(self, data: bytes) -> Edited:
        event = _decode_event(data)
        if event.type == _DELTA and event.delta is not UNSET:
            return Edited(self._grow(data, "delta", event.index, event.delta.type))
        if event.type == "content_block_start" and event.content_block is not UNSET:
            block = event.content_block
            tool = tool_of(block.type, block.name)
            self._texts.tools(() if tool is None else (tool,))
            return Edited(self._grow(data, "content_block", event.index, _BEGINNINGS.get(block.type, "")))
        return Edited(self._texts.document(data), self._ended_by(event))

    def end(self) -> bytes:
        return _written(self._texts.close(every))

    def refused(self, error: GatewayError) -> bytes:
        return ANTHROPIC.event(error)

    def _grow(self, data: bytes, member: str, index: int, kind: str) -> bytes:
        name = _MEMBERS.get(kind)
        fields = decode_fields(data)
        inner = decode_fields(fields[member])
        raw = inner.get(name) if name is not None else None
        if name is None or raw is None or not is_string(raw):
            return data if kind == _SIGNATURE else self._texts.document(data)
        grown = self._feed((index, kind), raw)
        return data if grown is raw else _encode({**fields, member: {**inner, name: grown}})

    def _feed(self, place: Place, raw: Raw) -> Raw:
        kind = place[1]
        return self._texts.feed_raw(place, raw, is_json=kind == "input_json_delta", is_answer=kind == "text_delta")

    def _ended_by(self, event: _Event) -> bytes:
        if event.type == "content_block_stop":
            return _written(self._texts.close(lambda place: place[0] == event.index))
        return self.end() if event.type in _ENDS else b""


def _written(rests: Mapping[Place, str]) -> bytes:
    return b"".join(_delta(place, text) for place, text in rests.items())


def _delta(place: Place, text: str) -> bytes:
    index, kind = place
    delta = {"type": kind, _MEMBERS[str(kind)]: text}
    return sse.encode(_encode({"type": _DELTA, "index": index, "delta": delta}), _DELTA)
