"""A simulator on a free port, and the official clients pointed at it."""

from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncAzureOpenAI, AsyncOpenAI

from extproc.simulator.server import Running, running
from extproc.simulator.settings import Settings


@pytest.fixture
async def simulator() -> AsyncIterator[Running]:
    async with running(Settings(log_size=10)) as port:
        yield port


@pytest.fixture
async def openai(simulator: Running) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic(simulator: Running) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=simulator.url, api_key="sk-ant-test", max_retries=0) as client:
        yield client


@pytest.fixture
async def azure(simulator: Running) -> AsyncIterator[AsyncAzureOpenAI]:
    async with AsyncAzureOpenAI(
        azure_endpoint=simulator.url, api_key="azure-test", api_version="2024-10-21", max_retries=0
    ) as client:
        yield client
