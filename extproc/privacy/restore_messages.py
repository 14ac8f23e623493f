"""Restores values in streams of Anthropic Messages events.

Reference: https://platform.claude.com/docs/en/build-with-claude/streaming (seen 2026-11-21). A content block is a
channel; what is held back of it goes as a delta before its `content_block_stop`. Signatures are not touched; citations
come whole.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Struct, UnsetType

from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_channels import Channels, Edited, Place, decode_fields, every, is_string
from extproc.privacy.restore_json import restore_document
from extproc.wire import sse

_DELTA = "content_block_delta"
_ENDS = frozenset({"message_delta", "message_stop", "error"})
# The member that grows, for each type of delta; and for a block's beginning, the type of delta that goes on with it.
_MEMBERS = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
_BEGINNINGS = {"text": "text_delta", "thinking": "thinking_delta"}


class _Kind(Struct):
    type: str = ""


class _Event(Struct):
    type: str = ""
    index: int = -1
    delta: _Kind | UnsetType = UNSET
    content_block: _Kind | UnsetType = UNSET


_decode_event = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.encode


class MessagesRestorer:
    """`escaping` is that of the answer's text: JSON if the caller asked for JSON."""

    def __init__(self, tokens: Tokens, escaping: Escaping = Escaping.NONE) -> None:
        self._tokens = tokens
        self._channels = Channels(tokens)
        self._escaping = {"text_delta": escaping, "input_json_delta": Escaping.JSON, "thinking_delta": Escaping.NONE}

    @property
    def untroubled(self) -> bool:
        return not self._channels.hold

    def edit(self, data: bytes) -> Edited:
        event = _decode_event(data)
        if event.type == _DELTA and event.delta is not UNSET:
            return Edited(self._grow(data, "delta", event.index, event.delta.type))
        if event.type == "content_block_start" and event.content_block is not UNSET:
            kind = _BEGINNINGS.get(event.content_block.type, "")
            return Edited(self._grow(data, "content_block", event.index, kind))
        return Edited(restore_document(data, self._tokens), self._ended_by(event))

    def end(self) -> bytes:
        return _written(self._channels.close(every))

    def _grow(self, data: bytes, member: str, index: int, kind: str) -> bytes:
        name = _MEMBERS.get(kind)
        fields = decode_fields(data)
        inner = decode_fields(fields[member])
        raw = inner.get(name) if name is not None else None
        if name is None or raw is None or not is_string(raw):
            return restore_document(data, self._tokens) if kind != "signature_delta" else data
        grown = self._channels.feed((index, kind), self._escaping[kind], raw)
        return data if grown is raw else _encode({**fields, member: {**inner, name: grown}})

    def _ended_by(self, event: _Event) -> bytes:
        if event.type == "content_block_stop":
            return _written(self._channels.close(lambda place: place[0] == event.index))
        return self.end() if event.type in _ENDS else b""


def _written(rests: Mapping[Place, str]) -> bytes:
    return b"".join(_delta(place, text) for place, text in rests.items())


def _delta(place: Place, text: str) -> bytes:
    index, kind = place
    delta = {"type": kind, _MEMBERS[str(kind)]: text}
    return sse.encode(_encode({"type": _DELTA, "index": index, "delta": delta}), _DELTA)
