"""Order statistics of measured values."""

from collections.abc import Iterable, Sequence
from math import ceil


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that `percent` per cent of all are not above (nearest rank). Raises ValueError for none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(ceil(len(ordered) * percent / 100), 1) - 1]


def median(values: Sequence[float]) -> float:
    """The middle value; the mean of the two middle ones of an even number. Raises ValueError for none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values: Sequence[float]) -> float:
    """How far apart the rounds were: (largest - smallest) / median. Raises ValueError for none."""
    return (max(values) - min(values)) / median(values) if values else median(values)
