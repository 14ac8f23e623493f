"""Server-Sent Events: the standard's rules, in every framing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.wire.sse import Decoder, Event, EventBoundary, SSEError, encode


def decode(*chunks: bytes) -> list[Event]:
    decoder = Decoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.finish()


STREAMS = [
    pytest.param(b'data: {"a":1}\n\n', [Event("", b'{"a":1}')], id="one data line"),
    pytest.param(b"data: a\n\ndata: [DONE]\n\n", [Event("", b"a"), Event("", b"[DONE]")], id="two events"),
    pytest.param(b"event: ping\ndata: {}\n\n", [Event("ping", b"{}")], id="event and data"),
    pytest.param(b"data: {}\nevent: ping\n\n", [Event("ping", b"{}")], id="event after data"),
    pytest.param(b"event: ping\n\ndata: x\n\n", [Event("", b"x")], id="event type without data is forgotten"),
    pytest.param(b"event: a\nevent: b\ndata: x\n\n", [Event("b", b"x")], id="last event type counts"),
    pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [Event("", b"a"), Event("", b"b")], id="CRLF"),
    pytest.param(b"data: a\r\rdata: b\r\r", [Event("", b"a"), Event("", b"b")], id="CR"),
    pytest.param(b"data: a\n\r\ndata: b\r\n\ndata: c\r\n\r", [Event("", x) for x in (b"a", b"b", b"c")], id="mixed"),
    pytest.param(b"data:a\n\n", [Event("", b"a")], id="no space after the colon"),
    pytest.param(b"data:  a \n\n", [Event("", b" a ")], id="one space is taken, the others stay"),
    pytest.param(b"event:ping\ndata:a\n\n", [Event("ping", b"a")], id="no space after either colon"),
    pytest.param(b"data: a\ndata: b\ndata:\n\n", [Event("", b"a\nb\n")], id="data lines are joined"),
    pytest.param(b": ping\n\ndata: a\n\n", [Event("", b"a")], id="comment alone"),
    pytest.param(b": hi\ndata: a\n:\n\n", [Event("", b"a")], id="comments inside"),
    pytest.param(b"data\n\n", [Event("", b"")], id="field without a colon"),
    pytest.param(b"data:\n\n", [Event("", b"")], id="empty data"),
    pytest.param(b"retry: 10\nid: 7\nfoo: x\nDATA: y\ndata: a\n\n", [Event("", b"a")], id="other fields"),
    pytest.param(b"\n\n\n\ndata: a\n\n\n\n\n", [Event("", b"a")], id="more blank lines"),
    pytest.param(b"\xef\xbb\xbfdata: a\n\n", [Event("", b"a")], id="BOM"),
    pytest.param(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("", b"a")], id="BOM only at the start"),
    pytest.param(b"data: \xff\xfe\n\n", [Event("", b"\xff\xfe")], id="data that is not UTF-8"),
    pytest.param(b"event: \xff\ndata: a\n\n", [Event("�", b"a")], id="event type that is not UTF-8"),
    pytest.param(b"data: a\n\ndata: [DONE]", [Event("", b"a"), Event("", b"[DONE]")], id="no end of line at the end"),
    pytest.param(b"data: a\n", [Event("", b"a")], id="no blank line at the end"),
    pytest.param(b"event: ping\n", [], id="cut before its data"),
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"data: \xf0\x9f\x8e\x89\n\n", [Event("", "🎉".encode())], id="four bytes of UTF-8"),
]


@pytest.mark.parametrize(("stream", "events"), STREAMS)
class TestStreams:
    def test_whole(self, stream: bytes, events: list[Event]) -> None:
        assert decode(stream) == events

    def test_byte_by_byte(self, stream: bytes, events: list[Event]) -> None:
        assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == events

    def test_cut_at_every_boundary(self, stream: bytes, events: list[Event]) -> None:
        for cut in range(len(stream) + 1):
            assert decode(stream[:cut], b"", stream[cut:]) == events, cut


def test_an_event_comes_with_the_byte_that_completes_it() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [Event("", b"a")]
    assert decoder.feed(b"\ndata: b\n\n") == [Event("", b"b")]


@pytest.mark.parametrize(
    ("first", "second"),
    [(b"", b"data: 123456\n\n"), (b"", b"data: 123456"), (b"data", b": 123456"), (b"data", b": 123456\n\ndata: 1")],
)
def test_an_event_over_the_limit_is_refused_whichever_way_it_comes(first: bytes, second: bytes) -> None:
    decoder = Decoder(limit=10)
    assert decoder.feed(first) == []
    with pytest.raises(SSEError, match="over 10 bytes"):
        decoder.feed(second)


def test_many_small_events_in_one_chunk_are_within_the_limit() -> None:
    assert len(Decoder(limit=10).feed(b"data: 1\n\n" * 100)) == 100


def test_the_error_holds_no_content() -> None:
    with pytest.raises(SSEError) as caught:
        Decoder(limit=4).feed(b"data: secret\n\n")
    assert "secret" not in str(caught.value)


_LINES = st.sampled_from([b"data: a", b"data:b", b"event: e", b":c", b"", b"", b"id: 1", b"data", b"\xef\xbb\xbf"])
_ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
_STREAM = st.lists(st.tuples(_LINES, _ENDS).map(b"".join), max_size=12).map(b"".join)


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(places)]


_CUTS = st.lists(st.integers(min_value=0), max_size=8)


@given(_STREAM, _CUTS)
def test_any_chunking_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    assert decode(*_cut(stream, cuts)) == decode(stream)


class TestEncode:
    def test_data_alone(self) -> None:
        assert encode(b'{"a":1}') == b'data: {"a":1}\n\n'

    def test_with_a_type(self) -> None:
        assert encode(b"{}", "message_stop") == b"event: message_stop\ndata: {}\n\n"

    def test_every_line_of_the_data_is_a_data_line(self) -> None:
        assert encode(b"a\r\nb\rc\n") == b"data: a\ndata: b\ndata: c\ndata: \n\n"

    def test_a_type_with_a_line_break_is_refused(self) -> None:
        with pytest.raises(SSEError):
            encode(b"{}", "a\ndata: forged")

    @given(st.text(alphabet=st.characters(exclude_characters="\r\n"), max_size=20), st.binary(max_size=40))
    def test_what_is_encoded_decodes_to_itself(self, event: str, data: bytes) -> None:
        event = event.encode("utf-8", "ignore").decode()
        data = data.replace(b"\r", b"")
        assert Decoder().feed(encode(data, event)) == [Event(event, data)]


def boundary_of(stream: bytes) -> int:
    """The length of the longest beginning of a stream that ends with a blank line, found line by line."""
    best = start = at = 0
    while at < len(stream):
        if stream[at] not in b"\r\n":
            at += 1
            continue
        after = at + 2 if stream[at : at + 2] == b"\r\n" else at + 1
        if at == start:
            best = after
        start = at = after
    return best


class TestEventBoundary:
    def test_whole_events_are_the_very_object_that_came(self) -> None:
        for chunk in (b"data: a\n\ndata: b\n\n", b"data: a\r\n\r\n", b"data: a\r\r", b"data: a\n\n\n"):
            assert EventBoundary().feed(chunk) is chunk

    def test_a_cut_event_waits_for_its_end(self) -> None:
        boundary = EventBoundary()
        assert boundary.feed(b"data: a\n\ndata:") == b"data: a\n\n"
        assert boundary.feed(b" b\n") == b""
        assert boundary.feed(b"\ndata: c") == b"data: b\n\n"
        assert boundary.finish() == b"data: c"
        assert boundary.finish() == b""

    def test_the_second_half_of_a_blank_line_does_not_wait(self) -> None:
        boundary = EventBoundary()
        assert boundary.feed(b"data: a\r\n\r") == b"data: a\r\n\r"
        assert boundary.feed(b"\ndata: b") == b"\n"
        assert boundary.finish() == b"data: b"

    def test_an_event_over_the_limit_is_refused(self) -> None:
        boundary = EventBoundary(limit=10)
        boundary.feed(b"data: 1234")
        with pytest.raises(SSEError, match="over 10 bytes"):
            boundary.feed(b"5")

    @given(_STREAM, _CUTS)
    def test_what_is_out_is_the_longest_beginning_of_whole_events(self, stream: bytes, cuts: list[int]) -> None:
        boundary, seen, out = EventBoundary(), b"", b""
        for chunk in _cut(stream, cuts):
            seen += chunk
            out += boundary.feed(chunk)
            assert out == seen[: boundary_of(seen)]
        assert out + boundary.finish() == stream

    @pytest.mark.parametrize(
        "stream", [b"data: a\r\n\r\ndata: b\r\n\r\n", b"\n\ndata: a\n\n\n:x\r\rdata: b", b"\r\na\n\r\nb"]
    )
    def test_byte_by_byte_and_cut_at_every_boundary(self, stream: bytes) -> None:
        chunkings = [[stream[i : i + 1] for i in range(len(stream))]]
        chunkings += [[stream[:cut], stream[cut:]] for cut in range(len(stream))]
        for chunks in chunkings:
            boundary = EventBoundary()
            out = b"".join(map(boundary.feed, chunks))
            assert out == stream[: boundary_of(stream)]
            assert out + boundary.finish() == stream
