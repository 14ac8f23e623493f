"""Guards what goes back to the caller: a layer around the response that a translator made, in the caller's dialect.

The order is: translator, guard, restorer, caller. So the rules see what the model wrote, with the placeholders that it
was given: values of the caller's own, which the restorer puts back, are not the model's to leak, and set off no rule.

Of an event stream, each text is checked in windows before it goes (`channel`); a tool is checked when its name comes;
what is repeated whole, at the end of a text or an answer, is checked whole. What is refused ends the stream with an
error in the caller's dialect, and nothing of what still comes is passed on, though it is read to its end: what the
provider produced is to be paid for. A whole answer is checked when it is there, and refused by raising.

Log probabilities go from guarded streams and from masked answers: they spell what is held back or masked.
"""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.errors import GatewayError, InvalidRequest, UpstreamError
from extproc.guardrails.answer_view import read_answer
from extproc.guardrails.channel import Pace
from extproc.guardrails.engine import AnswerRules
from extproc.guardrails.stream_chat import ChatGuard
from extproc.guardrails.stream_events import CheckedTexts, Texts, masked
from extproc.guardrails.stream_messages import MessagesGuard
from extproc.guardrails.stream_responses import ResponsesGuard
from extproc.guardrails.verdict import ContentFiltered, Tally
from extproc.privacy.restore import Escaping
from extproc.privacy.restore_channels import Edited
from extproc.privacy.restore_stream import Flow
from extproc.wire.sse import Decoder, Event, EventBoundary, encode

T_co = TypeVar("T_co", covariant=True)


class EventGuard(Protocol):
    """One dialect. Everything here raises ContentFiltered."""

    def edit(self, data: bytes) -> Edited:
        """One event. Raises also what `apischema.malformed` names for what it cannot read."""
        ...

    def end(self) -> bytes:
        """Everything that is still held back, as events."""
        ...

    def refused(self, error: GatewayError) -> bytes:
        """The events that end the stream."""
        ...


def guarded(
    inner: Flow[T_co],
    rules: AnswerRules,
    tally: Tally,
    endpoint: Endpoint,
    text: Escaping = Escaping.NONE,
    pace: Pace | None = None,
    *,
    streamed: bool,
) -> Flow[T_co]:
    """What guards the answer that `inner` gives; `inner` itself if no rule is about answers.

    `text` is how the answer's text is escaped: what `privacy.restore_stream.text_escaping` says. What the rules find is
    counted in `tally`.
    """
    if not rules.apply:
        return inner
    if not streamed:
        return GuardedWhole(inner, rules, tally, endpoint)
    return GuardedStream(inner, event_guard(CheckedTexts(rules, tally, pace or Pace(), text), endpoint))


class GuardedWhole(Generic[T_co]):
    """A whole JSON answer. `finish` raises ContentFiltered, or UpstreamError for what cannot be read."""

    def __init__(self, inner: Flow[T_co], rules: AnswerRules, tally: Tally, endpoint: Endpoint) -> None:
        self._inner = inner
        self._rules = rules
        self._tally = tally
        self._endpoint = endpoint
        self._pieces: list[bytes] = []

    @property
    def outcome(self) -> T_co:
        return self._inner.outcome

    def feed(self, data: bytes) -> bytes:
        self._pieces.append(self._inner.feed(data))
        return b""

    def finish(self) -> bytes:
        self._pieces.append(self._inner.finish())
        try:
            return self._checked(b"".join(self._pieces))
        except (InvalidRequest, *MALFORMED):
            raise UpstreamError("The provider's answer is not of a form that guardrails can check.") from None

    def _checked(self, document: bytes) -> bytes:
        verdicts = self._rules.check(read_answer(document, self._endpoint))
        self._tally.add(verdicts.all)
        if verdicts.blocking is not None:
            raise ContentFiltered(verdicts.blocking.rule, "answer")
        return masked(self._rules, document) if verdicts.redacts else document


class GuardedStream(Generic[T_co]):
    """An event stream, checked as it comes."""

    def __init__(self, inner: Flow[T_co], events: EventGuard) -> None:
        self._inner = inner
        self._events = events
        self._boundary = EventBoundary()
        self._refused = False

    @property
    def outcome(self) -> T_co:
        return self._inner.outcome

    @property
    def refused(self) -> bool:
        """Whether the stream was ended by a rule."""
        return self._refused

    def feed(self, data: bytes) -> bytes:
        came = self._inner.feed(data)
        return b"" if self._refused else self._pass(self._boundary.feed(came))

    def finish(self) -> bytes:
        came = self._inner.finish()
        if self._refused:
            return b""
        passed = self._pass(self._boundary.feed(came)) + self._pass(self._boundary.finish())
        return passed if self._refused else passed + self._end()

    def _pass(self, whole: bytes) -> bytes:
        out: list[bytes] = []
        try:
            for block in blocks(whole):
                out.append(self._event(block))
        except ContentFiltered as error:
            out.append(self._refuse(error))
        return b"".join(out)

    def _end(self) -> bytes:
        try:
            return self._events.end()
        except ContentFiltered as error:
            return self._refuse(error)

    def _refuse(self, error: ContentFiltered) -> bytes:
        self._refused = True
        return self._events.refused(error)

    def _event(self, block: bytes) -> bytes:
        """One event; lines without data as they are. What cannot be read cannot be checked, and is left out."""
        event = event_in(block)
        if event is None:
            return block
        try:
            edited = self._events.edit(event.data)
        except (InvalidRequest, *MALFORMED):
            return b""
        return edited.before + (block if edited.data is event.data else encode(edited.data, event.event))


def blocks(whole: bytes) -> Iterator[bytes]:
    """The bytes of each event, blank line included. All line ends are LF then."""
    if b"\r" in whole:
        whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return (block + b"\n\n" for block in whole.split(b"\n\n") if block.strip(b"\n"))


def event_in(block: bytes) -> Event | None:
    """The event of a block; None for lines without data."""
    decoder = Decoder()
    return next(iter(decoder.feed(block) + decoder.finish()), None)


def event_guard(texts: Texts, endpoint: Endpoint) -> EventGuard:
    if endpoint in (CHAT, COMPLETIONS):
        return ChatGuard(texts)
    if endpoint == MESSAGES:
        return MessagesGuard(texts)
    if endpoint == RESPONSES:
        return ResponsesGuard(texts)
    return _WholeEvents(texts, endpoint)


class _WholeEvents:
    """The stream of an endpoint of which nothing is known: each event is a document of its own."""

    def __init__(self, texts: Texts, endpoint: Endpoint) -> None:
        self._texts = texts
        self._endpoint = endpoint

    def edit(self, data: bytes) -> Edited:
        return Edited(self._texts.document(data))

    def end(self) -> bytes:
        return b""

    def refused(self, error: GatewayError) -> bytes:
        return self._endpoint.dialect.event(error)
