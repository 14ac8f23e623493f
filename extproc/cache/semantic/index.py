"""The nearest of the vectors of a partition, by looking at all of them.

For shadow mode, which asks what vectors alone would have served: a hit needs no search, since questions that read the
same have the same digest. Exact, in process, bounded in every direction; needs numpy (the extra `semantic`).
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`id` is what was added, `similarity` the cosine."""

    id: bytes
    similarity: float


class VectorIndex:
    """At most `rows` vectors a partition and `partitions` partitions; what was used or added last stays."""

    def __init__(self, *, rows: int, partitions: int) -> None:
        self._rows = rows
        self._most = partitions
        self._partitions: OrderedDict[bytes, _Rows] = OrderedDict()

    def add(self, partition: bytes, id: bytes, vector: bytes) -> None:
        """A vector as `vector.packed` gives it. Vectors of another length than the last one's begin the partition anew:
        the model was changed."""
        kept = self._partitions.get(partition)
        if kept is None or kept.width != len(vector):
            kept = self._partitions[partition] = _Rows(self._rows, len(vector))
        self._partitions.move_to_end(partition)
        kept.add(id, vector)
        if len(self._partitions) > self._most:
            self._partitions.popitem(last=False)

    def nearest(self, partition: bytes, vector: bytes) -> Neighbour | None:
        kept = self._partitions.get(partition)
        if kept is None or kept.width != len(vector):
            return None
        self._partitions.move_to_end(partition)
        return kept.nearest(vector)


class _Rows:
    """A table that grows to its bound and then overwrites its oldest row."""

    def __init__(self, most: int, width: int) -> None:
        self.width = width
        self._most = most
        self._ids: list[bytes] = []
        self._table: NDArray[np.float32] = np.empty((min(most, 16), width // 4), np.float32)
        self._next = 0

    def add(self, id: bytes, vector: bytes) -> None:
        at = self._next
        if at == len(self._table) < self._most:
            more = np.empty((min(self._most, 2 * at) - at, self.width // 4), np.float32)
            self._table = np.concatenate((self._table, more))
        self._table[at] = np.frombuffer(vector, "<f4")
        self._ids[at : at + 1] = [id]
        self._next = (at + 1) % self._most

    def nearest(self, vector: bytes) -> Neighbour:
        products = self._table[: len(self._ids)] @ np.frombuffer(vector, "<f4")
        best = int(products.argmax())
        return Neighbour(self._ids[best], float(products[best]))
