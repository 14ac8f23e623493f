"""The texts of a streamed answer as services read them: in windows that overlap, and masked where they want it.

`NotedTexts` reads an event when it comes, `WrittenTexts` writes it when it may go: both are what `stream_events.Texts`
is to the guards of the dialects, which know where the texts of an event are.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from extproc.apischema.endpoints import Endpoint
from extproc.clients.judge import Replacement
from extproc.guardrails.answer_view import written
from extproc.guardrails.remote import Redaction, finder, redact
from extproc.guardrails.stream_events import Texts, without_logprobs
from extproc.guardrails.verdict import ContentFiltered
from extproc.privacy.apply import disjoint
from extproc.privacy.detect.span import Span
from extproc.privacy.restore import Escaping
from extproc.privacy.restore_channels import Place

_ENDS_A_STRING = ('"', "\\")


@dataclass(frozen=True, slots=True)
class Windows:
    """How much of a stream services are asked about at a time, in characters.

    Of each window the last `overlap` are held back, and asked about again with the next one: so whatever is no longer
    is seen whole before any of it has gone. With more than `most_held` bytes of events waiting, the stream waits too.
    """

    size: int = 500
    overlap: int = 100
    most_held: int = 256 << 10

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.size:
            raise ValueError("The overlap of windows is less than their size.")

    @property
    def step(self) -> int:
        return self.size - self.overlap


class Text:
    """One text. All numbers are characters from its beginning."""

    def __init__(self, *, is_json: bool = False) -> None:
        self.length = 0
        self.asked = 0
        self.cleared = 0
        self.gone = 0
        self.closed = False
        self._is_json = is_json
        self._read = ""  # from `_start`
        self._start = 0
        self._masks: list[Span] = []
        self._digest = hashlib.blake2b(digest_size=16)

    @property
    def fresh(self) -> int:
        """How much of it nobody has been asked about."""
        return self.length - self.asked

    @property
    def digest(self) -> bytes:
        return self._digest.digest()

    def add(self, text: str) -> "Piece":
        self._read += text
        self._digest.update(text.encode())
        self.length += len(text)
        return Piece(self, self.length)

    def part(self, overlap: int) -> "Part":
        """What has not been asked about, and the `overlap` before it."""
        start = max(self._start, self.asked - overlap)
        part = Part(self, start, self._read[start - self._start :])
        self.asked = self.length
        self._start = max(start, self.asked - overlap)
        self._read = part.text[self._start - start :]
        return part

    def mask(self, spans: Iterable[Span], rule: str, read: "Part") -> None:
        """Raises ContentFiltered where a mask would leave something that is no JSON."""
        for span in spans:
            masked = read.text[span.start : span.end]
            if self._is_json and any(mark in masked for mark in _ENDS_A_STRING):
                raise ContentFiltered(rule, "answer")
            start, end = max(span.start + read.start, self.gone), span.end + read.start
            self._masks.append(Span(start, end, span.entity))
        self._masks = [span for span in disjoint(self._masks) if span.end > self.gone]

    def leave(self, text: str) -> str:
        """The next piece of it, as it may go. A mask goes where it begins."""
        at, start = self.gone, self.gone
        self.gone = end = at + len(text)
        out: list[str] = []
        for span in self._masks:
            if span.start >= end or span.end <= start:
                continue
            out.append(text[at - start : max(span.start, at) - start])
            if span.start >= start:
                out.append(f"<{span.entity}>")
            at = min(span.end, end)
        return "".join([*out, text[at - start :]]) if out else text


@dataclass(frozen=True, slots=True)
class Piece:
    """What an event adds to a text: it ends at `end`."""

    text: Text
    end: int

    @property
    def is_cleared(self) -> bool:
        return self.end <= self.text.cleared


@dataclass(frozen=True, slots=True)
class Part:
    """What services are asked of a text: what begins at `start`."""

    of: Text
    start: int
    text: str = field(repr=False)


class NotedTexts(Texts):
    """Notes what events hold. `live` are the texts of which not all has been cleared or is about to be; `pieces` and
    `wholes` are those of the event that is being read.

    What comes whole is a text of its own, unless it repeats one: that has been asked about.
    """

    def __init__(self, endpoint: Endpoint, escaping: Escaping) -> None:
        self.live: list[Text] = []
        self.pieces: list[Piece] = []
        self.wholes: list[Piece] = []
        self._endpoint = endpoint
        self._text_is_json = escaping is Escaping.JSON
        self._open: dict[Place, Text] = {}
        self._known: set[bytes] = set()

    def feed(self, place: Place, text: str, *, is_json: bool = False, is_answer: bool = False) -> str:
        noted = self._open.get(place)
        if noted is None:
            self._open[place] = noted = Text(is_json=is_json or (is_answer and self._text_is_json))
            self.live.append(noted)
        self.pieces.append(noted.add(text))
        return text

    def close(self, ends: Callable[[Place], bool]) -> Mapping[Place, str]:
        for place in [place for place in self._open if ends(place)]:
            text = self._open.pop(place)
            text.closed = True
            self._known.add(text.digest)
        return {}

    def tools(self, names: Iterable[str]) -> None:
        """Services are asked about texts."""

    def document(self, data: bytes, *, repeats: bool = False) -> bytes:
        for whole in written(data, self._endpoint):
            text = Text()
            piece = text.add(whole)
            if text.digest not in self._known:
                text.closed = True
                self._known.add(text.digest)
                self.live.append(text)
                self.wholes.append(piece)
        return data


class WrittenTexts(Texts):
    """Writes what may go: `pieces` are those of the event that is being written."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._replacements: dict[str, Replacement] = {}

    def replace(self, redactions: Iterable[Redaction], parts: Iterable[Part]) -> None:
        """Masks what services want masked of the parts, and of what still comes whole. Raises ContentFiltered."""
        given = tuple(redactions)
        for part in parts:
            for redaction in given:
                here = tuple(one for one in redaction.replacements if one.text in part.text)
                part.of.mask(finder(here)(part.text) if here else (), redaction.rule, part)
        self._replacements |= {one.text: one for redaction in given for one in redaction.replacements}

    def feed(self, place: Place, text: str, *, is_json: bool = False, is_answer: bool = False) -> str:
        return self.pieces.pop(0).text.leave(text)

    def close(self, ends: Callable[[Place], bool]) -> Mapping[Place, str]:
        return {}

    def tools(self, names: Iterable[str]) -> None:
        """They may go."""

    def document(self, data: bytes, *, repeats: bool = False) -> bytes:
        redacted = redact(data, tuple(self._replacements.values()))
        return data if redacted is data else without_logprobs(redacted)
