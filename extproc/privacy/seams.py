"""Neighbouring text parts of a message: each is searched for itself, and all across their seams.

What is found across a seam is replaced in the part where it begins.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

from extproc.privacy.apply import disjoint
from extproc.privacy.detect.span import Span
from extproc.privacy.search import moved

_SEAM = 512  # characters on either side of a seam that are searched again


class Edit(NamedTuple):
    """What takes the place of a piece of text."""

    start: int
    end: int
    new: str

    def ends(self) -> int:
        return self.end


class Parts:
    """The texts of neighbouring parts. Positions are in all of them together, save where a text is given with them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.whole = "".join(texts)
        self._starts = list(accumulate(map(len, texts), initial=0))
        self._seams = self._starts[1:-1]
        self._spans: list[Span] = []

    def windows(self) -> Iterator["Window"]:
        """The parts, and the neighbourhoods of their seams: what is to be searched."""
        for start, end in pairwise(self._starts):
            yield Window(self, start, end)
        for start, end in _neighbourhoods(self._seams, len(self.whole)):
            yield Window(self, start, end, across=True)

    def found(self, window: "Window", spans: Sequence[Span]) -> None:
        """What was found in a window, at positions in it; of what is across a seam, only what reaches over it."""
        placed = (moved(span, window.start) for span in spans)
        self._spans += (span for span in placed if not window.across or self._crosses(span))

    def edited(self, edit: Callable[[Span], Edit | None]) -> list[str]:
        """The texts after the edits that are made of what was found."""
        edits = [made for span in disjoint(self._spans) if (made := edit(span)) is not None]
        return [_edited(self.whole[start:end], start, edits) for start, end in pairwise(self._starts)]

    def _crosses(self, span: Span) -> bool:
        return bisect_right(self._seams, span.start) < bisect_left(self._seams, span.end)


class Window(NamedTuple):
    """A piece of the whole."""

    parts: Parts
    start: int
    end: int
    across: bool = False

    @property
    def text(self) -> str:
        return self.parts.whole[self.start : self.end]


def _neighbourhoods(seams: list[int], length: int) -> Iterator[tuple[int, int]]:
    """Those that touch are one."""
    start = end = 0
    for seam in seams:
        if end and seam - _SEAM > end:
            yield start, end
            end = 0
        if not end:
            start = max(0, seam - _SEAM)
        end = min(seam + _SEAM, length)
    if end:
        yield start, end


def _edited(text: str, start: int, edits: list[Edit]) -> str:
    """The part that begins at `start` of the whole, with its share of the edits."""
    pieces: list[str] = []
    at = 0
    for edit in islice(edits, bisect_right(edits, start, key=Edit.ends), None):
        first = edit.start - start
        if first >= len(text):
            break
        pieces += text[at : max(0, first)], edit.new if first >= 0 else ""
        at = min(edit.end - start, len(text))
    return "".join(pieces) + text[at:]
