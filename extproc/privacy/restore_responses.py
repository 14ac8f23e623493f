"""Restores values in streams of OpenAI Responses events.

Reference: https://platform.openai.com/docs/api-reference/responses-streaming (seen 2026-11-21). Every event `….delta`
whose `delta` is a string adds to a text; whatever ends the text or its item repeats it whole, and is restored whole.
What is held back goes as a delta before that, with a number of its own: so the events that follow are numbered anew.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from extproc.privacy.json_strings import literal_of
from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_channels import Channels, Edited, Place, decode_fields, every, is_string
from extproc.privacy.restore_json import ARGUMENTS, restore_document
from extproc.wire import sse

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_JSON = frozenset({"response.function_call_arguments.delta", "response.mcp_call_arguments.delta"})
_TEXT = "response.output_text.delta"
_BINARY = frozenset({"response.audio.delta"})
_NO_LOGPROBS = Raw(b"[]")
_NUMBER = re.compile(rb'("sequence_number": *)(\d+)')


class _Event(Struct):
    """`delta` is text in some events."""

    type: str = ""
    sequence_number: int | None = None
    output_index: int = -1
    content_index: int = -1
    summary_index: int = -1
    delta: Raw = Raw(b"null")


_decode_event = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.encode


class ResponsesRestorer:
    """`escaping` is that of the answer's text: JSON if the caller asked for JSON."""

    def __init__(self, tokens: Tokens, escaping: Escaping = Escaping.NONE) -> None:
        self._tokens = tokens
        self._channels = Channels(tokens)
        self._text = escaping
        self._json_names = ARGUMENTS | {b"text"} if escaping is Escaping.JSON else ARGUMENTS
        self._deltas: dict[Place, dict[str, Raw]] = {}
        self._inserted = 0

    @property
    def untroubled(self) -> bool:
        return not (self._channels.hold or self._inserted)

    def edit(self, data: bytes) -> Edited:
        event = _decode_event(data)
        if event.type.endswith(".delta") and event.type not in _BINARY and is_string(event.delta):
            return Edited(self._numbered(self._grow(data, event)))
        before = self._written(self._ended_by(event), event.sequence_number)
        return Edited(self._numbered(restore_document(data, self._tokens, self._json_names)), before)

    def end(self) -> bytes:
        return self._written(self._channels.close(every), None)

    def _grow(self, data: bytes, event: _Event) -> bytes:
        place = (event.type, event.output_index, event.content_index, event.summary_index)
        grown = self._channels.feed(place, self._escaping(event.type), event.delta)
        if grown is event.delta:
            return data
        fields = decode_fields(data)
        if self._channels.is_holding(place):
            self._deltas[place] = fields
        return _encode({**fields, "delta": grown})

    def _escaping(self, kind: str) -> Escaping:
        return Escaping.JSON if kind in _JSON else self._text if kind == _TEXT else Escaping.NONE

    def _ended_by(self, event: _Event) -> Mapping[Place, str]:
        if event.type in _ENDS:
            return self._channels.close(every)
        if event.type.endswith(".done"):
            return self._channels.close(lambda place: place[1] == event.output_index)
        return {}

    def _written(self, rests: Mapping[Place, str], number: int | None) -> bytes:
        """The rests as deltas; `number` is what the event that follows was numbered."""
        events = []
        for place, text in rests.items():
            fields = {**self._deltas.pop(place), "delta": Raw(literal_of(text))}
            fields.pop("obfuscation", None)
            if "logprobs" in fields:
                fields["logprobs"] = _NO_LOGPROBS
            if number is not None:
                fields["sequence_number"] = Raw(b"%d" % (number + self._inserted))
                self._inserted += 1
            events.append(sse.encode(_encode(fields), str(place[0])))
        return b"".join(events)

    def _numbered(self, data: bytes) -> bytes:
        if not self._inserted:
            return data
        return _NUMBER.sub(lambda found: b"%b%d" % (found[1], int(found[2]) + self._inserted), data, count=1)
