"""`python -m tests.privacy.quality [--presidio-python PATH]`: how good the detector is, as tables for docs/privacy.md.

A labelled span counts as found if a span of the same entity overlaps it; a span counts as right if it overlaps a
labelled one of the same entity. Presidio's pattern recognisers (no model of language) run on the same prompts in a
Python of their own.
"""

import argparse
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from extproc.privacy.detect.detector import Detector
from extproc.privacy.detect.span import Span
from tests.privacy.corpus import LOCALES, Example, Half, generate

ROUNDS = 12
_PRESIDIO = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
languages = sys.argv[1:]
registry = RecognizerRegistry(supported_languages=languages)
registry.load_predefined_recognizers(languages=languages)
registry.remove_recognizer("SpacyRecognizer")
engine = NoOpNlpEngine(models=[{"lang_code": code, "model_name": "no_op"} for code in languages])
analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=languages)
print(json.dumps(sorted({name for code in languages for name in analyzer.get_supported_entities(code)})), flush=True)
for line in sys.stdin:
    language, text = json.loads(line)
    found = analyzer.analyze(text, language, score_threshold=0.35)
    print(json.dumps([(each.start, each.end, each.entity_type) for each in found]), flush=True)
"""
_NOT_LABELLED = frozenset({"DATE_TIME", "URL", "UUID", "PERSON", "LOCATION", "NRP", "ORGANIZATION"})
_PRESIDIO_NAMES = {"US_BANK_NUMBER": "BANK_ACCOUNT", "US_PASSPORT": "PASSPORT", "UK_PASSPORT": "PASSPORT"}
_LANGUAGES = sorted({locale[:2] for locale in LOCALES})


@dataclass(slots=True)
class Tally:
    """Counts of one entity or locale."""

    labelled: int = 0
    found: int = 0
    detected: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.labelled if self.labelled else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.detected if self.detected else 1.0


@dataclass(slots=True)
class Score:
    """Tallies of all, by entity and by locale."""

    total: Tally = field(default_factory=Tally)
    by_entity: dict[str, Tally] = field(default_factory=dict)
    by_locale: dict[str, Tally] = field(default_factory=dict)

    def add(self, example: Example, detected: Sequence[Span]) -> None:
        """One prompt's."""
        for label in example.spans:
            for tally in self._tallies(label, example):
                tally.labelled += 1
                tally.found += _is_met(label, detected)
        for span in detected:
            for tally in self._tallies(span, example):
                tally.detected += 1
                tally.right += _is_met(span, example.spans)

    def _tallies(self, span: Span, example: Example) -> tuple[Tally, Tally, Tally]:
        entity = self.by_entity.setdefault(str(span.entity), Tally())
        return self.total, entity, self.by_locale.setdefault(example.locale, Tally())


def _is_met(span: Span, others: Iterable[Span]) -> bool:
    return any(span.entity == other.entity and span.start < other.end and other.start < span.end for other in others)


Find = Callable[[Example], Sequence[Span]]


def finder(detector: Detector) -> Find:
    """Ours, which is not told the language."""
    return lambda example: detector.find(example.text)


def measure(examples: Iterable[Example], find: Find, only: Container[str] | None = None) -> Score:
    """How `find` does on the examples; of the entities in `only`, if that is given."""
    score = Score()
    for example in examples:
        labels = tuple(span for span in example.spans if only is None or span.entity in only)
        detected = [span for span in find(example) if only is None or span.entity in only]
        score.add(replace(example, spans=labels), detected)
    return score


def mistakes(examples: Iterable[Example], find: Find) -> Counter[tuple[str, str, str]]:
    """What was missed and what was made up: kind, entity, and the text (of a corpus, and so nobody's)."""
    counter: Counter[tuple[str, str, str]] = Counter()
    for example in examples:
        detected = find(example)
        for kind, spans, others in (("missed", example.spans, detected), ("made up", detected, example.spans)):
            for span in spans:
                if not _is_met(span, others):
                    near = example.text[max(0, span.start - 25) : span.end + 10]
                    counter[kind, str(span.entity), f"{example.text[span.start : span.end]!r} in {near!r}"] += 1
    return counter


def as_table(title: str, scores: dict[str, dict[str, Tally]]) -> str:
    """Rows by name, two columns a detector, in Markdown."""
    names = sorted({name for tallies in scores.values() for name in tallies})
    head = " | ".join(f"{detector} recall | {detector} precision" for detector in scores)
    lines = [f"| {title} | labelled | {head} |", "|---" * (2 + 2 * len(scores)) + "|"]
    for name in names:
        tallies = [tallies.get(name, Tally()) for tallies in scores.values()]
        cells = " | ".join(
            f"{_share(each.recall, each.labelled)} | {_share(each.precision, each.detected)}" for each in tallies
        )
        lines.append(f"| {name} | {tallies[0].labelled} | {cells} |")
    return "\n".join(lines)


def _share(value: float, count: int) -> str:
    return f"{value:.3f}" if count else "-"


class Presidio:
    """Presidio in a process of its own, told the language of each prompt."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", _PRESIDIO, *_LANGUAGES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.entities = {_PRESIDIO_NAMES.get(name, name) for name in self._answer()}

    def find(self, example: Example) -> list[Span]:
        """Spans of entities that the corpus labels."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([example.locale[:2], example.text]) + "\n")
        self._process.stdin.flush()
        spans = [Span(start, end, _PRESIDIO_NAMES.get(entity, entity)) for start, end, entity in self._answer()]
        return [span for span in spans if span.entity not in _NOT_LABELLED]

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> list[Any]:
        assert self._process.stdout is not None
        answer: list[Any] = json.loads(self._process.stdout.readline())
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presidio-python", help="a Python that has presidio-analyzer")
    parser.add_argument("--mistakes", action="store_true", help="of the tuning half, what went wrong")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    find = finder(Detector())
    if arguments.mistakes:
        for (kind, entity, what), count in mistakes(generate(Half.TUNING, arguments.rounds), find).most_common():
            print(count, kind, entity, what)
        return
    presidio = Presidio(arguments.presidio_python) if arguments.presidio_python else None
    for half in Half:
        report(half.name.lower().replace("_", "-"), list(generate(half, arguments.rounds)), find, presidio)
    if presidio is not None:
        presidio.close()


def report(half: str, examples: list[Example], find: Find, presidio: Presidio | None) -> None:
    """Prints the tables of one half."""
    finds = {"detector": find} if presidio is None else {"detector": find, "Presidio": presidio.find}
    scores = {name: measure(examples, each) for name, each in finds.items()}
    print(f"\n{half} half: {len(examples)} prompts, {scores['detector'].total.labelled} labelled spans\n")
    totals = {name: {"all": score.total} for name, score in scores.items()}
    if presidio is not None:
        for name, each in finds.items():
            totals[name]["what both know"] = measure(examples, each, presidio.entities).total
    print(as_table("entities", totals))
    print("\n" + as_table("entity", {name: score.by_entity for name, score in scores.items()}))
    print("\n" + as_table("locale", {name: score.by_locale for name, score in scores.items()}))


if __name__ == "__main__":
    main()
