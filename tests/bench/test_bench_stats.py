"""Order statistics of a benchmark's rounds."""

import pytest

from bench.stats import median, percentile, spread


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (1, 1.0), (50, 5.0), (51, 6.0), (90, 9.0), (99, 10.0), (100, 10.0)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([7, 3, 1, 9, 5, 2, 8, 4, 10, 6], percent) == expected


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([2.5], 99) == 2.5


def test_the_median_of_an_odd_number_is_the_middle_value() -> None:
    assert median([9.0, 1.0, 5.0]) == 5.0


def test_the_median_of_an_even_number_lies_between_the_two_middle_values() -> None:
    assert median([1.0, 2.0, 4.0, 100.0]) == 3.0


def test_the_spread_is_the_range_in_medians() -> None:
    assert spread([1.0, 2.0, 4.0]) == 1.5


def test_rounds_that_agree_have_no_spread() -> None:
    assert spread([3.0, 3.0]) == 0.0


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
