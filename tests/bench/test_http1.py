"""The HTTP/1.1 messages that load generator and upstream read, in every framing and cut everywhere."""

import pytest

from bench.http1 import Message, MessageError

WITH_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\nhello world"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n\r\n"
WITH_TRAILERS = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nB\r\nhello world\r\n0\r\nx-sum: 1\r\nx-b: 2\r\n\r\n"
)
WITH_LINE_ENDS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n2\r\n0\r\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\ndate: today\r\n\r\n"
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length:2\r\n\r\n{}"
MESSAGES = [
    (WITH_LENGTH, b"hello world"),
    (CHUNKED, b"hello world"),
    (WITH_TRAILERS, b"hello world"),
    (WITH_LINE_ENDS, b"\r\n\r\n0\r"),
    (EMPTY, b""),
    (REQUEST, b"{}"),
]


@pytest.mark.parametrize(("data", "body"), MESSAGES)
def test_a_message_is_read_whole(data: bytes, body: bytes) -> None:
    message = Message()

    assert message.feed(data) == body
    assert message.complete


@pytest.mark.parametrize(("data", "body"), MESSAGES)
def test_a_message_is_read_byte_by_byte(data: bytes, body: bytes) -> None:
    message = Message()

    pieces = []
    for at in range(len(data)):
        assert not message.complete
        pieces.append(message.feed(data[at : at + 1]))

    assert b"".join(pieces) == body
    assert message.complete


@pytest.mark.parametrize(("data", "body"), MESSAGES)
def test_a_message_is_read_cut_anywhere(data: bytes, body: bytes) -> None:
    for cut in range(1, len(data)):
        message = Message()

        first = message.feed(data[:cut])
        assert not message.complete
        assert first + message.feed(data[cut:]) == body
        assert message.complete


def test_the_head_is_kept_without_its_end() -> None:
    message = Message()
    message.feed(REQUEST)

    assert message.head == b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length:2"


def test_a_response_has_a_status() -> None:
    message = Message()
    message.feed(EMPTY)

    assert message.status == 204


def test_a_request_has_no_status() -> None:
    message = Message()
    message.feed(REQUEST)

    with pytest.raises(MessageError, match="not a response"):
        _ = message.status


@pytest.mark.parametrize("data", [WITH_LENGTH, CHUNKED, EMPTY])
def test_bytes_after_a_message_are_refused(data: bytes) -> None:
    with pytest.raises(MessageError, match="bytes after the message"):
        Message().feed(data + b"H")


@pytest.mark.parametrize("data", [WITH_LENGTH, CHUNKED, EMPTY])
def test_bytes_fed_after_a_message_are_refused(data: bytes) -> None:
    message = Message()
    message.feed(data)

    with pytest.raises(MessageError, match="bytes after the message"):
        message.feed(b"H")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", "content-length is not a number"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfive\r\n", "a chunk's size is not a number"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhello\r\n", "a chunk is longer than it says"),
        (b"x" * 65_537, "the head is too long"),
    ],
)
def test_what_is_not_http_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(MessageError, match=problem):
        Message().feed(data)
