"""The numbers that docs/cache.md gives are those of the pairs."""

from pathlib import Path

from tests.cache.quality import likeness_of, reading_table, reads_same, score, vector_table
from tests.cache.semantic_fakes import WordEmbedder
from tests.cache.semantic_pairs import REPORT, TUNE

DOCUMENT = Path(__file__).parents[2] / "docs" / "cache.md"


def test_the_halves_have_nothing_in_common() -> None:
    texts = [{(pair.one, pair.other) for pair in half} for half in (REPORT, TUNE)]
    assert texts[0].isdisjoint(texts[1])
    assert [len(half) for half in (REPORT, TUNE)] == [172, 100]


def test_false_hits_are_at_most_one_in_a_hundred_near_misses() -> None:
    found = score(REPORT, reads_same)
    assert found.near_misses >= 100
    assert 100 * found.false_hits <= found.near_misses


def test_the_documentation_has_the_numbers_of_the_report_half() -> None:
    assert reading_table(REPORT) in DOCUMENT.read_text(encoding="utf-8")


async def test_vectors_are_measured_alone_and_with_the_reading() -> None:
    likeness = await likeness_of(REPORT, WordEmbedder())
    rows = vector_table(REPORT, likeness).splitlines()
    assert len(rows) == 11
    assert rows[-1] == "| reading | 28 of 44 (64%) | 0 of 128 | 2.3% |"
