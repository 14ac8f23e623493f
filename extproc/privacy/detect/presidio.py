"""Presidio's recognisers, with whatever engine of named entities an operator gives them (package `presidio-analyzer`).

Presidio takes tens of milliseconds for a long prompt and has no bound on hostile text: for where that is worth names of
persons and places, in a thread of its own. A Presidio that runs as a service is asked by a client, and not from here.
"""

import logging
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

    def get_supported_entities(self, language: str) -> list[str]:
        """The same."""
        ...


def load_analyzer(language: str, model: str | None) -> Analyzer:
    """Presidio with a spaCy pipeline that is installed (nothing is downloaded), or with its patterns only.

    Takes a second or more for a large model. Raises ModuleNotFoundError without the package, ValueError for a language
    or a model that there is not.
    """
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from spacy import blank, load

    logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)  # below, it logs words of what it reads
    engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": model or "blank"}])
    try:
        engine.nlp = {language: load(model) if model is not None else blank(language)}
    except (OSError, ImportError):
        what = f"there is no spaCy model {model!r}" if model is not None else f"spaCy has no language {language!r}"
        raise ValueError(what) from None
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
    if model is None:
        registry.remove_recognizer("SpacyRecognizer")  # it would say that it knows names
    made: Analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])
    return made


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
