"""Vectors of texts as bytes: 32-bit floats in little-endian order, of length 1, so that a product is a similarity."""

import math
import sys
from array import array
from collections.abc import Iterable
from operator import mul


def packed(numbers: Iterable[float]) -> bytes:
    """A vector of length 1 in the direction of `numbers`. Raises ValueError for one without a direction."""
    values = list(numbers)
    length = math.sqrt(math.fsum(value * value for value in values))
    if not 0 < length < math.inf:
        raise ValueError("a vector without a direction")
    return _little_endian(array("f", (value / length for value in values))).tobytes()


def similarity(one: bytes, other: bytes) -> float:
    """The cosine of two vectors, -1 to 1; -1 for those of different models, which cannot be compared."""
    if len(one) != len(other) or len(one) % 4:
        return -1.0
    return float(sum(map(mul, _numbers(one), _numbers(other))))


def _numbers(vector: bytes) -> "array[float]":
    return _little_endian(array("f", vector))


def _little_endian(numbers: "array[float]") -> "array[float]":
    """From the machine's order to little-endian, or back."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
