"""Two thousand streams open at once, through Envoy and one worker."""

import asyncio
import time

import aiohttp
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway
from tests.integration.load import allow_many_files, many_connections, megabytes, stream_text, worker_megabytes
from tests.integration.raw import CHAT, chat

STREAMS = 2_000
SECONDS = 8
BODY = chat(f"Hello [[tokens=4 rate={4 / SECONDS:.3f}]]", stream=True)
SIMULATORS = {"openai": Settings(formats=("openai",))}


class AllOpen:
    """Lets nobody pass before all are there."""

    def __init__(self) -> None:
        self._missing = STREAMS
        self.reached = asyncio.Event()

    async def wait(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.reached.set()
        await self.reached.wait()


async def stream(session: aiohttp.ClientSession, url: str, others: AllOpen) -> str:
    async with session.post(url, data=BODY) as answer:
        assert answer.status == 200, await answer.text()
        first = await answer.content.readline()
        await others.wait()
        return stream_text(first + await answer.read())


async def open_all(gateway: Gateway) -> tuple[float, list[str]]:
    """How many exchanges were under way when all streams had begun, and the text of each."""
    others = AllOpen()
    async with many_connections() as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(stream(session, gateway.url + CHAT, others)) for _ in range(STREAMS)]
        await others.reached.wait()
        under_way = await asyncio.to_thread(gateway.metric, "llm_gateway_open_exchanges")
    return under_way, [task.result() for task in tasks]


@pytest.mark.timeout(180)
def test_two_thousand_open_streams() -> None:
    allow_many_files()
    made = document(
        backends=[backend("openai", "openai")],
        models=[{"name": "gpt-4o-mini", "targets": ["openai"]}],
        keys=keys(key("demo", KEY)),
    )
    with running_gateway(made, SIMULATORS) as gateway:
        before, began = worker_megabytes(gateway), time.monotonic()
        under_way, texts = asyncio.run(open_all(gateway))
        seconds, after = time.monotonic() - began, worker_megabytes(gateway)
        envoy = megabytes(gateway.processes["envoy"].pid)
        print(f"\n{STREAMS} streams in {seconds:.1f} s; worker {before:.0f} to {after:.0f} MB, Envoy {envoy:.0f} MB")
        assert under_way == STREAMS
        assert texts == ["these are simulated words"] * STREAMS
        assert gateway.metric("llm_gateway_requests_total", status="200") == STREAMS
        assert gateway.metric("llm_gateway_open_exchanges") == 0
