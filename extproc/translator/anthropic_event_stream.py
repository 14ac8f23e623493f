"""Anthropic's events in AWS event-stream messages, as `InvokeModelWithResponseStream` sends them, for any translator of
Anthropic's own stream.

Reference: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html (seen 2026-11-21).
Each `chunk` holds one event, base64 in `bytes`, which is handed on as the server-sent event it would be at Anthropic.
An exception, and bytes that are no message, become Anthropic's `error` event.
"""

from collections.abc import Iterator

import msgspec

from extproc.apischema.bedrock import Chunk, ErrorBody
from extproc.apischema.malformed import MALFORMED
from extproc.translator.base import Outcome, Response
from extproc.wire import sse
from extproc.wire.aws_event_stream import Decoder, EventStreamError, Message

_ERROR_TYPES = {
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
}
_CHUNK = msgspec.json.Decoder(Chunk).decode
_ERROR = msgspec.json.Decoder(ErrorBody).decode


class EventStreamResponse:
    """A streamed answer: unpacked for the translator of Anthropic's stream, `inner`."""

    def __init__(self, inner: Response) -> None:
        self._inner = inner
        self._messages = Decoder()
        self._broken = False

    @property
    def outcome(self) -> Outcome:
        return self._inner.outcome

    def feed(self, data: bytes) -> bytes:
        if self._broken:
            return b""
        return self._inner.feed(b"".join(self._events(data)))

    def finish(self) -> bytes:
        return self._inner.finish()

    def _events(self, data: bytes) -> Iterator[bytes]:
        try:
            for message in self._messages.feed(data):
                yield _event(message)
        except (EventStreamError, *MALFORMED):
            self._broken = True
            yield _error_event("api_error", "The provider sent an event that cannot be read.")


def _event(message: Message) -> bytes:
    if message.text(":event-type") == "chunk":
        return sse.encode(_CHUNK(message.payload).data)
    if message.text(":message-type") not in ("exception", "error"):
        return b""
    name = message.text(":exception-type") or message.text(":error-code")
    return _error_event(_ERROR_TYPES.get(name, "api_error"), _said(message.payload))


def _said(payload: bytes) -> str:
    try:
        return _ERROR(payload).text
    except MALFORMED:
        return ""


def _error_event(kind: str, message: str) -> bytes:
    error = {"type": "error", "error": {"type": kind, "message": message}}
    return sse.encode(msgspec.json.encode(error), "error")
