"""Streams of Responses events: the last one holds the whole response.

Reference: https://platform.openai.com/docs/api-reference/responses-streaming (seen 2026-11-21).
"""

import msgspec
from msgspec import Raw

from extproc.cache.unrepeatable import Unrepeatable
from extproc.wire import sse


class _Event(msgspec.Struct):
    type: str = ""
    response: Raw = Raw(b"")


_decode_event = msgspec.json.Decoder(_Event).decode


class ResponsesAssembly:
    """Waits for `response.completed`; one that is cut short or fails ends otherwise."""

    def __init__(self) -> None:
        self._response = b""

    def add(self, event: sse.Event) -> None:
        if self._response:
            raise Unrepeatable
        found = _decode_event(event.data)
        if found.type == "error":
            raise Unrepeatable
        if found.type == "response.completed":
            self._response = bytes(found.response)

    def document(self) -> bytes:
        if not self._response:
            raise Unrepeatable
        return self._response
