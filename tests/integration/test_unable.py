"""A target that cannot express the request is passed over, wherever it stands in the chain."""

from collections.abc import Iterator

import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway
from tests.integration.raw import chat, request, send

SIMULATORS = {
    "down": Settings(formats=("openai",), always="status=429 retry_after=7"),
    "anthropic": Settings(formats=("anthropic",)),
    "openai": Settings(formats=("openai",)),
}
TARGETS = [{"backend": "down", "model": "gpt-4o"}, {"backend": "anthropic", "model": "claude-sonnet-4-6"}]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    made = document(
        backends=[backend("down", "openai"), backend("anthropic", "anthropic"), backend("openai", "openai")],
        models=[
            {"name": "three", "targets": [*TARGETS, {"backend": "openai", "model": "gpt-4o"}]},
            {"name": "two", "targets": TARGETS},
        ],
        keys=keys(key("demo", KEY)),
    )
    with running_gateway(made, SIMULATORS) as running:
        yield running


def test_the_next_one_that_can_is_asked(gateway: Gateway) -> None:
    answer = send(gateway.port, request(chat(model="three", n=2)))
    assert (answer.status, answer.headers["x-gateway-backend"]) == (200, "openai")


def test_where_there_is_none_the_providers_own_error_is_told(gateway: Gateway) -> None:
    answer = send(gateway.port, request(chat(model="two", n=2)))
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
