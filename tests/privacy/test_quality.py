"""The detector on prompts that were not looked at while its patterns were made."""

import pytest

from extproc.privacy.detect.detector import Detector
from tests.privacy.corpus import Half, generate
from tests.privacy.quality import ROUNDS, Score, finder, measure


@pytest.fixture(scope="module")
def score() -> Score:
    return measure(generate(Half.HELD_OUT, ROUNDS), finder(Detector()))


def test_what_is_labelled_is_found(score: Score) -> None:
    assert score.total.labelled > 1500
    assert score.total.recall >= 0.95


def test_what_is_found_is_labelled(score: Score) -> None:
    assert score.total.precision >= 0.95


def test_no_locale_is_left_behind(score: Score) -> None:
    assert min(tally.recall for tally in score.by_locale.values()) >= 0.9


def test_the_corpus_is_the_same_each_time() -> None:
    assert list(generate(Half.TUNING, 1)) == list(generate(Half.TUNING, 1))


def test_the_halves_share_no_sentence() -> None:
    tuning, held_out = ({sentence for sentences in half.sentences.values() for sentence in sentences} for half in Half)
    assert not tuning & held_out
