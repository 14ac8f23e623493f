"""AWS event streams, read and written (`application/vnd.amazon.eventstream`).

Reference: https://smithy.io/2.0/aws/amazon-eventstream.html (seen 2026-11-21). A message is a prelude (total length,
length of the headers, CRC-32 of these two), headers, a payload, and the CRC-32 of all before it; big-endian.
`Decoder` takes time linear in the stream, however it is cut.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID
from zlib import crc32

import msgspec

_MOST_BYTES = 16 << 20
_MOST_HEADER_BYTES = 128 << 10  # the format's own limit

_PRELUDE = struct.Struct(">II")
_NUMBER = struct.Struct(">I")
_PRELUDE_BYTES = _PRELUDE.size + _NUMBER.size
_FRAME_BYTES = _PRELUDE_BYTES + _NUMBER.size
_STRING = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

HeaderValue = bool | int | bytes | str | datetime | UUID


class EventStreamError(ValueError):
    """Bytes that are not a message: a wrong checksum, lengths or headers that make no sense, too large, cut off.

    Carries no content.
    """


class Message(msgspec.Struct, frozen=True):
    """One message. Services name it in the headers `:message-type`, `:event-type` and `:exception-type`."""

    headers: Mapping[str, HeaderValue]
    payload: bytes

    def text(self, name: str) -> str:
        """A header that is a string; '' where it is missing or something else."""
        value = self.headers.get(name, "")
        return value if isinstance(value, str) else ""


class Decoder:
    """Bytes to messages. A message over `limit` bytes is an error, as is all that follows an error."""

    def __init__(self, limit: int = _MOST_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()
        # Nearly every message has the very headers of the one before.
        self._header_bytes = b""
        self._headers: Mapping[str, HeaderValue] = MappingProxyType({})

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes. The iterator raises EventStreamError where they end badly."""
        self._held += data
        return self._messages()

    def finish(self) -> None:
        """The end of the stream. Raises EventStreamError when it cuts a message off."""
        if self._held:
            raise EventStreamError("The stream ends within a message.")

    def _messages(self) -> Iterator[Message]:
        held = self._held
        while len(held) >= _PRELUDE_BYTES:
            total, header_bytes = self._prelude()
            if len(held) < total:
                return
            frame = bytes(memoryview(held)[:total])
            message = self._message(frame, header_bytes)
            del held[:total]
            yield message

    def _prelude(self) -> tuple[int, int]:
        """The length of the message and that of its headers, as soon as they are there."""
        held = self._held
        (checksum,) = _NUMBER.unpack_from(held, _PRELUDE.size)
        if crc32(held[: _PRELUDE.size]) != checksum:
            raise EventStreamError("The prelude of a message has a wrong checksum.")
        total, header_bytes = _PRELUDE.unpack_from(held)
        if not _FRAME_BYTES + header_bytes <= total <= self._limit or header_bytes > _MOST_HEADER_BYTES:
            raise EventStreamError("A message has a length that cannot be.")
        return total, header_bytes

    def _message(self, frame: bytes, header_bytes: int) -> Message:
        (checksum,) = _NUMBER.unpack_from(frame, len(frame) - _NUMBER.size)
        if crc32(memoryview(frame)[: -_NUMBER.size]) != checksum:
            raise EventStreamError("A message has a wrong checksum.")
        end = _PRELUDE_BYTES + header_bytes
        block = frame[_PRELUDE_BYTES:end]
        if block != self._header_bytes:
            self._headers = MappingProxyType(_headers(block))
            self._header_bytes = block
        return Message(self._headers, frame[end : -_NUMBER.size])


def _headers(block: bytes) -> dict[str, HeaderValue]:
    found: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name = block[at + 1 : name_end].decode()
            found[name], at = _VALUES[block[name_end]](block, name_end + 1)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError):
        raise EventStreamError("The headers of a message cannot be read.") from None
    if at > len(block):
        raise EventStreamError("The headers of a message cannot be read.")
    return found


_Value = tuple[HeaderValue, int]  # and where the next header begins


def _number(format: str) -> Callable[[bytes, int], _Value]:
    """The reader of an integer of one size."""
    read = struct.Struct(format)
    return lambda block, at: (read.unpack_from(block, at)[0], at + read.size)


def _bytes(block: bytes, at: int) -> tuple[bytes, int]:
    (size,) = _LENGTH.unpack_from(block, at)
    end = at + _LENGTH.size + size
    return block[at + _LENGTH.size : end], end


def _string(block: bytes, at: int) -> _Value:
    value, end = _bytes(block, at)
    return value.decode(), end


def _timestamp(block: bytes, at: int) -> _Value:
    (milliseconds,) = _TIME.unpack_from(block, at)
    return _EPOCH + timedelta(milliseconds=milliseconds), at + _TIME.size


def _uuid(block: bytes, at: int) -> _Value:
    if len(block) < at + 16:
        raise IndexError
    return UUID(bytes=block[at : at + 16]), at + 16


_LENGTH = struct.Struct(">H")
_TIME = struct.Struct(">q")
# By the number of the type.
_VALUES: tuple[Callable[[bytes, int], _Value], ...] = (
    lambda _, at: (True, at),
    lambda _, at: (False, at),
    _number(">b"),
    _number(">h"),
    _number(">i"),
    _number(">q"),
    _bytes,
    _string,
    _timestamp,
    _uuid,
)


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with headers that are strings, which is all that services send.

    Raises EventStreamError for a name over 255 bytes, a value over 65,535, or a message that is too large.
    """
    block = b"".join(_encoded(name.encode(), value.encode()) for name, value in headers.items())
    total = _FRAME_BYTES + len(block) + len(payload)
    if total > _MOST_BYTES or len(block) > _MOST_HEADER_BYTES:
        raise EventStreamError("The message is too large.")
    prelude = _PRELUDE.pack(total, len(block))
    frame = b"".join((prelude, _NUMBER.pack(crc32(prelude)), block, payload))
    return frame + _NUMBER.pack(crc32(frame))


def _encoded(name: bytes, value: bytes) -> bytes:
    try:
        return b"%c%b%c%b%b" % (len(name), name, _STRING, _LENGTH.pack(len(value)), value)
    except (OverflowError, struct.error):
        raise EventStreamError("A header is too large.") from None
