"""Streams of Anthropic's Messages events, put together to the whole message.

Reference: https://platform.claude.com/docs/en/build-with-claude/streaming (seen 2026-11-21). The head comes with
`message_start`, the content block by block, the end with `message_delta`; `ping` says nothing. An event or a delta of
another type, which the format may bring at any time, is not one that could be said again.
"""

from typing import Any

import msgspec
from msgspec import Raw

from extproc.cache.document import Fields, decode_fields, encode
from extproc.cache.unrepeatable import Unrepeatable
from extproc.wire import sse

_NULL = b"null"
_NO_INPUT = b"{}"
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class _Delta(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: Raw = Raw()


class _Event(msgspec.Struct):
    """Which fields count depends on `type`."""

    type: str
    index: int = 0
    message: Fields | None = None
    content_block: Fields | None = None
    delta: Raw = Raw(b"{}")
    usage: Fields | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_delta = msgspec.json.Decoder(_Delta).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_list = msgspec.json.Decoder(list[Raw] | None).decode


class _Block:
    """A content block under way: as it began, and what was added to each of its fields."""

    def __init__(self, start: Fields) -> None:
        self._start = start
        self._grown: dict[str, list[str]] = {}
        self._citations: list[Raw] = []

    def add(self, delta: _Delta) -> None:
        if delta.type == "text_delta":
            self._grow("text", delta.text)
        elif delta.type == "input_json_delta":
            self._grow("input", delta.partial_json)
        elif delta.type == "thinking_delta":
            self._grow("thinking", delta.thinking)
        elif delta.type == "signature_delta":
            self._grow("signature", delta.signature)
        elif delta.type == "citations_delta" and bytes(delta.citation):
            self._citations.append(delta.citation)
        else:
            raise Unrepeatable

    def document(self) -> dict[str, Any]:
        whole: dict[str, Any] = dict(self._start)
        for name, pieces in self._grown.items():
            whole[name] = self._input(pieces) if name == "input" else self._text(name, pieces)
        if self._citations:
            began = _decode_list(self._start.get("citations", Raw(_NULL))) or []
            whole["citations"] = [*began, *self._citations]
        return whole

    def _grow(self, name: str, text: str) -> None:
        self._grown.setdefault(name, []).append(text)

    def _text(self, name: str, pieces: list[str]) -> str:
        return _decode_text(self._start.get(name, Raw(b'""'))) + "".join(pieces)

    def _input(self, pieces: list[str]) -> Raw:
        """The pieces are one JSON object; where they say nothing, the block began with its input."""
        text = "".join(pieces).encode()
        if not text:
            return self._start.get("input", Raw(_NO_INPUT))
        _decode_object(text)
        return Raw(text)


class MessagesAssembly:
    """A message under way."""

    def __init__(self) -> None:
        self._message: Fields | None = None
        self._usage: Fields = {}
        self._blocks: dict[int, _Block] = {}
        self._open: set[int] = set()
        self._ended = False

    def add(self, event: sse.Event) -> None:
        found = _decode_event(event.data)
        if found.type == "ping":
            return
        if self._ended or (self._message is None) != (found.type == "message_start"):
            raise Unrepeatable
        if found.type == "message_start":
            self._begin(found.message or {})
        elif found.type == "content_block_start":
            self._begin_block(found.index, found.content_block or {})
        elif found.type == "content_block_delta":
            self._block(found.index).add(_decode_delta(found.delta))
        elif found.type == "content_block_stop":
            self._block(found.index)
            self._open.discard(found.index)
        elif found.type == "message_delta":
            self._end(decode_fields(found.delta), found.usage or {})
        elif found.type == "message_stop":
            self._ended = True
        else:
            raise Unrepeatable

    def document(self) -> bytes:
        if self._message is None or not self._ended or self._open:
            raise Unrepeatable
        content = [self._blocks[index].document() for index in sorted(self._blocks)]
        usage = {"usage": self._usage} if self._usage else {}
        return encode({**self._message, "content": content, **usage})

    def _begin(self, message: Fields) -> None:
        self._message = message
        if "usage" in message:
            self._usage = decode_fields(message["usage"])

    def _begin_block(self, index: int, start: Fields) -> None:
        if index in self._blocks:
            raise Unrepeatable
        self._blocks[index] = _Block(start)
        self._open.add(index)

    def _block(self, index: int) -> _Block:
        if index not in self._open:
            raise Unrepeatable
        return self._blocks[index]

    def _end(self, delta: Fields, usage: Fields) -> None:
        self._message = {**(self._message or {}), **delta}
        self._usage |= {name: value for name, value in usage.items() if bytes(value) != _NULL}
