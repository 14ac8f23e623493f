"""Searches the texts of a document: small ones together, so that many cost no more than their length.

Between two texts that are searched together stands `SEPARATOR`, which no pattern of the detector goes across and no
context is looked for beyond. What reaches over one all the same (a private key that is given line by line, or the rest
that counts as found when a request has cost too much) is found in each of the texts it touches.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

from extproc.privacy.apply import Find
from extproc.privacy.detect.separator import SEPARATOR
from extproc.privacy.detect.span import Span

SMALL = 512
"""Bytes: longer texts are searched alone."""

_TOGETHER = 2048  # texts
_SEPARATOR = SEPARATOR.encode("ascii")

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
Found = Callable[[T, str, list[Span]], None]


class Search(Protocol[T_contra]):
    """Takes texts in UTF-8, each with what it is the text of.

    The first `before` characters of a text are the name that says what it is, and are none of it.
    """

    def add(self, of: T_contra, text: bytes, before: int = 0) -> None: ...

    def finish(self) -> None:
        """No text follows."""
        ...


class Together(Generic[T]):
    """`found` is told the text, and what was found in it: positions in it, in order. Not where there is nothing."""

    def __init__(self, find: Find, found: Found[T]) -> None:
        self._find = find
        self._found = found
        self._begin()

    def add(self, of: T, text: bytes, before: int = 0) -> None:
        if len(text) > SMALL:
            alone = str(text, "utf-8")
            _tell(self._found, of, alone, before, self._find(alone))
            return
        if before:
            self._before[len(self._of)] = before
        self._of.append(of)
        self._texts.append(text)
        if len(self._of) == _TOGETHER:
            self.finish()

    def finish(self) -> None:
        if not self._texts:
            return
        spans = self._find(str(_SEPARATOR.join(self._texts), "utf-8"))
        if spans:
            texts = [str(text, "utf-8") for text in self._texts]
            for place, within in _by_text(spans, texts, self._before).items():
                self._found(self._of[place], texts[place][self._before.get(place, 0) :], within)
        self._begin()

    def _begin(self) -> None:
        self._of: list[T] = []
        self._texts: list[bytes] = []
        self._before: dict[int, int] = {}


class OneByOne(Generic[T]):
    """The same, for what must not see two texts at once."""

    def __init__(self, find: Find, found: Found[T]) -> None:
        self._find = find
        self._found = found

    def add(self, of: T, text: bytes, before: int = 0) -> None:
        alone = str(text, "utf-8")
        _tell(self._found, of, alone, before, self._find(alone))

    def finish(self) -> None:
        """Nothing was kept back."""


class Collected:
    """The texts themselves, searched by somebody else."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, of: object, text: bytes, before: int = 0) -> None:
        self.texts.append(str(text, "utf-8"))

    def finish(self) -> None:
        """Nothing was kept back."""


def moved(span: Span, by: int) -> Span:
    return Span(max(0, span.start + by), span.end + by, span.entity, span.validated)


def _tell(found: Found[T], of: T, text: str, before: int, spans: Sequence[Span]) -> None:
    if before:
        spans = [moved(span, -before) for span in spans if span.end > before]
    if spans:
        found(of, text[before:], list(spans))


def _by_text(spans: Sequence[Span], texts: Sequence[str], before: Mapping[int, int]) -> dict[int, list[Span]]:
    """The spans of texts joined, by the place of the text, with positions in it."""
    starts = list(accumulate((len(text) + len(SEPARATOR) for text in texts), initial=0))
    found: dict[int, list[Span]] = {}
    for first, last, entity, validated in spans:
        place = bisect_right(starts, first) - 1
        while (at := starts[place]) < last:
            name = before.get(place, 0)
            start, end = max(0, first - at - name), min(last - at, len(texts[place])) - name
            if start < end:
                span = Span(start, end, entity, validated)
                if place in found:
                    found[place].append(span)
                else:
                    found[place] = [span]
            place += 1
    return found
