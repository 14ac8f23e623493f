"""Anthropic's format on Vertex AI, seen through Anthropic's client for it."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic as sdk
import httpx2
import pytest
from anthropic import AsyncAnthropicVertex

from extproc.simulator.server import Running, running
from extproc.simulator.settings import Settings

ANSWER = "You said: hello This is a simulated answer, and I am happy to help."
PATH = "/v1/projects/acme/locations/us-east5/publishers/anthropic/models/claude-opus-4-6:rawPredict"
ASKED: dict[str, Any] = {
    "model": "claude-sonnet-4-6@20250929",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
BODY: dict[str, Any] = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 100, "messages": ASKED["messages"]}


def client_of(port: Running) -> AsyncAnthropicVertex:
    return AsyncAnthropicVertex(
        base_url=f"{port.url}/v1", access_token="token", project_id="acme", region="us-east5", max_retries=0
    )


@pytest.fixture
async def client(simulator: Running) -> AsyncIterator[AsyncAnthropicVertex]:
    async with client_of(simulator) as client:
        yield client


async def test_a_plain_answer(client: AsyncAnthropicVertex) -> None:
    found = await client.messages.create(**ASKED)
    assert found.content[0].text == ANSWER
    assert found.model == "claude-sonnet-4-6@20250929"


async def test_a_streamed_answer(client: AsyncAnthropicVertex) -> None:
    stream = await client.messages.create(**ASKED, stream=True)
    events = [event async for event in stream]
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, sdk.BadRequestError), (404, sdk.NotFoundError), (429, sdk.RateLimitError), (500, sdk.InternalServerError)],
)
async def test_faults(client: AsyncAnthropicVertex, status: int, error: type[Exception]) -> None:
    asked = {**ASKED, "messages": [{"role": "user", "content": f"[[status={status}]]"}]}
    with pytest.raises(error):
        await client.messages.create(**asked)


async def test_fixed_answers() -> None:
    async with running(Settings(fixed=True, tokens=3)) as port, client_of(port) as client:
        assert (await client.messages.create(**ASKED)).content[0].text == "these are simulated"
        stream = await client.messages.create(**ASKED, stream=True)
        assert [event.type async for event in stream][-1] == "message_stop"


async def test_googles_own_errors() -> None:
    async with running(Settings(keys=("good",))) as port, httpx2.AsyncClient() as client:
        answer = await client.post(port.url + PATH, json=BODY)
        assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
        good = {"authorization": "Bearer good"}
        answer = await client.post(port.url + PATH.replace("raw", "un"), json=BODY, headers=good)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"anthropic_version": "2023-06-01"}, "anthropic_version"),
        ({"model": "m"}, "model: Extra inputs"),
        ({"cache_control": {"type": "ephemeral"}}, "cache_control: Extra inputs"),
        ({"messages": []}, "at least one message"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://a"}}]}
                ]
            },
            "URL sources",
        ),
    ],
)
async def test_what_is_refused(simulator: Running, fields: dict[str, Any], words: str) -> None:
    async with httpx2.AsyncClient(headers={"authorization": "Bearer k"}) as client:
        answer = await client.post(simulator.url + PATH, json={**BODY, **fields})
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
