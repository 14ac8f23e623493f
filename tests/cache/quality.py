"""`python -m tests.cache.quality [--model DIR]`: how good semantic hits are on `semantic_pairs`, for docs/cache.md.

A pair is a hit when its two questions read the same. With a model's directory (`model.onnx` and `tokenizer.json`), its
vectors are measured beside it: alone, and as the second opinion on what reads the same.
"""

import argparse
import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from extproc.cache.semantic.embedder import Embedder
from extproc.cache.semantic.reading import read
from extproc.cache.semantic.shadow import Sample, estimate
from extproc.cache.semantic.vector import similarity
from tests.cache.semantic_pairs import REPORT, TUNE, Pair

_THRESHOLDS = (0.80, 0.85, 0.90, 0.95)
_LANGUAGES = ("en", "de", "fr", "es")
Judge = Callable[[Pair], bool]


@dataclass(frozen=True, slots=True)
class Score:
    """Hits among the pairs that deserve one, and among those that do not."""

    true_hits: int
    paraphrases: int
    false_hits: int
    near_misses: int

    def row(self, name: str) -> str:
        most = estimate(Sample(self.near_misses, self.false_hits)).most
        true = f"{self.true_hits} of {self.paraphrases} ({_percent(self.true_hits, self.paraphrases)})"
        return f"| {name} | {true} | {self.false_hits} of {self.near_misses} | {most:.1%} |"


def reads_same(pair: Pair) -> bool:
    """What the gateway serves."""
    reading = read(pair.one)
    return reading is not None and reading == read(pair.other)


def score(pairs: Iterable[Pair], is_hit: Judge) -> Score:
    """How often `is_hit` is right."""
    judged = [(pair.same, is_hit(pair)) for pair in pairs]
    same = [hit for is_same, hit in judged if is_same]
    different = [hit for is_same, hit in judged if not is_same]
    return Score(sum(same), len(same), sum(different), len(different))


def reading_table(pairs: Sequence[Pair]) -> str:
    """By language."""
    rows = [
        score([pair for pair in pairs if pair.language == language], reads_same).row(language)
        for language in _LANGUAGES
    ]
    return _table([*rows, score(pairs, reads_same).row("all")])


def vector_table(pairs: Sequence[Pair], likeness: dict[Pair, float]) -> str:
    """Vectors alone at some thresholds, and both together."""
    alone = [score(pairs, _above(likeness, threshold)).row(f"vectors at {threshold:.2f}") for threshold in _THRESHOLDS]
    both = [
        score(pairs, _both(likeness, threshold)).row(f"reading, and vectors at {threshold:.2f}")
        for threshold in _THRESHOLDS
    ]
    return _table([*alone, *both, score(pairs, reads_same).row("reading")])


def _above(likeness: dict[Pair, float], threshold: float) -> Judge:
    return lambda pair: likeness[pair] >= threshold


def _both(likeness: dict[Pair, float], threshold: float) -> Judge:
    return lambda pair: likeness[pair] >= threshold and reads_same(pair)


async def likeness_of(pairs: Sequence[Pair], embedder: Embedder) -> dict[Pair, float]:
    """The cosine of every pair."""
    ones = await embedder.embed([pair.one for pair in pairs])
    others = await embedder.embed([pair.other for pair in pairs])
    return {pair: similarity(one, other) for pair, one, other in zip(pairs, ones, others, strict=True)}


def _table(rows: Iterable[str]) -> str:
    head = ("| | true hits | false hits | at most (95 % confidence) |", "|---|---|---|---|")
    return "\n".join((*head, *rows))


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a directory with model.onnx and tokenizer.json")
    model = parser.parse_args().model
    for name, pairs in (("Report", REPORT), ("Tune", TUNE)):
        print(f"{name} half\n\n{reading_table(pairs)}\n")
    if model is not None:
        from extproc.cache.semantic.onnx_embedder import OnnxEmbedder

        english = [pair for pair in REPORT if pair.language == "en"]
        likeness = asyncio.run(likeness_of(english, OnnxEmbedder(model)))
        print(f"Report half, English\n\n{vector_table(english, likeness)}")


if __name__ == "__main__":
    main()
