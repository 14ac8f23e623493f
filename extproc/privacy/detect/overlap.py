"""Which of the spans that overlap stays."""

from collections.abc import Iterable
from operator import itemgetter

from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.span import Span

_ORDER = {entity.value: place for place, entity in enumerate(Entity)}
_CUSTOM = -1  # what the operator names himself comes first
_PLACE = itemgetter(0, 1)


def resolve(spans: Iterable[Span]) -> list[Span]:
    """The spans in the order of the text, none over another.

    Of two that overlap stays the validated one, then the longer, then the one whose entity comes first in `Entity`
    (custom names before all). What a span that went had beyond the one that stayed is covered too: the spans that
    overlap become one with the bounds of all, and the entity of the best.
    """
    ordered = sorted(spans, key=_PLACE)
    kept: list[Span] = []
    best: Span | None = None
    start = end = 0
    for span in ordered:
        if best is None or span.start >= end:
            _close(kept, best, start, end)
            best, start, end = span, span.start, span.end
            continue
        end = max(end, span.end)
        if span != best and _rank(span) < _rank(best):
            best = span
    _close(kept, best, start, end)
    return kept


def _close(kept: list[Span], best: Span | None, start: int, end: int) -> None:
    if best is None:
        return
    same = best.start == start and best.end == end
    kept.append(best if same else Span(start, end, best.entity, best.validated))


def _rank(span: Span) -> tuple[bool, int, int]:
    return not span.validated, span.start - span.end, _ORDER.get(span.entity, _CUSTOM)
