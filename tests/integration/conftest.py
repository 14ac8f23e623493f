"""One gateway for all tests that do not change it."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from extproc.simulator.settings import Settings
from tests.integration.documents import document
from tests.integration.gateway import KEY, Gateway, running_gateway

SIMULATORS = {
    "openai": Settings(formats=("openai",), log_size=100),
    "anthropic": Settings(formats=("anthropic",), log_size=100),
    "azure": Settings(formats=("azure",), log_size=100),
    "down": Settings(formats=("openai",), always="status=503", log_size=100),
}


@pytest.fixture(scope="session")
def shared_gateway() -> Iterator[Gateway]:
    with running_gateway(document(), SIMULATORS) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    shared_gateway.clear()
    return shared_gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0) as sdk:
        yield sdk
