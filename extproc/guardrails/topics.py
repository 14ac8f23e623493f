"""Topics: keywords, each with a weight, found in one pass whatever their number."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from extproc.guardrails.reading import Reading
from extproc.guardrails.rule import Rule, TopicRule
from extproc.guardrails.words import compiled, expression_of, form_of
from extproc.privacy.detect.prefilter import Prefilter
from extproc.privacy.detect.span import Span

_ANY_CASE = "(?i)"
_BOUNDED = re.compile(r"\{\d+,\d+\}")


@dataclass(frozen=True, slots=True)
class Sign:
    """An expression in the common tongue of RE2 and Hyperscan, over bytes; what it weighs.

    `hint` is in every text that it matches, and may be much cheaper to compile; as it is, the expression with repeats
    that have no bounds.
    """

    expression: str
    weight: float
    hint: str = ""

    @property
    def cheap(self) -> bytes:
        return (self.hint or _BOUNDED.sub("*", self.expression)).encode()


class WeightedSigns:
    """Signs in one form of a text. Each counts once, however often it is there.

    Hyperscan says in one pass which signs may be there at all, RE2 where.
    """

    def __init__(self, rule: Rule, signs: Sequence[Sign], flags: str = "") -> None:
        self._weights = [sign.weight for sign in signs]
        self._expressions = [
            compiled(rule, f"{flags}{sign.expression}".encode(), case_sensitive=True) for sign in signs
        ]
        self._prefilter = Prefilter([flags.encode() + sign.cheap for sign in signs])

    def find(self, view: bytes, threshold: float) -> tuple[float, list[tuple[int, int]]]:
        """What the signs weigh, and where they first are. Stops at the threshold."""
        score = 0.0
        places: list[tuple[int, int]] = []
        for sign in sorted(self._prefilter.scan(view) if view else ()):
            match = self._expressions[sign].search(view)
            if match is None:
                continue
            score += self._weights[sign]
            places.append(match.span())
            if score >= threshold:
                break
        return score, places


class TopicFinder:
    """Keywords that are ASCII when normalised are looked for without accents, others in lower case, as UTF-8."""

    def __init__(self, rule: TopicRule) -> None:
        self._rule = rule
        signs = [Sign(expression_of(word), weight) for word, weight in rule.keywords.items() if form_of(word).strip()]
        latin = [sign for sign in signs if sign.expression.isascii()]
        other = [Sign(sign.expression.lower(), sign.weight) for sign in signs if not sign.expression.isascii()]
        self._latin = WeightedSigns(rule, latin, _ANY_CASE) if latin else None
        self._other = WeightedSigns(rule, other) if other else None

    def find(self, reading: Reading) -> list[Span]:
        return weighed(self._rule, self._rule.threshold, reading, self._latin, self._other)


def weighed(
    rule: Rule, threshold: float, reading: Reading, latin: WeightedSigns | None, other: WeightedSigns | None
) -> list[Span]:
    """The signs of both forms if they weigh enough together."""
    score, places = latin.find(reading.view, threshold) if latin is not None else (0.0, [])
    if other is not None and score < threshold and not reading.plain.isascii():
        more, elsewhere = other.find(reading.lower.encode(), threshold - score)
        score += more
        places += [_characters(reading.lower, *place) for place in elsewhere]
    if score < threshold:
        return []
    return [reading.span(start, end, rule.name) for start, end in places]


def _characters(text: str, start: int, end: int) -> tuple[int, int]:
    """A place in the text's UTF-8, in characters."""
    encoded = text.encode()
    first = len(encoded[:start].decode("utf-8", "replace"))
    return first, first + len(encoded[start:end].decode("utf-8", "replace"))
