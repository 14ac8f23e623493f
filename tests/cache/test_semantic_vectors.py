"""Vectors, and the nearest of many."""

import math

import pytest

from extproc.cache.semantic.index import Neighbour, VectorIndex
from extproc.cache.semantic.vector import packed, similarity

EAST, NORTH, SOUTH = packed([1, 0]), packed([0, 2]), packed([0, -1])
HERE, THERE = b"here", b"there"


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


def test_the_nearest_is_found_in_its_partition_only() -> None:
    index = VectorIndex(rows=10, partitions=10)
    index.add(HERE, b"east", EAST)
    index.add(HERE, b"north", NORTH)
    index.add(THERE, b"elsewhere", packed([1, 1]))
    found = index.nearest(HERE, packed([1, 3]))
    assert found is not None
    assert found.id == b"north"
    assert found.similarity == pytest.approx(3 / math.sqrt(10), abs=1e-6)
    assert index.nearest(b"nowhere", EAST) is None


def test_a_full_partition_gives_up_its_oldest() -> None:
    index = VectorIndex(rows=2, partitions=1)
    for name, vector in ((b"east", EAST), (b"north", NORTH), (b"south", SOUTH)):
        index.add(HERE, name, vector)
    assert index.nearest(HERE, EAST) == Neighbour(b"south", 0.0)
    assert index.nearest(HERE, NORTH) == Neighbour(b"north", 1.0)


def test_a_partition_grows_to_its_bound() -> None:
    index = VectorIndex(rows=50, partitions=1)
    for number in range(120):
        angle = number / 120
        index.add(HERE, b"%d" % number, packed([math.cos(angle), math.sin(angle)]))
    for number, nearest in ((119, b"119"), (70, b"70"), (10, b"70")):
        angle = number / 120
        found = index.nearest(HERE, packed([math.cos(angle), math.sin(angle)]))
        assert found is not None
        assert found.id == nearest


def test_the_partition_that_was_used_longest_ago_goes_first() -> None:
    index = VectorIndex(rows=2, partitions=2)
    index.add(b"a", b"1", EAST)
    index.add(b"b", b"2", EAST)
    index.nearest(b"a", EAST)
    index.add(b"c", b"3", EAST)
    assert index.nearest(b"a", EAST) == Neighbour(b"1", 1.0)
    assert index.nearest(b"b", EAST) is None


def test_vectors_of_another_model_begin_a_partition_anew() -> None:
    index = VectorIndex(rows=2, partitions=2)
    index.add(HERE, b"old", EAST)
    assert index.nearest(HERE, packed([1, 0, 0])) is None
    index.add(HERE, b"new", packed([1, 0, 0]))
    assert index.nearest(HERE, EAST) is None
    assert index.nearest(HERE, packed([1, 0, 0])) == Neighbour(b"new", 1.0)
