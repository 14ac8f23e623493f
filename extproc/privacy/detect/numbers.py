"""Numbers of persons and cards: one expression for all shapes, a table from shape to who may look like that."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import re2

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.context import Context
from extproc.privacy.detect.identifiers import Identifier
from extproc.privacy.detect.prefilter import latin_1
from extproc.privacy.detect.span import Span

_CLASSES = {"9": r"\d", "A": "[A-Za-z]", " ": "[ ./-]"}
_SEPARATORS = b" ./-"
_HINT = rb"\d{3}|\d\d[ ./-]\d\d|\d[ ./-]\d[ ./-]\d"  # one of them is in every shape (kept by a test)
_SHAPE = bytes(
    0x39 if chr(byte).isdigit() else 0x41 if chr(byte).isalpha() and byte < 0x80 else 0x20 for byte in range(256)
)
_WITHOUT_UNDERSCORES = bytes.maketrans(b"_", b" ")
_CONTEXT_COST = 4.0


class Numbers:
    """Finds `identifiers`. The first hint is for all of them, the others are the words of each."""

    def __init__(self, identifiers: Sequence[Identifier]) -> None:
        self._contexts = [Context(identifier.entity) for identifier in identifiers]
        self._identifiers = identifiers
        self._of_shape = _by_shape(identifiers)
        self.hints = (_HINT, *(context.expression for context in self._contexts))
        self._search = re2.compile(_expression(self._of_shape), latin_1(longest=True)).search

    def find(self, view: bytes, hit: Sequence[bool], allowance: Allowance) -> Iterator[Span]:
        view = view.translate(_WITHOUT_UNDERSCORES)
        place = 0
        while (match := self._search(view, place)) is not None:
            start, end = match.span()
            if not allowance.match():
                yield Span(start, len(view), self._first(view[start:end]).entity)
                return
            span = self._longest(view, start, end, hit, allowance)
            if span is not None:
                yield span
            place = span.end if span is not None else _next_group(view, start, end)

    def _first(self, candidate: bytes) -> Identifier:
        place, _ = self._of_shape[candidate.translate(_SHAPE)][0]
        return self._identifiers[place]

    def _longest(self, view: bytes, start: int, end: int, hit: Sequence[bool], allowance: Allowance) -> Span | None:
        """The candidate, or what it begins with: what follows may be another number."""
        shape = view[start:end].translate(_SHAPE)
        while shape:
            if shape in self._of_shape:
                span = self._judge(view, start, shape, hit, allowance)
                if span is not None:
                    return span
            shape = shape[: max(0, shape.rfind(b" "))]
        return None

    def _judge(self, view: bytes, start: int, shape: bytes, hit: Sequence[bool], allowance: Allowance) -> Span | None:
        """Who the number is of: first those that words near it name, then those that need no words."""
        end = start + len(shape)
        value = str(view[start:end].translate(None, _SEPARATORS), "latin-1")
        unnamed: Span | None = None
        for place, needs_words in self._of_shape[shape]:
            identifier = self._identifiers[place]
            if needs_words and not hit[place + 1]:
                continue
            words = hit[place + 1]
            if not allowance.check(identifier.cost + (_CONTEXT_COST if words else 0.0)):
                return Span(start, end, identifier.entity)
            named = words and self._contexts[place].near(view, start, end)
            if (not named and (needs_words or unnamed is not None)) or not identifier.check(value):
                continue
            span = Span(start, end, identifier.entity, identifier.validated)
            if named:
                return span
            unnamed = span
        return unnamed if unnamed is None or not _is_part(view, start, end) else None


def _by_shape(identifiers: Iterable[Identifier]) -> dict[bytes, list[tuple[int, bool]]]:
    """Who has a shape: places in `identifiers`, and whether words are needed."""
    table: dict[bytes, list[tuple[int, bool]]] = {}
    for place, identifier in enumerate(identifiers):
        for shapes, needs_words in ((identifier.shapes, False), (identifier.bare, True)):
            for shape in shapes:
                table.setdefault(shape.encode("ascii"), []).append((place, needs_words))
    return table


def _expression(shapes: Iterable[bytes]) -> bytes:
    alternatives = "|".join(_shape_expression(str(shape, "ascii")) for shape in sorted(shapes))
    return rf"\b(?:{alternatives})\b".encode("ascii")


def _shape_expression(shape: str) -> str:
    runs = ((kind, len(list(run))) for kind, run in groupby(shape))
    return "".join(f"{_CLASSES[kind]}{{{size}}}" if size > 1 else _CLASSES[kind] for kind, size in runs)


def _next_group(view: bytes, start: int, end: int) -> int:
    """Where another number may begin: after the first separator of the one that was none."""
    shape = view[start:end].translate(_SHAPE)
    first = shape.find(b" ")
    return end if first < 0 else start + first + 1


def _is_part(view: bytes, start: int, end: int) -> bool:
    """Whether hyphens join the number to more, as in a UUID."""
    before, after = view[max(0, start - 2) : start], view[end : end + 2]
    return (before[1:] == b"-" and before[:1].isalnum()) or (after[:1] == b"-" and after[1:].isalnum())
