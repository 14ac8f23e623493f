"""Presidio's answers as spans."""

from collections.abc import Sequence
from dataclasses import dataclass

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.presidio import Presidio
from extproc.privacy.detect.span import Span


@dataclass
class Found:
    start: int
    end: int
    entity_type: str


class Analyzer:
    """Takes what Presidio's takes."""

    def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[Found]:
        assert (language, entities, score_threshold) == ("de", ["PERSON"], 0.5)
        return [Found(text.index("Ada"), text.index("Ada") + 3, "PERSON")]


def test_presidios_results_become_spans() -> None:
    assert Presidio(Analyzer(), ["PERSON"], "de").find("Ich bin Ada.", Allowance()) == [Span(8, 11, "PERSON")]
