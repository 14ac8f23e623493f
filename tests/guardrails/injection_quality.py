"""`python -m tests.guardrails.injection_quality`: how good the heuristics of prompt injection are, as a table."""

from dataclasses import dataclass

from extproc.guardrails.injection import InjectionFinder
from extproc.guardrails.reading import Reading
from extproc.guardrails.rule import InjectionRule
from tests.guardrails.injection_corpus import HELD_OUT, TUNING, Half


@dataclass(frozen=True)
class Quality:
    found: int
    attacks: int
    mistaken: int
    harmless: int

    @property
    def recall(self) -> float:
        return self.found / self.attacks

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.mistaken)


def finder(threshold: float = 1.0) -> InjectionFinder:
    return InjectionFinder(InjectionRule(name="injection", threshold=threshold))


def measured(half: Half, finder: InjectionFinder) -> Quality:
    found = sum(bool(finder.find(Reading(text))) for text in half.attacks)
    mistaken = sum(bool(finder.find(Reading(text))) for text in half.harmless)
    return Quality(found, len(half.attacks), mistaken, len(half.harmless))


def main() -> None:
    print("| half | threshold | recall | precision |\n|---|---|---|---|")
    for threshold in (0.8, 1.0, 1.3):
        for name, half in (("tuning", TUNING), ("held out", HELD_OUT)):
            quality = measured(half, finder(threshold))
            print(f"| {name} | {threshold} | {quality.recall:.2f} | {quality.precision:.2f} |")


if __name__ == "__main__":
    main()
