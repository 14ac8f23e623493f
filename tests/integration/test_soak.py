"""Thousands of requests over providers that fail at random: every answer is right, and nothing is left behind."""

import asyncio
import json
import random
import signal
import time
from collections import Counter

import aiohttp
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway, wait_until
from tests.integration.load import many_connections, megabytes, stream_text, worker_megabytes
from tests.integration.raw import CHAT, chat

REQUESTS = 5_000
AT_A_TIME = 48
FAULTS = {
    "status=503": 0.06,
    "status=429 retry_after=1": 0.06,
    "status=500": 0.06,
    "reset": 0.06,
    "slow_headers=0.3": 0.06,
}
SIMULATORS = {
    "first": Settings(formats=("openai",), faults=FAULTS, seed=1),
    "second": Settings(formats=("anthropic",), faults=FAULTS, seed=2),
    "third": Settings(formats=("openai",), faults=FAULTS, seed=3),
}
ORDERS = (("first", "second", "third"), ("second", "third", "first"), ("third", "first", "second"))
LARGEST = 3_000_000
ERRORS = (429, 500, 502, 503)  # of a chain in which all three failed


def made() -> dict[str, object]:
    upstream = {"first": "gpt-4o", "second": "claude-sonnet-4-6", "third": "gpt-4o-mini"}
    return document(
        backends=[
            backend("first", "openai", provider="openai"),
            backend("second", "anthropic"),
            backend("third", "openai", provider="openai"),
        ],
        models=[
            {"name": f"from-{names[0]}", "targets": [{"backend": name, "model": upstream[name]} for name in names]}
            for names in ORDERS
        ],
        keys=keys(key("demo", KEY)),
        passthrough="first",
    )


class Soak:
    """What was asked and what came of it."""

    def __init__(self, gateway: Gateway) -> None:
        self.results: Counter[str] = Counter()
        self.mistakes: list[str] = []
        self._url = gateway.url + CHAT
        self._random = random.Random(7)
        self._room = asyncio.Semaphore(AT_A_TIME)

    async def run(self) -> None:
        async with many_connections() as session, asyncio.TaskGroup() as group:
            for number in range(REQUESTS):
                await self._room.acquire()
                task = group.create_task(self._one(session, number))
                task.add_done_callback(lambda _: self._room.release())

    async def _one(self, session: aiohttp.ClientSession, number: int) -> None:
        draw = self._random.random
        size = self._random.randrange(LARGEST) if draw() < 0.04 else self._random.randrange(2_000)
        stream, hangs_up = draw() < 0.4, draw() < 0.05
        content = f"Request {number}: " + "word " * (size // 5) + "end."
        model = f"from-{self._random.choice(ORDERS)[0]}"
        if hangs_up:
            await self._hang_up(session, chat(f"{content} [[tokens=500 rate=100]]", model, stream=stream))
        else:
            await self._ask(session, chat(content, model, stream=stream), content, stream)

    async def _hang_up(self, session: aiohttp.ClientSession, body: bytes) -> None:
        """Now and then before the answer begins, else in the middle of it."""
        try:
            async with asyncio.timeout(self._random.random() * 0.5), session.post(self._url, data=body) as answer:
                await answer.content.read(self._random.randrange(1, 2_000))
                answer.close()
        except TimeoutError:
            pass
        self.results["hung up"] += 1

    async def _ask(self, session: aiohttp.ClientSession, body: bytes, content: str, stream: bool) -> None:
        async with session.post(self._url, data=body) as answer:
            received = await answer.read()
        if answer.status != 200:
            self._failed(answer.status, received)
            return
        found = stream_text(received) if stream else json.loads(received)["choices"][0]["message"]["content"]
        attempts = answer.headers["x-gateway-attempts"]
        self.results[f"200, {attempts} attempts"] += 1
        if found != f"You said: {content[:200]} This is a simulated answer, and I am happy to help.":
            self.mistakes.append(f"{answer.headers['x-request-id']}: another text")

    def _failed(self, status: int, received: bytes) -> None:
        """Three failures in a row come to the caller: about one request in a hundred."""
        self.results[f"error {status}"] += 1
        error = json.loads(received)["error"]
        if status not in ERRORS or error.keys() != {"message", "type", "param", "code"}:
            self.mistakes.append(f"{status}: {received!r}")


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_every_answer_is_right_and_nothing_is_left() -> None:
    with running_gateway(made(), SIMULATORS) as gateway:
        soak, before, began = Soak(gateway), worker_megabytes(gateway), time.monotonic()
        asyncio.run(soak.run())
        seconds = time.monotonic() - began
        wait_until(lambda: gateway.metric("llm_gateway_open_exchanges") == 0, 10.0, "the end of all exchanges")
        counted = gateway.metric("llm_gateway_requests_total")
        after, envoy = worker_megabytes(gateway), megabytes(gateway.processes["envoy"].pid)
        print(f"\n{REQUESTS} requests in {seconds:.0f} s, {REQUESTS / seconds:.0f} a second")
        print(f"worker {before:.0f} to {after:.0f} MB, Envoy {envoy:.0f} MB")
        print(*(f"{name}: {count}" for name, count in sorted(soak.results.items())), sep="\n")
        assert soak.mistakes == []
        assert sum(soak.results.values()) == REQUESTS
        assert sum(soak.results[f"error {status}"] for status in ERRORS) < REQUESTS * 0.03
        # A caller may have hung up before its request had arrived.
        assert REQUESTS - soak.results["hung up"] <= counted <= REQUESTS
        assert gateway.metric("llm_gateway_internal_errors_total") == 0
        gateway.processes["serve"].send_signal(signal.SIGTERM)
        assert gateway.processes["serve"].wait(20) == 0
        (stopped,) = [line for line in gateway.server_log() if line["event"] == "worker stopped"]
        assert stopped["exchanges_left"] == 0
