"""OpenAI-format responses that the caller understands as they are: metered, and hardly ever touched.

What is changed: a usage chunk that the caller did not ask for is taken out, and a stream that breaks gets an error
event and its terminator, so that no SDK waits or fails to parse.
"""

from collections.abc import Callable

import msgspec

from extproc.apischema import openai_response
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai import DONE, error_event
from extproc.apischema.openai_response import Choice, Completion
from extproc.errors import UpstreamError
from extproc.translator.base import Outcome
from extproc.translator.openai_errors import error_inside
from extproc.wire.sse import Decoder, Event, EventBoundary, encode

_DONE = b"[DONE]"
_check_json = msgspec.json.Decoder(msgspec.Raw).decode
_MOST_BYTES_READ = 32 << 20
ENDED_EARLY = "The provider's stream ended before its answer was complete."


class WholeMeter:
    """A whole JSON answer, passed on piece by piece and read once it is complete."""

    def __init__(self, read: Callable[[bytes, Outcome], None]) -> None:
        self.outcome = Outcome()
        self._read = read
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size <= _MOST_BYTES_READ:
            self._pieces.append(data)
        return data

    def finish(self) -> bytes:
        self.outcome.complete = True
        if 0 < self._size <= _MOST_BYTES_READ:
            self._read(self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces), self.outcome)
        return b""


def read_completion(body: bytes, outcome: Outcome) -> None:
    """Fills in the outcome from a whole answer of chat completions, completions or embeddings.

    Raises UpstreamError for what is no answer: not JSON, or an error inside a 200.
    """
    try:
        document = openai_response.decode_completion(body)
    except msgspec.ValidationError:
        read_other(body, outcome)
        return
    except MALFORMED:
        outcome.error = "malformed_response"
        raise UpstreamError("The provider's answer is not JSON.") from None
    _take(document, outcome)
    if document.has_error and not document.choices:
        raise _error_in(body)


def _error_in(body: bytes) -> UpstreamError:
    """The provider's own error in place of an answer."""
    try:
        found = openai_response.decode_error(body).error
    except MALFORMED:
        found = None
    return error_inside(found or "The provider answered with an error in place of an answer.")


def read_other(body: bytes, outcome: Outcome) -> None:
    """Fills in usage and model from a document of any other endpoint, if they are where OpenAI puts them."""
    try:
        document = openai_response.decode_responses_event(body)
    except MALFORMED:
        return
    inner = document.response or document
    if inner.usage is not None:
        outcome.usage = inner.usage.to_token_usage()
    outcome.response_model = inner.model or outcome.response_model


class StreamMeter:
    """A stream of chat completion or completion chunks.

    Whole events are passed on as they come, byte for byte; an event cut by the network waits for its end.
    """

    def __init__(self, *, hide_usage: bool) -> None:
        self.outcome = Outcome()
        self._hide_usage = hide_usage
        self._boundary = EventBoundary()
        self._decoder = Decoder()
        self._broken = False

    def feed(self, data: bytes) -> bytes:
        return self._pass(self._boundary.feed(data))

    def finish(self) -> bytes:
        rest = self._boundary.finish()
        passed = self._pass(rest, last=True)
        if self._broken or self.outcome.complete:
            return passed
        # A terminated last event lets what follows stand on its own.
        gap = b"" if not passed or passed.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else b"\n\n"
        return passed + gap + self._end()

    def _pass(self, whole: bytes, *, last: bool = False) -> bytes:
        if self._broken or not (whole or last):
            return b""
        events = self._decoder.feed(whole)
        if last:
            events += self._decoder.finish()
        changed: list[int] = []
        for index, event in enumerate(events):
            try:
                keep = self._observe(event)
            except UpstreamError as error:
                return b"".join(map(_encoded, _without(events[:index], changed))) + self._break(error.message)
            if not keep:
                changed.append(index)
        return b"".join(map(_encoded, _without(events, changed))) if changed else whole

    def _observe(self, event: Event) -> bool:
        """Reads one event; whether the caller may have it."""
        if event.data == _DONE:
            self.outcome.complete = True
            return True
        chunk = _decode_chunk(event.data)
        _take(chunk, self.outcome)
        if chunk.choices:
            self.outcome.chunks += 1
        return not (self._hide_usage and chunk.usage is not None and not chunk.choices)

    def _end(self) -> bytes:
        """A stream without its terminator. Compatible servers exist that send none; an error of their own is enough."""
        if self.outcome.finish_reasons and not self.outcome.error:
            self.outcome.complete = True
        return DONE if self.outcome.complete or self.outcome.error else self._break(ENDED_EARLY)

    def _break(self, message: str) -> bytes:
        self._broken = True
        self.outcome.error = self.outcome.error or "stream_error"
        return error_event(UpstreamError(message))


def _decode_chunk(data: bytes) -> Completion:
    """Raises UpstreamError for what is not JSON."""
    try:
        return openai_response.decode_completion(data)
    except msgspec.ValidationError:
        return _of_unknown_shape(data)
    except MALFORMED:
        raise UpstreamError("The provider sent an event that is not JSON.") from None


def _of_unknown_shape(data: bytes) -> Completion:
    """A chunk that stays as it is, and whose usage counts. Behind a wrong type there may still be broken JSON."""
    try:
        _check_json(data)
        return Completion(usage=_usage_of(data), choices=[Choice()])
    except MALFORMED:
        raise UpstreamError("The provider sent an event that is not JSON.") from None


def _usage_of(data: bytes) -> openai_response.Usage | None:
    try:
        return openai_response.decode_usage_only(data).usage
    except msgspec.ValidationError:
        return None


def _take(document: Completion, outcome: Outcome) -> None:
    for choice in document.choices or ():
        outcome.text += choice.texts()
        if choice.finish_reason:
            outcome.finish_reasons.append(choice.finish_reason)
    if document.usage is not None:
        outcome.usage = document.usage.to_token_usage()
    outcome.response_model = document.model or outcome.response_model
    outcome.response_id = document.id or outcome.response_id
    if document.has_error:
        outcome.error = "provider_error"


class OtherStreamMeter:
    """The event stream of an endpoint that passes through: nothing changes, usage is read where it shows."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self._decoder = Decoder()

    def feed(self, data: bytes) -> bytes:
        for event in self._decoder.feed(data):
            self.outcome.chunks += 1
            if b'"usage"' in event.data:
                read_other(event.data, self.outcome)
        return data

    def finish(self) -> bytes:
        self.outcome.complete = True
        return b""


def _without(events: list[Event], left_out: list[int]) -> list[Event]:
    return [event for index, event in enumerate(events) if index not in left_out]


def _encoded(event: Event) -> bytes:
    return encode(event.data, event.event)
