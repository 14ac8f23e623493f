"""Prompt injection and jail-breaks, by heuristics: signs whose weights add up to a score.

Beside the signs of `injection_signs`, the shape of a text counts: a long run of turns that one message plays by itself
(many-shot), and base64 or spaced-out letters, which are read and weighed again. Heuristics find what is commonly
written; they do not prove that a text is harmless. How good they are on a small set is in `docs/privacy.md`.
"""

from itertools import islice

import re2

from extproc.guardrails.injection_signs import LATIN, OTHER
from extproc.guardrails.reading import Reading
from extproc.guardrails.rule import InjectionRule
from extproc.guardrails.topics import WeightedSigns, weighed
from extproc.guardrails.words import compiled
from extproc.privacy.detect.encoded import Base64Runs
from extproc.privacy.detect.span import Span

_TURN = rb"(?m)^[ \t>*#-]{0,4}(?:user|human|q|question|assistant|ai|a|answer|bot|chatbot)[ \t*]{0,3}:"
_MANY_TURNS, _WEIGHT_OF_TURNS = 12, 0.5
_RUN = rb"[A-Za-z0-9+/_-]{24,}={0,2}"
_MOST_RUNS, _WEIGHT_OF_HIDING = 512, 0.5
_SPACED = rb"(?:\b[A-Za-z][ ._*-]{1,3}){8,}[A-Za-z]\b"
_MOST_SPACED = 64
_WORDS_APART = re2.compile(rb"[ ._*-]{2,}")
_NOT_LETTERS = bytes(byte for byte in range(256) if not chr(byte).isalpha() or byte > 127)


class InjectionFinder:
    """Finds the signs that weigh the rule's threshold together, or nothing."""

    def __init__(self, rule: InjectionRule) -> None:
        self._rule = rule
        self._latin = WeightedSigns(rule, LATIN, "(?i)")
        self._other = WeightedSigns(rule, OTHER)
        self._turn = compiled(rule, _TURN)
        self._run = compiled(rule, _RUN, case_sensitive=True)
        self._spaced = compiled(rule, _SPACED, case_sensitive=True)
        self._base64 = Base64Runs()

    def find(self, reading: Reading) -> list[Span]:
        threshold = self._rule.threshold
        shape, places = self._shape(reading.view)
        if shape < threshold:
            # The signs need only weigh what the shape does not.
            signs = weighed(self._rule, threshold - shape, reading, self._latin, self._other)
            if not signs:
                return []
            return [*signs, *(reading.span(start, end, self._rule.name) for start, end in places)]
        return [reading.span(start, end, self._rule.name) for start, end in places]

    def _shape(self, view: bytes) -> tuple[float, list[tuple[int, int]]]:
        """What the text's form weighs, with what is hidden in it."""
        turns = [match.span() for match in islice(self._turn.finditer(view), _MANY_TURNS)]
        many = len(turns) == _MANY_TURNS
        score = _WEIGHT_OF_TURNS if many else 0.0
        places = turns if many else []
        hidden, hiding = self._hidden(view)
        if hidden:
            inner, found = self._latin.find(hidden, self._rule.threshold)
            if found:
                score += inner + _WEIGHT_OF_HIDING
                places = [*places, *hiding]
        return score, places

    def _hidden(self, view: bytes) -> tuple[bytes, list[tuple[int, int]]]:
        """What base64 and spaced-out letters say, and where they are."""
        said: list[bytes] = []
        places: list[tuple[int, int]] = []
        for match in islice(self._run.finditer(view), _MOST_RUNS):
            text = self._base64.decode(view[slice(*match.span())])
            if text is not None:
                said.append(Reading(text).view)
                places.append(match.span())
        for match in islice(self._spaced.finditer(view), _MOST_SPACED):
            said.append(_closed_up(view[slice(*match.span())]))
            places.append(match.span())
        return b"\n".join(said), places


def _closed_up(spaced: bytes) -> bytes:
    """`i g n o r e  a l l` as `ignore all`: words are where the gap is wider."""
    return b" ".join(word.translate(None, _NOT_LETTERS) for word in _WORDS_APART.split(spaced))
