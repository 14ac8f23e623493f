"""Money, exact in both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.prices import dollars, nano_dollars


@pytest.mark.parametrize(
    ("written", "nano"),
    [
        ("2.50", 2_500_000_000),
        ("0", 0),
        ("0.1", 100_000_000),
        ("0.000000001", 1),
        ("999999.999999999", 999_999_999_999_999),
        (10, 10_000_000_000),
        (0.1, 100_000_000),
        (1e-09, 1),
        (2.675, 2_675_000_000),
    ],
)
def test_nano_dollars(written: str | float, nano: int) -> None:
    assert nano_dollars(written) == nano


@pytest.mark.parametrize(("nano", "shown"), [(0, "0"), (2_500_000_000, "2.5"), (1, "0.000000001"), (10**10, "10")])
def test_dollars(nano: int, shown: str) -> None:
    assert dollars(nano) == shown


@given(st.integers(0, 10**15))
def test_dollars_can_be_read_back(nano: int) -> None:
    assert nano_dollars(dollars(nano)) == nano
