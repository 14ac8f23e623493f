"""AWS event streams: whole, byte by byte, cut and damaged everywhere, and beside botocore's own parser."""

import struct
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from extproc.wire.aws_event_stream import Decoder, EventStreamError, Message, encode

# A message with one header of every type, and an empty one.
EVERY_TYPE = (
    b"\x01t\x00"
    b"\x01f\x01"
    b"\x01b\x02\xff"
    b"\x01s\x03\xff\xfe"
    b"\x01i\x04\x00\x01\x00\x00"
    b"\x01l\x05\x00\x00\x00\x01\x00\x00\x00\x00"
    b"\x01y\x06\x00\x03\x00\xff\x01"
    b"\x01x\x07\x00\x03\xe2\x82\xac"
    b"\x01m\x08\x00\x00\x01\x86\xcf\xe4\x2f\x78"
    b"\x01u\x09" + bytes(range(16))
)
VALUES = {
    "t": True,
    "f": False,
    "b": -1,
    "s": -2,
    "i": 65536,
    "l": 4294967296,
    "y": b"\x00\xff\x01",
    "x": "€",
    "m": datetime(2023, 3, 11, 8, 58, 3, 512000, UTC),
    "u": UUID("00010203-0405-0607-0809-0a0b0c0d0e0f"),
}


def frame(headers: bytes, payload: bytes = b"") -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    data = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return data + struct.pack(">I", crc32(data))


STREAM = (
    encode({":event-type": "messageStart", ":message-type": "event"}, b'{"role":"assistant"}')
    + frame(EVERY_TYPE, b"payload")
    + frame(b"")
    + encode({":event-type": "messageStop", ":message-type": "event"}, b"{}")
)


def collected(pieces: list[bytes]) -> tuple[list[tuple[dict[str, object], bytes]], str]:
    """The messages before the end or the error, and the error."""
    decoder = Decoder()
    found: list[tuple[dict[str, object], bytes]] = []
    try:
        for piece in pieces:
            for message in decoder.feed(piece):
                found.append((dict(message.headers), message.payload))  # those before an error count
        decoder.finish()
    except EventStreamError as error:
        return found, str(error)
    return found, ""


def test_a_stream() -> None:
    assert collected([STREAM]) == (
        [
            ({":event-type": "messageStart", ":message-type": "event"}, b'{"role":"assistant"}'),
            (VALUES, b"payload"),
            ({}, b""),
            ({":event-type": "messageStop", ":message-type": "event"}, b"{}"),
        ],
        "",
    )


def test_a_header_as_text() -> None:
    message = Message({":event-type": "chunk", "number": 1}, b"")
    assert [message.text(name) for name in (":event-type", "number", "missing")] == ["chunk", "", ""]


def test_byte_by_byte() -> None:
    assert collected([STREAM[at : at + 1] for at in range(len(STREAM))]) == collected([STREAM])


