"""The document in force, and what a bad one does to it."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from extproc.config.model import Gateway
from extproc.errors import ConfigError
from extproc.genai.prices import PriceBook
from extproc.pipeline.snapshot import Snapshot
from extproc.server.current import Current


def compiled(gateway: Gateway) -> Snapshot:
    return Snapshot(gateway, PriceBook())


def current(*documents: str) -> Current:
    """Of documents with these versions, one after the other; `bad` is one with a mistake."""
    versions: Iterator[str] = iter(documents)

    def read() -> Gateway:
        version = next(versions)
        if version == "bad":
            raise ConfigError("is wrong", source="gateway.yaml:1")
        return Gateway((), (), (), version=version)

    return Current(read, compiled)


def test_a_first_document_with_a_mistake_is_an_error() -> None:
    with pytest.raises(ConfigError):
        current("bad")


async def test_a_new_document_is_in_force_when_it_is_put_there_and_not_before() -> None:
    documents = current("one", "two")
    snapshot = await documents.read_again()
    assert snapshot is not None
    assert (snapshot.version, documents.snapshot().version) == ("two", "one")
    documents.replace(snapshot)
    assert documents.snapshot() is snapshot


async def test_a_bad_document_leaves_the_last_good_one_in_force(caplog: pytest.LogCaptureFixture) -> None:
    documents = current("one", "bad")
    assert await documents.read_again() is None
    assert documents.snapshot().version == "one"
    (record,) = caplog.records
    assert record.getMessage() == "configuration rejected"
    assert vars(record)["fields"] == {"error": "gateway.yaml:1: is wrong", "version_kept": "one"}


async def test_the_event_loop_goes_on_while_a_document_is_compiled() -> None:
    compiling, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def compile_slowly(gateway: Gateway) -> Snapshot:
        if threading.current_thread() is not threading.main_thread():
            loop.call_soon_threadsafe(compiling.set)
            go_on.wait()
        return compiled(gateway)

    documents = Current(lambda: Gateway((), (), (), version="one"), compile_slowly)
    reading = asyncio.create_task(documents.read_again())
    await compiling.wait()
    assert not reading.done()
    go_on.set()
    assert await reading is not None
