"""From events to bytes, with the faults a directive asks for. Pure."""

import dataclasses
import zlib
from collections.abc import Iterable, Iterator

from extproc.simulator.directives import Directives
from extproc.simulator.format import Event

_GZIP = 16 + zlib.MAX_WBITS


def stream(events: Iterable[Event], directives: Directives, error: Event) -> Iterator[tuple[bytes, int]]:
    """Each event as it goes over the wire, and the tokens it carries; with gzip one more piece ends the stream."""
    newline = b"\r\n" if directives.crlf else b"\n"
    written = ((frame(event, newline), event.tokens) for event in _faulted(events, directives, error))
    return _gzipped(written) if directives.gzip else written


def frame(event: Event, newline: bytes = b"\n") -> bytes:
    """One event; `newline` is for formats whose events are lines."""
    return event.frame(newline)


def _faulted(events: Iterable[Event], directives: Directives, error: Event) -> Iterator[Event]:
    number = -1
    for number, event in enumerate(events):
        if number == directives.error_in_stream_after:
            yield error
            return
        if number == directives.end_after:
            return
        if number == directives.malformed_after:
            yield dataclasses.replace(event, data=event.data[: len(event.data) // 2], tokens=0)
        yield event
    if directives.error_in_stream_after == number + 1:
        yield error


def _gzipped(written: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """Flushed after every event, so that each can be read as it arrives (RFC 1952)."""
    packer = zlib.compressobj(wbits=_GZIP)
    for data, tokens in written:
        yield packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH), tokens
    yield packer.flush(), 0


def gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=_GZIP)
    return packer.compress(body) + packer.flush()


def cut(data: bytes, size: int | None) -> Iterator[bytes]:
    """The data in pieces of so many bytes; whole without a size."""
    if size is None:
        yield data
        return
    for at in range(0, len(data), size):
        yield data[at : at + size]