def test_cut_at_every_boundary() -> None:
    for cut in range(len(STREAM) + 1):
        assert collected([STREAM[:cut], STREAM[cut:]]) == collected([STREAM])


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_in_random_pieces(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert collected(pieces) == collected([STREAM])


def test_a_message_comes_with_its_last_byte() -> None:
    decoder, whole = Decoder(), encode({}, b"x")
    assert list(decoder.feed(whole[:-1])) == []
    assert [message.payload for message in decoder.feed(whole[-1:])] == [b"x"]


@pytest.mark.parametrize("at", range(len(STREAM)))
def test_a_wrong_byte_is_found_and_what_came_before_is_kept(at: int) -> None:
    damaged = bytearray(STREAM)
    damaged[at] ^= 0x10
    good, (found, error) = collected([STREAM])[0], collected([bytes(damaged)])
    assert error
    assert found == good[: len(found)]
    assert len(found) < len(good)


@given(at=st.integers(0, len(STREAM) - 1), byte=st.integers(0, 255), cut=st.integers(0, len(STREAM)))
def test_a_wrong_byte_is_the_same_in_every_framing(at: int, byte: int, cut: int) -> None:
    damaged = STREAM[:at] + bytes([byte]) + STREAM[at + 1 :]
    assert collected([damaged[:cut], damaged[cut:]]) == collected([damaged])


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_an_error(data: bytes) -> None:
    found, error = collected([data])
    assert error or not data or found


def test_an_error_stays() -> None:
    decoder = Decoder()
    for _ in range(2):
        with pytest.raises(EventStreamError, match="wrong checksum"):
            list(decoder.feed(b"x" * 16))


@pytest.mark.parametrize("cut", [1, 11, 12, 15, 30])
def test_a_stream_that_ends_within_a_message(cut: int) -> None:
    assert collected([STREAM[:cut]]) == ([], "The stream ends within a message.")


@pytest.mark.parametrize(
    "headers",
    [
        b"\x01",  # no name
        b"\x01x",  # no type
        b"\x01x\x0a",  # no such type
        b"\x01x\x02",  # no value
        b"\x01x\x05\x00\x00",
        b"\x01x\x07\x00",
        b"\x01x\x07\x00\x05abc",
        b"\x01x\x06\x00\x05abc",
        b"\x01x\x07\x00\x01\xff",  # not UTF-8
        b"\x01\xff\x00",
        b"\x01x\x09" + bytes(15),
        b"\x01x\x08\x7f" + bytes(7),  # a time that does not exist
        b"\x01x\x00\x05",
    ],
)
def test_headers_that_cannot_be_read(headers: bytes) -> None:
    assert collected([frame(headers)]) == ([], "The headers of a message cannot be read.")


@pytest.mark.parametrize(
    ("total", "headers"), [(15, 0), (17, 2), (0, 0), ((16 << 20) + 1, 0), (0xFFFFFFFF, 0), (200_000, 131_073)]
)
def test_lengths_that_cannot_be(total: int, headers: int) -> None:
    prelude = struct.pack(">II", total, headers)
    data = prelude + struct.pack(">I", crc32(prelude))
    assert collected([data]) == ([], "A message has a length that cannot be.")


def test_the_limit() -> None:
    assert len(list(Decoder(limit=17).feed(frame(b"", b"x")))) == 1
    with pytest.raises(EventStreamError, match="length"):
        list(Decoder(limit=16).feed(frame(b"", b"x")))


@pytest.mark.parametrize(
    ("headers", "payload"), [({"x" * 256: ""}, b""), ({"x": "y" * 65536}, b""), ({}, b"x" * (16 << 20))]
)
def test_what_cannot_be_written(headers: dict[str, str], payload: bytes) -> None:
    with pytest.raises(EventStreamError, match="too large"):
        encode(headers, payload)


NAMES = st.text(max_size=20)


@given(st.lists(st.tuples(st.dictionaries(NAMES, NAMES, max_size=4), st.binary(max_size=50)), max_size=5))
def test_what_is_written_is_read(messages: list[tuple[dict[str, str], bytes]]) -> None:
    assert collected([encode(headers, payload) for headers, payload in messages]) == (messages, "")


@given(st.lists(st.tuples(st.dictionaries(NAMES, NAMES, max_size=4), st.binary(max_size=50)), max_size=5))
def test_botocore_reads_what_is_written(messages: list[tuple[dict[str, str], bytes]]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(encode(headers, payload) for headers, payload in messages))
    assert [(event.headers, event.payload) for event in buffer] == messages


def test_botocore_reads_headers_the_same() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(STREAM)
    theirs = [(event.headers, event.payload) for event in buffer]
    # botocore leaves times and identifiers as they are on the wire
    theirs[1][0]["m"] = datetime.fromtimestamp(theirs[1][0]["m"] / 1000, UTC)
    theirs[1][0]["u"] = UUID(bytes=theirs[1][0]["u"])
    assert theirs == collected([STREAM])[0]
