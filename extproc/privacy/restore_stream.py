"""Restores values in what goes back to the caller: the outermost layer of an answer, in the caller's own dialect.

It wraps the response that a translator made and has its form (`feed`, `finish`, `outcome`). An answer in which no token
may be passes as the bytes that came; of a stream, each event by itself. While nothing is held back that is decided by
one search in the raw bytes, before anything is decoded.

Positions in a text (`start_index` of annotations and citations) count the text as the model wrote it: they are not
moved.
"""

import re
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.privacy.halves import hidden, shown
from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_channels import Edited, EventRestorer
from extproc.privacy.restore_chat import ChatRestorer
from extproc.privacy.restore_json import ARGUMENTS, restore_document
from extproc.privacy.restore_messages import MessagesRestorer
from extproc.privacy.restore_responses import ResponsesRestorer
from extproc.wire.sse import Decoder, EventBoundary, encode

_EVENT = re.compile(rb".*?(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r|\n)|.+", re.DOTALL)
_BLANK_LINE = (b"\n\n", b"\r\n\r\n", b"\r\r")
_TEXT_NAMES = frozenset({b"content", b"text"})

T_co = TypeVar("T_co", covariant=True)


class Flow(Protocol[T_co]):
    """A response on its way: what `translator.base.Response` is, whatever its outcome."""

    @property
    def outcome(self) -> T_co: ...

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


def restored(inner: Flow[T_co], tokens: Tokens, endpoint: Endpoint, text: Escaping, *, streamed: bool) -> Flow[T_co]:
    """What restores the answer that `inner` gives; `inner` itself if no token was issued.

    `text` is how the answer's text is escaped: what `text_escaping` says. `streamed`: it is an event stream.
    """
    if not tokens.longest:
        return inner
    if streamed:
        return RestoredStream(inner, tokens, _event_restorer(tokens, endpoint, text))
    return RestoredWhole(inner, tokens, text)


class RestoredWhole(Generic[T_co]):
    """A whole JSON answer, restored once it is there."""

    def __init__(self, inner: Flow[T_co], tokens: Tokens, text: Escaping = Escaping.NONE) -> None:
        self._inner = inner
        self._tokens = tokens
        self._json_names = ARGUMENTS | _TEXT_NAMES if text is Escaping.JSON else ARGUMENTS
        self._pieces: list[bytes] = []

    @property
    def outcome(self) -> T_co:
        return self._inner.outcome

    def feed(self, data: bytes) -> bytes:
        self._pieces.append(self._inner.feed(data))
        return b""

    def finish(self) -> bytes:
        self._pieces.append(self._inner.finish())
        return restore_document(b"".join(self._pieces), self._tokens, self._json_names)


class RestoredStream(Generic[T_co]):
    """An event stream, restored as it comes."""

    def __init__(self, inner: Flow[T_co], tokens: Tokens, events: EventRestorer) -> None:
        self._inner = inner
        self._tokens = tokens
        self._events = events
        self._boundary = EventBoundary()

    @property
    def outcome(self) -> T_co:
        return self._inner.outcome

    def feed(self, data: bytes) -> bytes:
        return self._pass(self._boundary.feed(self._inner.feed(data)))

    def finish(self) -> bytes:
        passed = self._pass(self._boundary.feed(self._inner.finish())) + self._pass(self._boundary.finish())
        rest = self._events.end()
        # A terminated last event lets what follows stand on its own.
        gap = b"\n\n" if rest and passed and not passed.endswith(_BLANK_LINE) else b""
        return passed + gap + rest

    def _pass(self, whole: bytes) -> bytes:
        if self._may_pass(whole):
            return whole
        return b"".join(map(self._event, _events(whole)))

    def _may_pass(self, data: bytes) -> bool:
        return not data or (self._events.untroubled and not self._tokens.may_be_in(data))

    def _event(self, data: bytes) -> bytes:
        """One event, or the lines between two."""
        if self._may_pass(data):
            return data
        decoder = Decoder()
        for event in decoder.feed(data) + decoder.finish():
            edited = self._edit(event.data)
            return edited.before + (data if edited.data is event.data else encode(edited.data, event.event))
        return data

    def _edit(self, data: bytes) -> Edited:
        try:
            return self._events.edit(data)
        except MALFORMED:
            return self._edit_hidden(data)

    def _edit_hidden(self, data: bytes) -> Edited:
        whole = hidden(data)
        try:
            edited = self._events.edit(whole)
            return Edited(data if edited.data is whole else shown(edited.data), shown(edited.before))
        except MALFORMED:  # of a shape we do not know: for the caller to understand
            if self._tokens.may_be_in(data):
                self._tokens.unread()
            return Edited(data, self._events.end())  # what came before it stays there


def _events(data: bytes) -> list[bytes]:
    """The bytes of each event, blank line included."""
    if b"\r" in data:
        return _EVENT.findall(data)
    events = data.split(b"\n\n")
    rest = events.pop()
    return [event + b"\n\n" for event in events] + ([rest] if rest else [])


class _WholeEvents:
    """The stream of an endpoint of which nothing is known: each event is a document of its own."""

    untroubled = True

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def edit(self, data: bytes) -> Edited:
        return Edited(restore_document(data, self._tokens))

    def end(self) -> bytes:
        return b""


def _event_restorer(tokens: Tokens, endpoint: Endpoint, text: Escaping) -> EventRestorer:
    if endpoint in (CHAT, COMPLETIONS):
        return ChatRestorer(tokens, text)
    if endpoint == MESSAGES:
        return MessagesRestorer(tokens, text)
    return ResponsesRestorer(tokens, text) if endpoint == RESPONSES else _WholeEvents(tokens)


class _Format(Struct):
    type: str = "text"


class _WithFormat(Struct):
    format: _Format | None = None


_decode_format = msgspec.json.Decoder(_Format | None).decode
_decode_with_format = msgspec.json.Decoder(_WithFormat | None).decode


def text_escaping(fields: Mapping[str, Raw]) -> Escaping:
    """JSON if the caller asked for an answer in JSON; `fields` are the request's.

    That is `response_format` in chat completions, `text.format` in Responses, `output_config.format` in Messages.
    """
    try:
        formats = [
            _format_of(_decode_with_format(fields[name])) for name in ("text", "output_config") if name in fields
        ]
        if "response_format" in fields:
            formats.append(_decode_format(fields["response_format"]))
    except MALFORMED:
        return Escaping.NONE
    asked = any(found is not None and found.type in ("json_object", "json_schema") for found in formats)
    return Escaping.JSON if asked else Escaping.NONE


def _format_of(holder: _WithFormat | None) -> _Format | None:
    return holder.format if holder is not None else None
