from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from extproc.admin.registrar import CachePurge
from extproc.config.model import Gateway
from tests.admin.office import Api, document, started


class Starting(Protocol):
    async def __call__(self, of: Gateway, cache: CachePurge | None = None) -> Api: ...


@pytest.fixture
async def start() -> AsyncIterator[Starting]:
    made: list[Api] = []

    async def one(of: Gateway, cache: CachePurge | None = None) -> Api:
        made.append(await started(of, cache))
        return made[-1]

    yield one
    for api in made:
        await api.client.close()


@pytest.fixture
async def api(start: Starting) -> Api:
    return await start(document())
