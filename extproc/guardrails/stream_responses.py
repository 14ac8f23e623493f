"""Guards streams of OpenAI Responses events.

Reference: as `privacy.restore_responses`. Every event `….delta` whose `delta` is a string adds to a text; whatever ends
the text or its item repeats it whole, and is checked whole. What is held back goes as a delta before that, with a
number of its own: so the events that follow are numbered anew.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.openai_responses import numbered_error_event
from extproc.errors import GatewayError
from extproc.guardrails.answer_view import tool_of
from extproc.guardrails.stream_events import Texts
from extproc.privacy.json_strings import literal_of
from extproc.privacy.restore_channels import Edited, Place, decode_fields, every, is_string
from extproc.wire import sse

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_JSON = frozenset({"response.function_call_arguments.delta", "response.mcp_call_arguments.delta"})
_TEXT = "response.output_text.delta"
_BINARY = frozenset({"response.audio.delta"})
_OF_ONE_DELTA = ("logprobs", "obfuscation")
_NUMBER = re.compile(rb'("sequence_number": *)(\d+)')


class _Item(Struct):
    type: str = ""
    name: str | None = None


class _Event(Struct):
    """`delta` is text in some events."""

    type: str = ""
    sequence_number: int | None = None
    output_index: int = -1
    content_index: int = -1
    summary_index: int = -1
    delta: Raw = Raw(b"null")
    item: _Item | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.encode


class ResponsesGuard:
    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._deltas: dict[Place, Mapping[str, Raw]] = {}
        self._inserted = 0
        self._number = -1

    def edit(self, data: bytes) -> Edited:
        event = _decode_event(data)
        if event.type.endswith(".delta") and event.type not in _BINARY and is_string(event.delta):
            edited = Edited(self._numbered(self._grow(data, event)))
        else:
            edited = self._whole(data, event)
        self._number = self._number if event.sequence_number is None else event.sequence_number
        return edited

    def end(self) -> bytes:
        return self._written(self._texts.close(every), None)

    def refused(self, error: GatewayError) -> bytes:
        return numbered_error_event(error, self._number + self._inserted + 1)

    def _whole(self, data: bytes, event: _Event) -> Edited:
        tool = tool_of(event.item.type, event.item.name) if event.item is not None else None
        self._texts.tools(() if tool is None else (tool,))
        before = self._written(self._ended_by(event), event.sequence_number)
        return Edited(self._numbered(self._texts.document(data, repeats=True)), before)

    def _grow(self, data: bytes, event: _Event) -> bytes:
        place = (event.type, event.output_index, event.content_index, event.summary_index)
        grown = self._texts.feed_raw(place, event.delta, is_json=event.type in _JSON, is_answer=event.type == _TEXT)
        fields = decode_fields(data)
        self._deltas[place] = fields
        if grown is event.delta and "logprobs" not in fields:
            return data
        told = {"logprobs": Raw(b"[]")} if "logprobs" in fields else {}
        return _encode({**fields, **told, "delta": grown})

    def _ended_by(self, event: _Event) -> Mapping[Place, str]:
        if event.type in _ENDS:
            return self._texts.close(every)
        if event.type.endswith(".done"):
            return self._texts.close(lambda place: place[1] == event.output_index)
        return {}

    def _written(self, rests: Mapping[Place, str], number: int | None) -> bytes:
        """The rests as deltas; `number` is what the event that follows was numbered."""
        events = []
        for place, text in rests.items():
            fields = {name: field for name, field in self._deltas.pop(place).items() if name not in _OF_ONE_DELTA}
            fields["delta"] = Raw(literal_of(text))
            if number is not None:
                fields["sequence_number"] = Raw(b"%d" % (number + self._inserted))
                self._inserted += 1
            events.append(sse.encode(_encode(fields), str(place[0])))
        return b"".join(events)

    def _numbered(self, data: bytes) -> bytes:
        if not self._inserted:
            return data
        return _NUMBER.sub(lambda found: b"%b%d" % (found[1], int(found[2]) + self._inserted), data, count=1)
