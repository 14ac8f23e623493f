"""Just enough of HTTP/1.1 (RFC 9112) for a load generator and an upstream: one message at a time, no pipelining."""

from enum import Enum, auto

_HEAD_END = b"\r\n\r\n"
_MOST_HEAD = 1 << 16


class MessageError(ValueError):
    """The bytes are no HTTP/1.1 message, or there are more of them than the message has."""


class _Part(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNK_SIZE = auto()
    CHUNK_DATA = auto()
    CHUNK_END = auto()
    TRAILERS = auto()
    DONE = auto()


class Message:
    """A request or a response, fed in pieces cut anywhere. One without a length or chunks has no body."""

    __slots__ = ("_buffer", "_left", "_part", "head")

    def __init__(self) -> None:
        self.head = b""
        self._part = _Part.HEAD
        self._buffer = b""
        self._left = 0

    @property
    def complete(self) -> bool:
        return self._part is _Part.DONE

    @property
    def status(self) -> int:
        """The status of a response whose head has come. Raises MessageError."""
        status = self.head[9:12]
        if not self.head.startswith(b"HTTP/1.1 ") or not status.isdigit():
            raise MessageError("not a response")
        return int(status)

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body in this piece, without their framing. Raises MessageError."""
        if self._part is _Part.HEAD:
            data = self._feed_head(data)
        if self._part is _Part.LENGTH:
            return self._feed_length(data)
        if self._part in (_Part.HEAD, _Part.DONE):
            if data:
                raise MessageError("bytes after the message")
            return b""
        return self._feed_chunked(data)

    def _feed_head(self, data: bytes) -> bytes:
        """Returns what follows the head."""
        self._buffer += data
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            if len(self._buffer) > _MOST_HEAD:
                raise MessageError("the head is too long")
            return b""
        self.head, rest, self._buffer = self._buffer[:end], self._buffer[end + 4 :], b""
        self._choose_framing(self.head.lower())
        return rest

    def _choose_framing(self, head: bytes) -> None:
        if b"\r\ntransfer-encoding: chunked" in head:
            self._part = _Part.CHUNK_SIZE
            return
        _, _, after = head.partition(b"\r\ncontent-length:")
        length = after.partition(b"\r\n")[0].strip()
        if length and not length.isdigit():
            raise MessageError("content-length is not a number")
        self._left = int(length or b"0")
        self._part = _Part.LENGTH if self._left else _Part.DONE

    def _feed_length(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise MessageError("bytes after the message")
        if self._left == 0:
            self._part = _Part.DONE
        return data

    def _feed_chunked(self, data: bytes) -> bytes:
        buffer, at, pieces = self._buffer + data, 0, []
        while self._part is not _Part.DONE:
            if self._part is _Part.CHUNK_DATA:
                piece = buffer[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._part = _Part.CHUNK_END
            end = buffer.find(b"\r\n", at)
            if end < 0:
                break
            self._on_line(buffer[at:end])
            at = end + 2
        self._buffer = buffer[at:]
        if self._part is _Part.DONE and self._buffer:
            raise MessageError("bytes after the message")
        return b"".join(pieces)

    def _on_line(self, line: bytes) -> None:
        match self._part:
            case _Part.CHUNK_SIZE:
                self._left = _size(line)
                self._part = _Part.CHUNK_DATA if self._left else _Part.TRAILERS
            case _Part.CHUNK_END:
                if line:
                    raise MessageError("a chunk is longer than it says")
                self._part = _Part.CHUNK_SIZE
            case _:
                self._part = _Part.TRAILERS if line else _Part.DONE


def _size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise MessageError("a chunk's size is not a number") from None
