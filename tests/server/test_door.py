"""A worker's own HTTP listener: opened when it is wanted, for its user alone, closed without waiting for anybody."""

import asyncio
from pathlib import Path

import aiohttp
from aiohttp import web

from extproc.server.door import Door


def silent(asked: asyncio.Event) -> web.Application:
    async def never(_: web.Request) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", never)
    return app


async def test_it_is_open_only_when_it_is_wanted_and_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "w0.relay.sock"
    door = Door(path, lambda: silent(asyncio.Event()), cancels=True)
    await door.follow(wanted=False)
    assert not path.exists()
    await door.follow(wanted=True)
    assert path.stat().st_mode & 0o777 == 0o700
    await door.close()


async def test_a_request_that_does_not_end_keeps_no_worker_from_ending(tmp_path: Path) -> None:
    path, asked = tmp_path / "w0.relay.sock", asyncio.Event()
    door = Door(path, lambda: silent(asked), cancels=True)
    await door.follow(wanted=True)
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        waiting = asyncio.create_task(session.get("http://worker/"))
        await asked.wait()
        async with asyncio.timeout(20):  # the library's own patience is a minute
            await door.close()
        assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], aiohttp.ClientError)
