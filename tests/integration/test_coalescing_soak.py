"""Thousands of requests for few questions, many of which leave at any moment: nobody waits for them in vain."""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway, wait_until
from tests.integration.load import many_connections, stream_text
from tests.integration.raw import CHAT, chat
from tests.store.servers import Server, data_server

REQUESTS = 4_000
AT_A_TIME = 64
OF_A_QUESTION = 50
LONGEST_SECONDS = 8.0  # three leaders that leave at the last moment, one's own answer, and a busy machine
SIMULATORS = {"openai": Settings(formats=("openai",), faults={"status=503": 0.05, "reset": 0.05}, seed=1)}
BROKE = b"which this one shared, broke off"
ROUTES = ("free", "charged")


def made(redis: Server) -> dict[str, Any]:
    target = {"backend": "openai", "model": "gpt-4o-mini"}
    return document(
        backends=document()["backends"][:1],
        models=[{"name": name, "targets": [target, target, target]} for name in ROUTES],
        cache={
            "key": {"value": "5a" * 32},
            "routes": [{"name": name, "models": [name], "followers": name, "ttl": "1h"} for name in ROUTES],
        },
        store={"redis": {"url": f"redis://127.0.0.1:{redis.port}/0", "timeout_ms": 2000}},
        keys=keys(key("demo", KEY, team="platform")),
        budgets=[{"name": "all", "scope": "team", "of": "platform", "tokens": 100_000_000, "window": "total"}],
    )


class Soak:
    """What was asked and what came of it."""

    def __init__(self, gateway: Gateway) -> None:
        self.results: Counter[str] = Counter()
        self.texts: defaultdict[int, set[str]] = defaultdict(set)
        self.mistakes: list[str] = []
        self.longest = 0.0
        self._url = gateway.url + CHAT
        self._random = random.Random(11)
        self._room = asyncio.Semaphore(AT_A_TIME)

    async def run(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(REQUESTS):
                await self._room.acquire()
                task = group.create_task(self._one(session, number // OF_A_QUESTION))
                task.add_done_callback(lambda _: self._room.release())

    async def ask_again(self, session: aiohttp.ClientSession) -> None:
        """Whoever asks now what was asked before is not kept waiting by anybody who has left."""
        for question in range(REQUESTS // OF_A_QUESTION):
            await self._ask(session, self._body(question, stream=False), question, stream=False)

    async def _one(self, session: aiohttp.ClientSession, question: int) -> None:
        draw = self._random.random
        stream = draw() < 0.7
        options = {"stream_options": {"include_usage": True}} if stream and draw() < 0.3 else {}
        body = self._body(question, stream=stream, **options)
        if draw() < 0.4:
            await self._leave(session, body)
        else:
            await self._ask(session, body, question, stream=stream)

    def _body(self, question: int, **fields: Any) -> bytes:
        return chat(f"[[slow_headers=0.1 rate=60]] Question {question}?", ROUTES[question % 2], **fields)

    async def _leave(self, session: aiohttp.ClientSession, body: bytes) -> None:
        """At once, while it waits, in the middle, or with the last event."""
        try:
            async with asyncio.timeout(self._random.random() * 0.8), session.post(self._url, data=body) as answer:
                most = self._random.choice((1, 500, 2_000, 1_000_000))
                read = b""
                while len(read) < most and b"[DONE]" not in read and (piece := await answer.content.readany()):
                    read += piece
                answer.close()
        except (TimeoutError, aiohttp.ClientError):
            pass
        self.results["left"] += 1

    async def _ask(self, session: aiohttp.ClientSession, body: bytes, question: int, *, stream: bool) -> None:
        began = time.monotonic()
        async with session.post(self._url, data=body) as answer:
            received = await answer.read()
        self.longest = max(self.longest, time.monotonic() - began)
        state = answer.headers.get("x-gateway-cache", "")
        if answer.status != 200:
            self.results[f"error {answer.status}"] += 1
        elif stream and BROKE in received:
            self.results["broken"] += 1
            if state != "coalesced" or not received.endswith(b"data: [DONE]\n\n"):
                self.mistakes.append(f"{state}: {received[-300:]!r}")
        else:
            self.results[state] += 1
            text = stream_text(received) if stream else json.loads(received)["choices"][0]["message"]["content"]
            self.texts[question].add(text)


async def budget(session: aiohttp.ClientSession, gateway: Gateway) -> tuple[int, int]:
    async with session.get(f"{gateway.base_url}/quota") as answer:
        (found,) = (await answer.json())["budgets"]
    return found["spent"], found["reserved"]


async def everything(gateway: Gateway) -> Soak:
    soak = Soak(gateway)
    async with many_connections() as session:
        await soak.run(session)
        await asyncio.to_thread(wait_until, lambda: gateway.metric("llm_gateway_open_exchanges") == 0, 10.0, "the end")
        await soak.ask_again(session)
        for _ in range(50):
            spent, reserved = await budget(session, gateway)
            if not reserved:
                break
            await asyncio.sleep(0.1)
    print(f"\nlongest {soak.longest:.1f} s, {spent} tokens spent, {reserved} reserved")
    print(*(f"{name}: {count}" for name, count in sorted(soak.results.items())), sep="\n")
    assert spent > 0
    assert reserved == 0
    return soak


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_nobody_is_left_waiting_by_those_who_leave(tmp_path: Path) -> None:
    redis = data_server(tmp_path)
    try:
        with running_gateway(made(redis), SIMULATORS, workers=2) as gateway:
            soak = asyncio.run(everything(gateway))
            internal = gateway.metric("llm_gateway_internal_errors_total")
            logged = [line for line in gateway.server_log() if line["level"] == "error"]
            with redis.client() as client:
                time.sleep(3.5)  # what was shown, and said to be watched, goes by itself
                left = [name for name in client.scan_iter("*") if name.endswith((b":lease", b":watched"))]
    finally:
        redis.kill()
    assert soak.mistakes == []
    assert [texts for texts in soak.texts.values() if len(texts) != 1] == []
    assert soak.longest < LONGEST_SECONDS
    assert sum(count for name, count in soak.results.items() if name.startswith("error")) < REQUESTS * 0.02
    assert (internal, logged, left) == (0, [], [])
