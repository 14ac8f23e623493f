"""HTTP content codings of response bodies, decoded as they arrive (RFC 9110, section 8.4.1)."""

import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import brotli
import zstandard

_MOST_OUTPUT = 64 << 20
_GZIP_WINDOW = 16 + zlib.MAX_WBITS  # zlib's way of asking for a gzip header
_STEP = 1 << 20  # of output at a time
_ZSTD_WINDOW = 8 << 20  # RFC 9659, section 3: what a content coding may use
_ZSTD_STEP = 256  # of input at a time: a frame can hold 128 KiB of output in four bytes


class ContentEncodingError(ValueError):
    """A body that is not what its `content-encoding` says: corrupt, cut short, or too large once decoded."""


class UnknownEncoding(ContentEncodingError):
    """A coding that is not decoded here."""


class Decoder(Protocol):
    """Encoded bytes to plain ones. Both methods raise ContentEncodingError."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes:
        """The rest. A body that ends inside its coding raises; one of no bytes at all is an empty body."""
        ...


def decoder(encoding: str, limit: int = _MOST_OUTPUT) -> Decoder | None:
    """The decoder of a `content-encoding` value; None for a body that is plain. Raises UnknownEncoding.

    `limit` is the most bytes that come out in all: a small body can hide an enormous one.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    make = _DECODERS.get(name)
    if make is None:
        raise UnknownEncoding("The response has a content-encoding that is not supported.")
    return make(limit)


class _Inflater:
    """One zlib stream after another, `limit` bytes of output in all."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def inflate(self, stream: "zlib._Decompress", data: bytes) -> bytes:
        try:
            plain = stream.decompress(data, self._left + 1)
        except zlib.error:
            raise ContentEncodingError("The response body is corrupt: it does not decode.") from None
        self._left -= len(plain)
        if self._left < 0:
            raise ContentEncodingError("The response body is too large once decoded.")
        return plain


class _Gzip:
    """gzip (RFC 1952): any number of members, one after another."""

    def __init__(self, limit: int) -> None:
        self._inflater = _Inflater(limit)
        self._member: zlib._Decompress | None = None  # None between members

    def feed(self, data: bytes) -> bytes:
        plain: list[bytes] = []
        while data:
            member = self._member or zlib.decompressobj(_GZIP_WINDOW)
            plain.append(self._inflater.inflate(member, data))
            data = member.unused_data
            self._member = None if member.eof else member
        return plain[0] if len(plain) == 1 else b"".join(plain)

    def finish(self) -> bytes:
        if self._member is not None:
            raise ContentEncodingError("The response body is cut short.")
        return b""


class _Deflate:
    """deflate: a zlib stream (RFC 1950) as the standard has it, or a raw one (RFC 1951) as some servers do."""

    def __init__(self, limit: int) -> None:
        self._inflater = _Inflater(limit)
        self._head = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> bytes:
        if self._stream is None:
            data, self._head = self._head + data, b""
            if len(data) < 2:
                self._head = data
                return b""
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_header(data) else -zlib.MAX_WBITS)
        if self._stream.eof and data:
            raise ContentEncodingError("The response body goes on after its end.")
        plain = self._inflater.inflate(self._stream, data)
        if self._stream.unused_data:
            raise ContentEncodingError("The response body goes on after its end.")
        return plain

    def finish(self) -> bytes:
        if self._head or (self._stream is not None and not self._stream.eof):
            raise ContentEncodingError("The response body is cut short.")
        return b""


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950, section 2.2: method 8, and a check that makes the first two bytes a multiple of 31."""
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0


class _Brotli:
    """br (RFC 7932)."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._stream = brotli.Decompressor()
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        self._begun = self._begun or bool(data)
        plain = []
        while data or not self._stream.can_accept_more_data():
            plain.append(self._step(data))
            data = b""
        return b"".join(plain)

    def finish(self) -> bytes:
        if self._begun and not self._stream.is_finished():
            raise ContentEncodingError("The response body is cut short.")
        return b""

    def _step(self, data: bytes) -> bytes:
        try:
            plain: bytes = self._stream.process(data, output_buffer_limit=_STEP)
        except brotli.error:
            raise ContentEncodingError("The response body is corrupt: it does not decode.") from None
        self._left -= len(plain)
        if self._left < 0:
            raise ContentEncodingError("The response body is too large once decoded.")
        return plain


class _Zstd:
    """zstd (RFC 8878): any number of frames, one after another, of windows that a browser would take too."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._library = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None  # None between frames

    def feed(self, data: bytes) -> bytes:
        return b"".join(self._step(data[at : at + _ZSTD_STEP]) for at in range(0, len(data), _ZSTD_STEP))

    def finish(self) -> bytes:
        if self._frame is not None:
            raise ContentEncodingError("The response body is cut short.")
        return b""

    def _step(self, data: bytes) -> bytes:
        plain = []
        while data:
            frame = self._frame or self._library.decompressobj()
            try:
                plain.append(frame.decompress(data))
            except zstandard.ZstdError:
                raise ContentEncodingError("The response body is corrupt: it does not decode.") from None
            self._left -= len(plain[-1])
            if self._left < 0:
                raise ContentEncodingError("The response body is too large once decoded.")
            data = frame.unused_data
            self._frame = None if frame.eof else frame
        return b"".join(plain)


_DECODERS: Mapping[str, Callable[[int], Decoder]] = MappingProxyType(
    {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate, "br": _Brotli, "zstd": _Zstd}
)
