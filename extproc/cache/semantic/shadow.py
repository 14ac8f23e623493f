"""How often a semantic hit would have been wrong, told from answers: the cached one beside the fresh one.

A route in shadow mode, and a sample of the hits of every other, go upstream all the same; what comes back is compared
with what the cache would have said. The comparison knows no meaning: two good answers to one question may differ in
their words, so it finds too many false hits rather than too few. When the sample says with 95 % confidence that false
hits are more than the route's bound, the route stops serving semantic hits, until an operator begins a new sample.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, fsum, lgamma, log, log1p
from typing import Annotated

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.cache.semantic.tokens import tokens

SAMPLE = "cache-sample"
"""The kind of a route's sample in the registry; its id is the route's name. Without a record it is a new one."""

_DOUBT = 0.05
_MOST_COMPARED = 4096
_LEAST_WORDS, _LEAST_FACTS = 0.3, 0.5
_STEPS = 40
_MOST_CHARACTERS = 4000
_Count = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much two answers share, 0 to 1: of all words, and of those that look like facts (numbers, names, quotes)."""

    words: float
    facts: float

    @property
    def same(self) -> bool:
        return self.words >= _LEAST_WORDS and self.facts >= _LEAST_FACTS


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of false hits as counted, and its bounds, each with 95 % confidence (Clopper and Pearson, 1934)."""

    rate: float
    least: float
    most: float


class Sample(msgspec.Struct, frozen=True):
    """What was compared, and in how many cases the answers differed. `stopped` stays, whatever comes after it."""

    compared: _Count = 0
    differed: _Count = 0
    stopped: bool = False

    def after(self, one: Likeness, bound: float) -> "Sample":
        """With one comparison more; `bound` is the share of false hits (above 0, below 1) that the route allows.

        A full sample counts half of what it holds, so that a change is seen.
        """
        compared, differed = self.compared + 1, self.differed + (not one.same)
        if compared > _MOST_COMPARED:
            compared, differed = compared // 2, differed // 2
        is_above = differed > 0 and _at_least(differed, compared, bound) < _DOUBT
        return Sample(compared, differed, self.stopped or is_above)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


_decode_sample = msgspec.json.Decoder(Sample).decode


def sample_of(data: bytes) -> Sample:
    """A sample from its record; a new one, stopped, where the record is not understood: what it said is not known."""
    try:
        sample = _decode_sample(data)
    except MALFORMED:
        return Sample(stopped=True)
    return sample if sample.differed <= sample.compared else Sample(stopped=True)


def estimate(sample: Sample) -> Estimate:
    """What is known of the share; everything between 0 and 1 is possible before the first comparison."""
    differed, compared = sample.differed, sample.compared
    if compared == 0:
        return Estimate(0.0, 0.0, 1.0)
    least = _solved(lambda share: _at_least(differed, compared, share) < _DOUBT) if differed else 0.0
    most = _solved(lambda share: 1 - _at_least(differed + 1, compared, share) > _DOUBT) if differed < compared else 1.0
    return Estimate(differed / compared, least, most)


def likeness(cached: str, fresh: str) -> Likeness:
    """Two answers compared, by their beginnings. Two without any words, or any facts, share all of them."""
    one, other = _words(cached), _words(fresh)
    return Likeness(_shared(_lower(one), _lower(other)), _shared(_lower(_facts(one)), _lower(_facts(other))))


def _words(answer: str) -> list[str]:
    return [token.text for token in tokens(answer[:_MOST_CHARACTERS]) if token.exact or token.text[0].isalnum()]


def _facts(words: Iterable[str]) -> Iterable[str]:
    return (word for word in words if not word.isalpha() or word[0].isupper())


def _lower(words: Iterable[str]) -> Iterable[str]:
    return (word.lower() for word in words)


def _shared(one: Iterable[str], other: Iterable[str]) -> float:
    """Dice's coefficient of two bags."""
    left, right = Counter(one), Counter(other)
    both = left.total() + right.total()
    return 2 * (left & right).total() / both if both else 1.0


def _at_least(count: int, tries: int, share: float) -> float:
    """How likely it is that a thing of this share happens `count` times or more."""
    if count == 0:
        return 1.0
    whole = lgamma(tries + 1)
    return 1 - fsum(
        exp(whole - lgamma(k + 1) - lgamma(tries - k + 1) + k * log(share) + (tries - k) * log1p(-share))
        for k in range(count)
    )


def _solved(is_below: Callable[[float], bool]) -> float:
    """The share up to which something is so."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low
