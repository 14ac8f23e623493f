"""The events of a Responses stream, numbered.

Reference: https://platform.openai.com/docs/api-reference/responses-streaming (seen 2026-11-21). Every event has its
type both as the SSE event and in its data, and its place in the stream as `sequence_number`. There is no `[DONE]`.
"""

from typing import Any

import msgspec

from extproc.apischema.openai_responses import numbered_error_event
from extproc.errors import GatewayError

_encode = msgspec.json.encode


class EventWriter:
    """Writes one event after the other, each as a whole SSE event."""

    def __init__(self) -> None:
        self._next = 0

    def write(self, kind: bytes, fields: bytes) -> bytes:
        """`fields` are the event's own, as JSON without the braces."""
        number = self._next
        self._next = number + 1
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (kind, kind, number, fields)

    def response(self, kind: bytes, document: bytes) -> bytes:
        """An event of the response as a whole."""
        return self.write(kind, b'"response":' + document)

    def item(self, kind: bytes, index: int, item: dict[str, Any]) -> bytes:
        """An output item that is added or done."""
        return self.write(kind, b'"output_index":%d,"item":%b' % (index, _encode(item)))

    def error(self, error: GatewayError) -> bytes:
        number = self._next
        self._next = number + 1
        return numbered_error_event(error, number)


class Place:
    """Where in the output something happens: the fields that its events begin with, encoded once."""

    def __init__(self, item_id: str, output_index: int, **inner: int) -> None:
        """`inner` is `content_index` or `summary_index`, if the events have one."""
        self._fields = _encode({"item_id": item_id, "output_index": output_index, **inner})[1:-1]

    def text(self, name: bytes, text: str, more: bytes = b"") -> bytes:
        """The fields of an event about a text; `more` follows it."""
        return self._fields + b',"' + name + b'":' + _encode(text) + more

    def part(self, part: dict[str, Any]) -> bytes:
        return self._fields + b',"part":' + _encode(part)

    def annotation(self, index: int, annotation: dict[str, Any]) -> bytes:
        return self._fields + b',"annotation_index":%d,"annotation":%b' % (index, _encode(annotation))
