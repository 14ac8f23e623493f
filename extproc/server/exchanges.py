"""The register of live exchanges of one worker.

The downstream filter's stream adds its exchange and takes it out again when it ends; the upstream filter's streams only
look it up. Ids are unguessable, and never the caller's request id.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from extproc.pipeline.processor import Exchange


class Exchanges:
    def __init__(self) -> None:
        self._live: dict[str, Exchange] = {}

    def __len__(self) -> int:
        return len(self._live)

    @contextmanager
    def holding(self, exchange: Exchange) -> Iterator[None]:
        self._live[exchange.id] = exchange
        try:
            yield
        finally:
            del self._live[exchange.id]

    def find(self, exchange_id: str) -> Exchange | None:
        return self._live.get(exchange_id)
