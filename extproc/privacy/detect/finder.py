"""What looks for one thing, or one family of things, in a text that its hints say has it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import re2

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.prefilter import latin_1
from extproc.privacy.detect.rule import Rule
from extproc.privacy.detect.span import Span

_BEFORE = 32


class Finder(Protocol):
    """`hints` are Hyperscan expressions; the finder is asked only where the first of them matches."""

    @property
    def hints(self) -> Sequence[bytes]: ...

    def find(self, view: bytes, hit: Sequence[bool], allowance: Allowance) -> Iterator[Span]:
        """Spans over `view`; `hit` says which of the hints match. Past the allowance all counts as found."""
        ...


class RuleFinder:
    """What a rule matches."""

    def __init__(self, rule: Rule) -> None:
        self.hints = (rule.hint.encode("latin-1"),)
        self._rule = rule
        self._expression = re2.compile(rule.expression.encode("latin-1"), latin_1())
        self._group = min(self._expression.groups, 1)

    def find(self, view: bytes, hit: Sequence[bool], allowance: Allowance) -> Iterator[Span]:
        rule = self._rule
        for match in self._expression.finditer(view):
            start, end = match.span(self._group)
            if not allowance.match():
                yield Span(start, len(view), rule.entity)
                return
            if rule.check is None or not allowance.check(rule.cost):
                yield Span(start, end, rule.entity)
            elif rule.check(str(view[start:end], "latin-1"), str(view[max(0, start - _BEFORE) : start], "latin-1")):
                yield Span(start, end, rule.entity, rule.validated)
