"""A change of gateway.yaml, of a cluster and of a credential, as the kubelet brings them, while 200 streams run."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from extproc.simulator.settings import Settings
from tests.helm.deployed import Deployed, cluster_file, deployed, made_document
from tests.integration.gateway import KEY

STREAMS, TOKENS, RATE = 200, 60, 3
SIMULATORS = {name: Settings(formats=("openai",), log_size=500) for name in ("kept", "moved", "elsewhere")}
WHOLE_TEXT = " ".join(["these are simulated words that only fill the answer up"] * 6)
OLD = {"old-kept": "kept", "old-moved": "moved"}
NEW = {"new-kept": "kept", "new-moved": "moved"}
LIMITS = {"max_request_bytes": 48 << 20}  # Envoy's buffers are in the listener, so it is replaced too
HEADERS = {"authorization": f"Bearer {KEY}"}
ONE_THREAD = {"envoy": {"concurrency": 1}}


def ports(up: Deployed, **of: str) -> dict[str, int]:
    return {name: up.simulators.by_name[simulator].port for name, simulator in of.items()}


@dataclass
class Streams:
    """How many have begun."""

    begun: int = 0

    async def run(self, session: aiohttp.ClientSession, url: str, model: str) -> str:
        content = f"[[tokens={TOKENS} rate={RATE}]]"
        async with session.post(url, json=body(model, content, stream=True), headers=HEADERS) as answer:
            assert answer.status == 200, await answer.text()
            self.begun += 1
            lines = [line.decode().strip() async for line in answer.content]
        events = [line.removeprefix("data: ") for line in lines if line.startswith("data:")]
        assert events.pop() == "[DONE]"
        chunks = [json.loads(event) for event in events]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def body(model: str, content: str, *, stream: bool) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": content}], "stream": stream}


async def test_no_stream_is_cut_and_new_requests_see_the_change() -> None:
    with deployed("gateway", SIMULATORS, OLD, ONE_THREAD) as up:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await changed_under_load(up, session)
        assert "rejected" not in up.pod.log("llm-config")


async def changed_under_load(up: Deployed, session: aiohttp.ClientSession) -> None:
    url = f"{up.base_url}/chat/completions"
    await until_answered(session, url, *OLD)
    for simulator in up.simulators.by_name.values():
        simulator.log.clear()
    connections = up.envoy("/stats?filter=^cluster.kept.upstream_cx_destroy$")

    streams = Streams()
    asked = [*OLD] * (STREAMS // 2)
    running = [asyncio.create_task(streams.run(session, url, model)) for model in asked]
    await until(lambda: streams.begun == STREAMS)
    change(
        up,
        made_document(up.secrets, NEW, limits=LIMITS),
        cluster_file(ports(up, kept="kept", moved="elsewhere")),
        "second",
    )
    await until_answered(session, url, "new-kept", "new-moved")
    await until_sent(up, session, url, "elsewhere", "Bearer second")
    await until_sent(up, session, url, "kept", "Bearer second")
    assert sum(not task.done() for task in running) == STREAMS, "the streams ended before the change was seen"

    assert set(await asyncio.gather(*running)) == {WHOLE_TEXT}
    assert up.envoy("/stats?filter=^cluster.kept.upstream_cx_destroy$") == connections
    assert up.envoy("/stats?filter=^listener_manager.listener_modified$") == "listener_manager.listener_modified: 1\n"
    assert not any(line.split()[-1] != "0" for line in up.envoy("/stats?filter=update_rejected$").splitlines())
    up.simulators.by_name["moved"].log.clear()
    assert [await status(session, url, "new-moved") for _ in range(10)] == [200] * 10
    assert len(up.simulators.by_name["moved"].log) == 0


def change(up: Deployed, text: str, clusters: str, credential: str) -> None:
    up.volume("llm-document").replace({"gateway.yaml": text})
    up.volume("llm-clusters").replace({"clusters.yaml": clusters})
    up.volume("llm-secret-openai").replace({"key": credential})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


async def until_answered(session: aiohttp.ClientSession, url: str, *models: str) -> None:
    async with asyncio.timeout(20):
        for model in models:
            while await status(session, url, model) != 200:
                await asyncio.sleep(0.1)


async def until_sent(up: Deployed, session: aiohttp.ClientSession, url: str, simulator: str, credential: str) -> None:
    """Until a new request comes to the provider with this credential."""
    log = up.simulators.by_name[simulator].log
    model = "new-kept" if simulator == "kept" else "new-moved"
    async with asyncio.timeout(20):
        while len(log) == 0 or log.last.header("authorization") != credential:
            assert await status(session, url, model) == 200
            await asyncio.sleep(0.1)


async def status(session: aiohttp.ClientSession, url: str, model: str) -> int:
    async with session.post(url, json=body(model, "Hello", stream=False), headers=HEADERS) as answer:
        await answer.read()
        return answer.status
