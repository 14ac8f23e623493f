"""The relay, asked as Envoy asks it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from extproc.exchange.relay import path_of
from extproc.pipeline.caching import Followed
from extproc.pipeline.processor import Exchange
from extproc.server.door import Door
from extproc.server.exchanges import Exchanges
from extproc.server.relay import build_relay


class Following:
    """An exchange that follows a stream: its second piece comes when it is `let`."""

    id = "one"

    def __init__(self) -> None:
        self.let = asyncio.Event()

    async def followed(self) -> Followed:
        return Followed(True, self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"data: first\n\n"
        await self.let.wait()
        yield b"data: second\n\n"


async def test_who_leaves_while_a_piece_comes_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exchanges, exchange, socket = Exchanges(), Following(), tmp_path / "relay.sock"
    door = Door(socket, lambda: build_relay(exchanges), cancels=False)
    await door.follow(wanted=True)
    with exchanges.holding(cast(Exchange, exchange)), caplog.at_level(logging.ERROR, "aiohttp.server"):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        writer.write(f"POST {path_of(exchange.id)} HTTP/1.1\r\nhost: relay\r\ncontent-length: 0\r\n\r\n".encode())
        assert b"200" in await reader.readline()
        await reader.readuntil(b"first\n\n")
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.05)
        exchange.let.set()
        await asyncio.sleep(0.05)
    await door.close()
    assert caplog.records == []
