from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from extproc.config.model import Gateway
from tests.admin.office import Api, document, started

Starting = Callable[[Gateway], Awaitable[Api]]


@pytest.fixture
async def start() -> AsyncIterator[Starting]:
    made: list[Api] = []

    async def one(of: Gateway) -> Api:
        made.append(await started(of))
        return made[-1]

    yield one
    for api in made:
        await api.client.close()


@pytest.fixture
async def api(start: Starting) -> Api:
    return await start(document())
