"""From events to bytes."""

import zlib

import pytest

from extproc.simulator.directives import NONE, Directives
from extproc.simulator.event_bytes import cut, frame, stream
from extproc.simulator.format import Event

EVENTS = (Event(None, b'{"a":1}', 1), Event(None, b'{"b":2}', 1), Event(None, b"[DONE]"))
ERROR = Event("error", b"{}")


def wire(directives: Directives) -> bytes:
    return b"".join(data for data, _ in stream(EVENTS, directives, ERROR))


def test_events_without_names() -> None:
    assert wire(NONE) == b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'


def test_a_named_event() -> None:
    assert frame(Event("ping", b"{}")) == b"event: ping\ndata: {}\n\n"


def test_crlf() -> None:
    assert wire(Directives(crlf=True)) == b'data: {"a":1}\r\n\r\ndata: {"b":2}\r\n\r\ndata: [DONE]\r\n\r\n'


def test_a_malformed_event_comes_between() -> None:
    assert wire(Directives(malformed_after=1)) == (b'data: {"a":1}\n\ndata: {"b\n\ndata: {"b":2}\n\ndata: [DONE]\n\n')


@pytest.mark.parametrize(
    ("after", "written"),
    [
        (0, b"event: error\ndata: {}\n\n"),
        (1, b'data: {"a":1}\n\nevent: error\ndata: {}\n\n'),
        (3, b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\nevent: error\ndata: {}\n\n'),
        (4, b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'),
    ],
)
def test_an_error_event_ends_the_stream(after: int, written: bytes) -> None:
    assert wire(Directives(error_in_stream_after=after)) == written


@pytest.mark.parametrize(
    ("after", "written"),
    [(0, b""), (1, b'data: {"a":1}\n\n'), (9, b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n')],
)
def test_a_stream_ends_before_its_time(after: int, written: bytes) -> None:
    assert wire(Directives(end_after=after)) == written


def test_each_event_can_be_read_from_gzip_as_it_arrives() -> None:
    reader = zlib.decompressobj(wbits=31)
    read = [reader.decompress(data) for data, _ in stream(EVENTS, Directives(gzip=True), ERROR)]
    assert read == [b'data: {"a":1}\n\n', b'data: {"b":2}\n\n', b"data: [DONE]\n\n", b""]
    assert reader.eof


@pytest.mark.parametrize(
    ("size", "parts"),
    [(None, [b"abcde"]), (1, [b"a", b"b", b"c", b"d", b"e"]), (2, [b"ab", b"cd", b"e"]), (9, [b"abcde"])],
)
def test_cuts(size: int | None, parts: list[bytes]) -> None:
    assert list(cut(b"abcde", size)) == parts
