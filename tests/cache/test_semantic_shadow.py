"""What answers say about hits."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cache.semantic.shadow import Likeness, Sample, estimate, likeness, sample_of

SAME, DIFFERENT = Likeness(1.0, 1.0), Likeness(0.9, 0.1)


@pytest.mark.parametrize(
    ("cached", "fresh", "same"),
    [
        ("The capital of Austria is Vienna.", "The capital of Austria is Vienna.", True),
        ("The capital of Austria is Vienna.", "Vienna is the capital of Austria.", True),
        ("The capital of Austria is Vienna.", "The capital of Australia is Canberra.", False),
        ("It rose by 12 % in 2022.", "It rose by 15 % in 2023.", False),
        ("Yes, you can do that.", "No, that harms the child.", False),
        ("use sorted to sort it", "sort it: use sorted", True),
        ("", "", True),
        ("", "Vienna", False),
    ],
)
def test_answers_are_compared_by_their_words_and_facts(cached: str, fresh: str, same: bool) -> None:
    assert likeness(cached, fresh).same is same


def test_only_the_beginnings_of_answers_are_compared() -> None:
    assert likeness("word " * 1000 + "Vienna", "word " * 1000 + "Canberra") == Likeness(1.0, 1.0)


@given(st.text(max_size=200), st.text(max_size=200))
def test_likeness_is_mutual_and_whole_for_equals(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert likeness(one, one) == Likeness(1.0, 1.0)


@pytest.mark.parametrize(
    ("compared", "differed", "rate", "least", "most"),
    [
        (0, 0, 0.0, 0.0, 1.0),
        (10, 0, 0.0, 0.0, 0.2589),
        (299, 0, 0.0, 0.0, 0.00997),
        (100, 1, 0.01, 0.00051, 0.04656),
        (1, 1, 1.0, 0.05, 1.0),
    ],
)
def test_an_estimate_has_exact_bounds(compared: int, differed: int, rate: float, least: float, most: float) -> None:
    found = estimate(Sample(compared, differed))
    assert (found.rate, found.least, found.most) == pytest.approx((rate, least, most), abs=5e-5)


@pytest.mark.parametrize(
    ("compared", "differed", "stops"),
    [(5, 1, True), (6, 1, False), (30, 2, True), (40, 2, False), (500, 5, False), (500, 10, True)],
)
def test_a_route_stops_when_its_false_hits_are_surely_above_the_bound(
    compared: int, differed: int, stops: bool
) -> None:
    assert Sample(compared - 1, differed - 1).after(DIFFERENT, bound=0.01).stopped is stops


def test_what_has_stopped_stays_so() -> None:
    sample = Sample(5, 1, stopped=True)
    assert reduce(lambda so_far, _: so_far.after(SAME, bound=0.01), range(1000), sample).stopped


def test_a_full_sample_forgets_half_of_itself() -> None:
    assert Sample(4096, 10).after(SAME, bound=0.5) == Sample(2048, 5)


def test_good_hits_never_stop_a_route() -> None:
    assert not reduce(lambda so_far, _: so_far.after(SAME, bound=0.01), range(5000), Sample()).stopped


def test_a_sample_survives_its_record() -> None:
    assert sample_of(Sample(12, 3, stopped=True).encode()) == Sample(12, 3, stopped=True)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"compared":"x"}', b'{"compared":-1}', b'{"differed":5}', b"\xff"]
)
def test_a_damaged_record_stops_the_route(data: bytes) -> None:
    assert sample_of(data) == Sample(stopped=True)
