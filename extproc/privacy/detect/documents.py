"""Texts put together for recognisers that are asked document by document, and the way back.

A request has many short texts (members of JSON, names of tools) and some long ones. Short ones share a document, with
an empty line between them, so that there are few questions; long ones are cut into pieces that overlap, so that no
question takes long and what lies over a cut is found in one of its two pieces.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from extproc.privacy.detect.span import Span

MOST_CHARACTERS = 4_000
"""Of a document: a small model takes some 75 ms for 1,000 characters (Presidio 2.2 with spaCy's smallest, one core)."""
OVERLAP = 200
_BETWEEN = "\n\n"


class _Part(NamedTuple):
    """`text[at : at + length]`, which begins at `start` of its document."""

    text: str
    at: int
    start: int
    length: int

    def begins(self) -> int:
        return self.start


@dataclass(frozen=True, slots=True)
class Document:
    """Never empty."""

    text: str = field(repr=False)
    parts: tuple[_Part, ...] = field(repr=False)

    def placed(self, span: Span) -> Iterator[tuple[str, Span]]:
        """Where a span of the document is: the texts that it is in, with its share of each."""
        first = max(0, bisect_right(self.parts, span.start, key=_Part.begins) - 1)
        for index in range(first, len(self.parts)):
            part = self.parts[index]
            if span.end <= part.start:
                return
            start, end = max(span.start, part.start), min(span.end, part.start + part.length)
            if start < end:
                by = part.at - part.start
                yield part.text, Span(start + by, end + by, span.entity, span.validated)


def documents(texts: Iterable[str], most: int = MOST_CHARACTERS, overlap: int = OVERLAP) -> list[Document]:
    """Documents of at most `most` characters with all texts, but those of white space only."""
    made: list[Document] = []
    pieces: list[str] = []
    parts: list[_Part] = []
    length = 0
    for text, at in _pieces(texts, most, overlap):
        piece = text[at : at + most]
        if pieces and length + len(_BETWEEN) + len(piece) > most:
            made.append(Document(_BETWEEN.join(pieces), tuple(parts)))
            pieces, parts, length = [], [], 0
        start = length + len(_BETWEEN) if pieces else 0
        pieces.append(piece)
        parts.append(_Part(text, at, start, len(piece)))
        length = start + len(piece)
    if pieces:
        made.append(Document(_BETWEEN.join(pieces), tuple(parts)))
    return made


def _pieces(texts: Iterable[str], most: int, overlap: int) -> Iterator[tuple[str, int]]:
    """Where each piece of each text begins."""
    for text in texts:
        if not text.isspace():
            yield from ((text, at) for at in range(0, max(len(text) - overlap, min(len(text), 1)), most - overlap))
