"""Vectors, and how alike two are."""

import math

import pytest

from extproc.cache.semantic.vector import packed, similarity

EAST, NORTH = packed([1, 0]), packed([0, 2])


def test_a_vector_is_packed_at_length_one() -> None:
    assert packed([3, 4]) == bytes.fromhex("9a99193fcdcc4c3f")


@pytest.mark.parametrize("numbers", [[], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_what_has_no_direction_is_no_vector(numbers: list[float]) -> None:
    with pytest.raises(ValueError, match="direction"):
        packed(numbers)


@pytest.mark.parametrize(
    ("other", "expected"),
    [(EAST, 1.0), (NORTH, 0.0), (packed([-1, 0]), -1.0), (packed([1, 1]), 0.7071), (packed([1, 0, 0]), -1.0)],
)
def test_similarity_is_the_cosine_and_the_least_for_what_cannot_be_compared(other: bytes, expected: float) -> None:
    assert similarity(EAST, other) == pytest.approx(expected, abs=1e-4)


def test_a_vector_of_another_shape_is_like_nothing() -> None:
    assert similarity(b"abc", b"abc") == -1.0
