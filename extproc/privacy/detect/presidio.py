"""Presidio's recognisers, with whatever engine of named entities an operator gives them (package `presidio-analyzer`).

Presidio takes tens of milliseconds for a long prompt and has no bound on hostile text: for where that is worth names of
persons and places. A Presidio that runs as a service of its own is asked asynchronously, by a client and not from here.
"""

from collections.abc import Sequence
from typing import Protocol

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.span import Span


class Result(Protocol):
    """What we read of `presidio_analyzer.RecognizerResult`."""

    start: int
    end: int
    entity_type: str


class Analyzer(Protocol):
    """What we use of `presidio_analyzer.AnalyzerEngine` (2.2)."""

    def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[Result]:
        """Presidio's own."""
        ...


class Presidio:
    """A `Recogniser`. `entities` are Presidio's names; what scores less than `least_score` is left out."""

    def __init__(
        self, analyzer: Analyzer, entities: Sequence[str], language: str = "en", least_score: float = 0.5
    ) -> None:
        self._analyzer = analyzer
        self._entities = list(entities)
        self._language = language
        self._least_score = least_score

    def find(self, text: str, allowance: Allowance) -> Sequence[Span]:
        """The allowance does not hold here: Presidio cannot be bounded."""
        results = self._analyzer.analyze(
            text=text, language=self._language, entities=self._entities, score_threshold=self._least_score
        )
        return [Span(result.start, result.end, result.entity_type) for result in results]
