"""What recognisers said of a request's texts, when they were asked before the search: a `Recogniser` of that request.

A model tells a name by the words around it, and misses it where there are none. So a value that was found in one text
of a request is found in all of them, where it stands as a word: in the answer of an earlier turn, in the arguments of a
tool.
"""

from collections.abc import Iterator, Mapping, Sequence

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.custom import CustomFinder, WordList
from extproc.privacy.detect.separator import SEPARATOR
from extproc.privacy.detect.span import Span

_LENGTHS = range(3, 101)  # of values that are looked for elsewhere
_MOST_VALUES = 1000  # of one entity


class Heard:
    """`spans` are by text, for each text that was asked about; `entities` all that might have been found."""

    def __init__(self, spans: Mapping[str, Sequence[Span]], entities: Sequence[str]) -> None:
        self._spans = spans
        self._entities = entities
        self._finders = [CustomFinder(WordList(entity, words, True)) for entity, words in _values(spans)]

    def find(self, text: str, allowance: Allowance) -> Iterator[Span]:
        """Of one text, or of several that are searched together."""
        at = 0
        for one in text.split(SEPARATOR):
            yield from self._said(one, at)
            at += len(one) + len(SEPARATOR)
        for finder in self._finders:
            yield from finder.find(text, allowance)

    def _said(self, text: str, at: int) -> Iterator[Span]:
        """A text that nobody was asked about, since there was no allowance for that, counts as found."""
        spans = self._spans.get(text)
        if spans is None:
            yield Span(at, at + len(text), self._entities[0])
        else:
            yield from (Span(span.start + at, span.end + at, span.entity, span.validated) for span in spans)


def _values(spans: Mapping[str, Sequence[Span]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The values of each entity."""
    found: dict[str, dict[str, None]] = {}
    for text, its_spans in spans.items():
        for span in its_spans:
            value = text[span.start : span.end].strip()
            values = found.setdefault(span.entity, {})
            if len(value) in _LENGTHS and len(values) < _MOST_VALUES:
                values[value] = None
    return ((entity, tuple(values)) for entity, values in found.items() if values)
