"""Anthropic-format responses that the caller understands as they are: metered, and hardly ever touched.

What is changed: a stream that breaks gets an error event, so that no SDK takes half an answer for a whole one.
Finish reasons are noted in OpenAI's words, as every translator's outcome has them.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from extproc.apischema import anthropic
from extproc.apischema.anthropic import Content, Usage
from extproc.apischema.anthropic_errors import error_event
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.translator.base import Outcome
from extproc.translator.openai_to_anthropic_response import finish_reason
from extproc.wire.sse import Decoder, Event, EventBoundary, encode

_CALLS = ("tool_use", "server_tool_use")
_UNREADABLE = "The provider sent an event that cannot be read."
_ENDED_EARLY = "The provider's stream ended before its answer was complete."


class _Whole(msgspec.Struct):
    """A whole answer; compatible servers leave fields out."""

    id: str = ""
    model: str = ""
    content: list[Content] = []
    stop_reason: str | None = None
    usage: Usage | None = None
    error: anthropic.ErrorDetail | None = None


_WHOLE = msgspec.json.Decoder(_Whole)


def read_message(body: bytes, outcome: Outcome) -> None:
    """Fills in the outcome from a whole message."""
    try:
        message = _WHOLE.decode(body)
    except MALFORMED:
        outcome.error = "malformed_response"
        return
    if message.error is not None:
        outcome.error = "provider_error"
    outcome.response_id, outcome.response_model = message.id, message.model
    outcome.usage = message.usage.total() if message.usage is not None else None
    for block in message.content:
        outcome.text += _texts(block)
    if message.stop_reason is not None:
        calls = sum(block.type == "tool_use" for block in message.content)
        outcome.finish_reasons.append(finish_reason(message.stop_reason, tool_calls=calls))


def read_count(body: bytes, outcome: Outcome) -> None:
    """A count of tokens: counting them uses none."""
    outcome.usage = TokenUsage()


def _texts(block: Content) -> list[str]:
    """Everything the model produced in a block: what output tokens are counted of."""
    found = [block.text, block.thinking]
    if block.type in _CALLS:
        found.append(block.name)
        if isinstance(block.input, msgspec.Raw) and bytes(block.input) != b"{}":
            found.append(bytes(block.input).decode())
    return [text for text in found if text]


class MessagesMeter:
    """A stream of Messages events.

    Whole events are passed on as they come, byte for byte; an event cut by the network waits for its end.
    """

    def __init__(self) -> None:
        self.outcome = Outcome()
        self._boundary = EventBoundary()
        self._decoder = Decoder()
        self._usage: Usage | None = None
        self._tool_calls = 0
        self._started = self._failed = self._broken = False

    def feed(self, data: bytes) -> bytes:
        return self._pass(self._boundary.feed(data))

    def finish(self) -> bytes:
        passed = self._pass(self._boundary.finish(), last=True)
        if self._failed or self._broken or self.outcome.complete:
            return passed
        # A terminated last event lets the error event stand on its own.
        gap = b"" if not passed or passed.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else b"\n\n"
        return passed + gap + self._break(_ENDED_EARLY)

    def _pass(self, whole: bytes, *, last: bool = False) -> bytes:
        if self._broken or not (whole or last):
            return b""
        events = self._decoder.feed(whole)
        if last:
            events += self._decoder.finish()
        for index, event in enumerate(events):
            try:
                self._observe(event)
            except MALFORMED:
                return b"".join(map(_encoded, events[:index])) + self._break(_ENDED_EARLY if last else _UNREADABLE)
        return whole

    def _observe(self, event: Event) -> None:
        row = _EVENTS.get(event.event or _EVENT_TYPE(event.data).type)
        if row is not None:
            decode, method = row
            method(self, decode(event.data))

    def _on_message_start(self, event: anthropic.MessageStart) -> None:
        if self._started:
            return
        self._started = True
        self.outcome.response_id, self.outcome.response_model = event.message.id, event.message.model
        self._count(event.message.usage)

    def _on_block_start(self, event: anthropic.ContentBlockStart) -> None:
        self._tool_calls += event.content_block.type == "tool_use"
        self._produced(_texts(event.content_block))

    def _on_block_delta(self, event: anthropic.ContentBlockDelta) -> None:
        text = event.delta.text or event.delta.partial_json or event.delta.thinking
        self._produced([text] if text else [])

    def _on_message_delta(self, event: anthropic.MessageDelta) -> None:
        self._count(event.usage)
        if event.delta.stop_reason is not None:
            reason = finish_reason(event.delta.stop_reason, tool_calls=self._tool_calls)
            self.outcome.finish_reasons.append(reason)

    def _on_message_stop(self, _: anthropic.MessageStop) -> None:
        self.outcome.complete = True

    def _on_error(self, _: anthropic.ErrorBody) -> None:
        """The provider's own error event tells the caller what there is to tell."""
        self.outcome.error = "provider_error"
        self._failed = True

    def _count(self, usage: Usage | None) -> None:
        """Numbers are cumulative; a stream that is cut has at least those of its beginning."""
        if usage is None:
            return
        self._usage = usage if self._usage is None else self._usage.updated(usage)
        self.outcome.usage = self._usage.total()

    def _produced(self, texts: list[str]) -> None:
        self.outcome.text += texts
        self.outcome.chunks += bool(texts)

    def _break(self, message: str) -> bytes:
        self._broken = True
        self.outcome.error = self.outcome.error or "stream_error"
        return error_event(UpstreamError(message))


_EVENT_TYPE = msgspec.json.Decoder(anthropic.EventType).decode
_Row = tuple[Callable[[bytes], Any], Callable[[MessagesMeter, Any], None]]
_EVENTS: dict[str, _Row] = {
    "message_start": (msgspec.json.Decoder(anthropic.MessageStart).decode, MessagesMeter._on_message_start),
    "content_block_start": (msgspec.json.Decoder(anthropic.ContentBlockStart).decode, MessagesMeter._on_block_start),
    "content_block_delta": (msgspec.json.Decoder(anthropic.ContentBlockDelta).decode, MessagesMeter._on_block_delta),
    "message_delta": (msgspec.json.Decoder(anthropic.MessageDelta).decode, MessagesMeter._on_message_delta),
    "message_stop": (msgspec.json.Decoder(anthropic.MessageStop).decode, MessagesMeter._on_message_stop),
    "error": (msgspec.json.Decoder(anthropic.ErrorBody).decode, MessagesMeter._on_error),
}


def _encoded(event: Event) -> bytes:
    return encode(event.data, event.event)
