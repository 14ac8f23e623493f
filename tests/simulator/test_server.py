"""What a port does beside answering: log, counts, keys, random faults, fixed answers."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from aiohttp import ClientSession, ServerDisconnectedError, UnixConnector
from openai import AsyncOpenAI

from extproc.simulator.directives import DirectiveError
from extproc.simulator.request_log import RequestLog
from extproc.simulator.server import Running, build_app, running
from extproc.simulator.settings import Settings

BODY = b'{"model":"m","messages":[{"role":"user","content":"[[tokens=1]]"}]}'
CHAT = "/v1/chat/completions"
KEY = {"authorization": "Bearer k"}


async def chat(port: Running, body: bytes = BODY) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.post(port.url + CHAT, content=body, headers=KEY)


async def test_the_log_has_what_was_received(simulator: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    head = b"POST /v1/chat/completions?a=1&b HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nX-two: 2\r\nAuthorization: Bearer k\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    received = simulator.log.last
    assert (received.method, received.target) == ("POST", "/v1/chat/completions?a=1&b")
    assert received.headers == (
        ("Host", "h"), ("X-Two", "1"), ("X-two", "2"), ("Authorization", "Bearer k"), ("Content-Length", "67"),
    )  # fmt: skip
    assert (received.body, received.framing, received.directives) == (BODY, "content-length", "tokens=1")
    assert received.header("x-two") == "1"


async def test_the_log_says_that_a_body_was_chunked(simulator: Running) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BODY[:10]
        yield BODY[10:]

    async with httpx2.AsyncClient() as client:
        await client.post(simulator.url + CHAT, content=pieces(), headers=KEY)
    assert (simulator.log.last.body, simulator.log.last.framing) == (BODY, "chunked")


async def test_a_compressed_body_is_logged_as_it_came(simulator: Running) -> None:
    async with httpx2.AsyncClient() as client:
        await client.post(simulator.url + CHAT, content=b"\x1f\x8b", headers=KEY | {"content-encoding": "gzip"})
    assert simulator.log.last.body == b"\x1f\x8b"


async def test_the_log_hides_credentials_and_content_from_repr(simulator: Running) -> None:
    await chat(simulator)
    assert "Bearer" not in repr(simulator.log.last)
    assert "messages" not in repr(simulator.log.last)


async def test_the_log_over_http(simulator: Running) -> None:
    await chat(simulator)
    async with httpx2.AsyncClient() as client:
        (entry,) = (await client.get(simulator.url + "/__log")).json()
        assert entry["path"] == CHAT
        assert base64.b64decode(entry["body"]) == BODY
        assert ["authorization", "Bearer k"] in [[name.lower(), value] for name, value in entry["headers"]]
        assert (await client.delete(simulator.url + "/__log")).status_code == 204
        assert (await client.get(simulator.url + "/__log")).json() == []


async def test_the_log_is_bounded(simulator: Running) -> None:
    for _ in range(12):
        await chat(simulator)
    assert len(simulator.log) == 10


async def test_the_log_is_off_by_default() -> None:
    async with running(Settings()) as port:
        await chat(port)
        assert len(port.log) == 0


async def test_counts(simulator: Running) -> None:
    await chat(simulator)
    await chat(simulator, BODY.replace(b"tokens=1", b"status=503"))
    await chat(simulator, b"{")
    async with httpx2.AsyncClient() as client:
        assert (await client.get(simulator.url + "/__stats")).json() == {
            "requests": 3,
            "open": 0,
            "streams": 0,
            "abandoned": 0,
            "output_tokens": 0,
            "statuses": {"200": 1, "400": 1, "503": 1},
            "directives": {"status=503": 1, "tokens=1": 1},
        }


async def test_a_client_that_leaves_ends_its_stream(simulator: Running) -> None:
    async with AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="k") as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "[[tokens=1000 rate=20]]"}], stream=True
        )
        assert simulator.stats.streams == 1
        await stream.close()
    await until_idle(simulator)
    assert simulator.stats.abandoned == 1


async def until_idle(port: Running) -> None:
    async with asyncio.timeout(5):
        while port.stats.open:
            await asyncio.sleep(0.01)


async def test_a_backend_that_is_down() -> None:
    async with running(Settings(always="status=503")) as port:
        assert (await chat(port)).status_code == 503


async def test_random_faults_are_those_of_the_seed() -> None:
    settings = Settings(faults={"status=503": 0.3, "status=429 retry_after=1": 0.2}, seed=7)
    runs = []
    for _ in range(2):
        async with running(settings) as port:
            runs.append([(await chat(port)).status_code for _ in range(40)])
    assert runs[0] == runs[1]
    assert Counter(runs[0]) == {503: 16, 200: 15, 429: 9}


async def test_a_port_may_speak_one_format_only() -> None:
    async with running(Settings(formats=("anthropic",))) as port:
        found = await chat(port)
    assert found.status_code == 404
    assert found.json()["type"] == "error"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(KeyError):
        build_app(Settings(formats=("gopher",)), RequestLog(0))


def test_an_unreadable_fault_is_refused() -> None:
    with pytest.raises(DirectiveError):
        build_app(Settings(always="status=OK"), RequestLog(0))


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    async with running(Settings(), f"unix:{path}"), ClientSession(connector=UnixConnector(path)) as client:
        async with client.post(f"http://h{CHAT}", data=BODY, headers=KEY) as response:
            assert (await response.json())["choices"][0]["message"]["content"] == "these"
        with pytest.raises(ServerDisconnectedError):
            await client.post(f"http://h{CHAT}", data=BODY.replace(b"tokens=1", b"reset"), headers=KEY)


@pytest.mark.parametrize(
    ("path", "ending"),
    [
        ("/v1/chat/completions", b"data: [DONE]\n\n"),
        ("/openai/v1/chat/completions", b"data: [DONE]\n\n"),
        ("/v1/messages", b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    ],
)
async def test_fixed_answers(path: str, ending: bytes) -> None:
    async with running(Settings(fixed=True, tokens=3)) as port, httpx2.AsyncClient() as client:
        whole = await client.post(port.url + path, content=b"{}")
        assert whole.headers["content-type"] == "application/json"
        assert b"these are simulated" in whole.content
        streamed = await client.post(port.url + path, content=b'{"stream": true}')
    assert streamed.content.endswith(ending)


async def test_hundreds_of_streams_at_once(simulator: Running) -> None:
    async with AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="k", max_retries=0) as client:

        async def one(number: int) -> int:
            text = f"{number} [[tokens=5 rate=20]]"
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": text}], stream=True
            )
            return len([chunk async for chunk in stream])

        assert await asyncio.gather(*(one(number) for number in range(200))) == [7] * 200
    assert simulator.stats.streams == 0
