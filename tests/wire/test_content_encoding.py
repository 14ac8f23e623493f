"""Content codings in every framing, and what is refused."""

import gzip
import zlib
from itertools import pairwise

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from extproc.wire.content_encoding import ContentEncodingError, UnknownEncoding, decoder

TEXT = b'{"choices":[{"message":{"content":"Hello, hello, hello"}}]}'


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def decode(encoding: str, *chunks: bytes, limit: int = 1 << 20) -> bytes:
    body = decoder(encoding, limit)
    assert body is not None
    return b"".join([body.feed(chunk) for chunk in chunks] + [body.finish()])


BODIES = [
    pytest.param("gzip", gzip.compress(TEXT), TEXT, id="gzip"),
    pytest.param("X-GZip ", gzip.compress(TEXT), TEXT, id="x-gzip in any case"),
    pytest.param("gzip", gzip.compress(TEXT) + gzip.compress(b"more"), TEXT + b"more", id="two gzip members"),
    pytest.param("gzip", gzip.compress(b""), b"", id="gzip of nothing"),
    pytest.param("deflate", zlib.compress(TEXT), TEXT, id="zlib"),
    pytest.param("deflate", raw_deflate(TEXT), TEXT, id="raw deflate"),
    pytest.param("deflate", raw_deflate(b""), b"", id="raw deflate of nothing"),
    pytest.param("br", brotli.compress(TEXT), TEXT, id="br"),
    pytest.param("br", brotli.compress(b""), b"", id="br of nothing"),
    pytest.param("zstd", zstandard.compress(TEXT), TEXT, id="zstd"),
    pytest.param("zstd", zstandard.compress(TEXT) + zstandard.compress(b"more"), TEXT + b"more", id="two zstd frames"),
    pytest.param("zstd", zstandard.compress(b""), b"", id="zstd of nothing"),
    pytest.param("br", b"", b"", id="no body, br"),
    pytest.param("zstd", b"", b"", id="no body, zstd"),
    pytest.param("gzip", b"", b"", id="no body, gzip"),
    pytest.param("deflate", b"", b"", id="no body, deflate"),
]


@pytest.mark.parametrize(("encoding", "body", "plain"), BODIES)
class TestBodies:
    def test_whole(self, encoding: str, body: bytes, plain: bytes) -> None:
        assert decode(encoding, body) == plain

    def test_byte_by_byte(self, encoding: str, body: bytes, plain: bytes) -> None:
        assert decode(encoding, *(body[i : i + 1] for i in range(len(body)))) == plain

    def test_cut_at_every_boundary(self, encoding: str, body: bytes, plain: bytes) -> None:
        for cut in range(len(body) + 1):
            assert decode(encoding, body[:cut], b"", body[cut:]) == plain


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_needs_no_decoder(encoding: str) -> None:
    assert decoder(encoding) is None


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "rot13"])
def test_an_unknown_coding_is_refused(encoding: str) -> None:
    with pytest.raises(UnknownEncoding):
        decoder(encoding)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("br", brotli.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
    ],
    ids=["gzip", "deflate", "raw deflate", "br", "zstd"],
)
def test_a_body_cut_short_anywhere_is_refused_at_its_end(encoding: str, body: bytes) -> None:
    for cut in range(1, len(body)):
        with pytest.raises(ContentEncodingError, match="cut short"):
            decode(encoding, body[:cut])


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", TEXT, id="plain text"),
        pytest.param("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8, id="wrong checksum"),
        pytest.param("gzip", gzip.compress(TEXT) + b"tail", id="bytes after gzip"),
        pytest.param("deflate", b"\xff\xff\xff\xff", id="not deflate"),
        pytest.param("deflate", zlib.compress(TEXT) + b"tail", id="bytes after zlib"),
        pytest.param("br", b"\xff" * 20, id="not br"),
        pytest.param("br", brotli.compress(TEXT) + b"tail", id="bytes after br"),
        pytest.param("zstd", TEXT, id="not zstd"),
        pytest.param("zstd", zstandard.compress(TEXT) + b"tail", id="bytes after zstd"),
    ],
)
def test_a_corrupt_body_is_refused(encoding: str, body: bytes) -> None:
    with pytest.raises(ContentEncodingError, match=r"corrupt|after its end"):
        decode(encoding, body)
    with pytest.raises(ContentEncodingError, match=r"corrupt|after its end"):
        decode(encoding, *(body[i : i + 1] for i in range(len(body))))


def test_plain_bytes_come_out_as_soon_as_the_sender_flushed_them() -> None:
    sender = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    body = decoder("gzip")
    assert body is not None
    assert body.feed(sender.compress(b"data: a\n\n") + sender.flush(zlib.Z_SYNC_FLUSH)) == b"data: a\n\n"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
    ],
)
def test_more_than_the_limit_does_not_come_out(encoding: str, pack) -> None:  # type: ignore[no-untyped-def]
    assert decode(encoding, pack(bytes(1000)), limit=1000) == bytes(1000)
    with pytest.raises(ContentEncodingError, match="too large"):
        decode(encoding, pack(bytes(1001)), limit=1000)


def test_the_limit_counts_all_gzip_members() -> None:
    with pytest.raises(ContentEncodingError, match="too large"):
        decode("gzip", gzip.compress(bytes(600)) * 2, limit=1000)


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=4))
def test_any_chunking_gives_the_same_bytes(plain: bytes, cuts: list[int]) -> None:
    body = gzip.compress(plain)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    assert decode("gzip", *(body[a:b] for a, b in pairwise(places))) == plain
