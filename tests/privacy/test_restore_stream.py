"""Restoring streams: in every dialect, for every way the texts are cut into events and the bytes into frames."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.apischema.endpoints import CHAT, MESSAGES, RESPONSES, Endpoint, Kind
from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_stream import RestoredStream, restored
from extproc.privacy.vault import Vault
from extproc.wire.sse import encode
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, BOB, Unchanged, vault
from tests.privacy.restored_streams import DIALECTS, Dialect, Texts, chunk, documents, event, restore


def filled() -> Vault:
    one = vault()
    one.placeholder(ANN, "EMAIL_ADDRESS")
    one.placeholder(BOB, "PERSON")
    one.surrogate("10.0.0.1", "IP_ADDRESS")
    return one


VAULT = filled()
BOB_TOKEN, IP_TOKEN = list(VAULT.values)[1:]
HALF = len(ANN_TOKEN) // 2
each_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())


def tokens() -> Tokens:
    return Tokens(VAULT)


def whole(dialect: Dialect, pieces: list[tuple[str, str]]) -> Texts:
    """What the texts are when each is restored as a whole."""
    texts: Texts = {}
    for channel, text in pieces:
        texts[channel] = texts.get(channel, "") + text
    return {channel: tokens().restore(text, dialect.channels[channel]) for channel, text in texts.items() if text}


def every_channel(dialect: Dialect) -> list[tuple[str, str]]:
    """Each channel gets text, half a placeholder, then its other half, and ends in the middle of another."""
    pieces = [f'{{"a": "{ANN_TOKEN[:HALF]}', f'{ANN_TOKEN[HALF:]} {BOB_TOKEN}"}}', f"{IP_TOKEN} PER"]
    return [(channel, piece) for piece in pieces for channel in dialect.channels]


@each_dialect
class TestEveryChannel:
    def test_whole(self, dialect: Dialect) -> None:
        pieces = every_channel(dialect)
        out = restore(dialect.endpoint, [dialect.stream(pieces)], tokens())
        assert dialect.read(documents(out)) == whole(dialect, pieces)

    def test_byte_by_byte(self, dialect: Dialect) -> None:
        stream = dialect.stream(every_channel(dialect))
        out = restore(dialect.endpoint, [stream[at : at + 1] for at in range(len(stream))], tokens())
        assert out == restore(dialect.endpoint, [stream], tokens())

    def test_cut_at_every_boundary(self, dialect: Dialect) -> None:
        stream = dialect.stream(every_channel(dialect)[: 2 * len(dialect.channels)])
        expected = restore(dialect.endpoint, [stream], tokens())
        for cut in range(0, len(stream) + 1, 7 if len(stream) > 3_000 else 1):
            assert restore(dialect.endpoint, [stream[:cut], stream[cut:]], tokens()) == expected, cut

    @pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
    def test_other_line_ends(self, dialect: Dialect, line_end: bytes) -> None:
        pieces = every_channel(dialect)
        stream = dialect.stream(pieces).replace(b"\n", line_end)
        for size in (1, 50, len(stream)):
            out = restore(dialect.endpoint, [stream[at : at + size] for at in range(0, len(stream), size)], tokens())
            assert dialect.read(documents(out)) == whole(dialect, pieces)

    def test_without_its_end(self, dialect: Dialect) -> None:
        pieces = every_channel(dialect)
        stream = b"".join(dialect.piece(*piece) for piece in pieces)
        for last in (stream, stream[:-1], stream[:-2]):
            assert dialect.read(documents(restore(dialect.endpoint, [last], tokens()))) == whole(dialect, pieces)


@each_dialect
def test_a_stream_without_tokens_passes_as_the_bytes_that_came(dialect: Dialect) -> None:
    stream = dialect.stream([(channel, f"Hello {n}, Paul") for n in range(3) for channel in dialect.channels])
    response = restored(Unchanged(), tokens(), dialect.endpoint, Escaping.NONE, streamed=True)
    assert response.feed(stream) == stream
    assert response.finish() == b""


@each_dialect
def test_events_without_tokens_stay_the_bytes_that_came(dialect: Dialect) -> None:
    channel = next(iter(dialect.channels))
    before, after = dialect.piece(channel, "Hello \\u00e9"), dialect.piece(channel, " world")
    stream = b": ping\n\n" + before + dialect.piece(channel, ANN_TOKEN) + b"retry: 1\n" + after
    out = restore(dialect.endpoint, [stream], tokens())
    assert out.startswith(b": ping\n\n" + before)
    assert out.endswith(b"retry: 1\n" + after)


def test_the_very_object_passes_where_nothing_is_held() -> None:
    response = restored(Unchanged(), tokens(), CHAT, Escaping.NONE, streamed=True)
    data = chunk(0, {"content": "Hello"})
    assert response.feed(data) is data
    assert response.outcome == "its outcome"


def test_an_exchange_without_tokens_is_not_wrapped_at_all() -> None:
    inner = Unchanged()
    assert restored(inner, Tokens(vault()), CHAT, Escaping.NONE, streamed=True) is inner


def test_unknown_fields_and_numbers_stay_as_they_are() -> None:
    data = b'{"choices":[{"index":0,"delta":{"content":"%b","x":1.0},"y":1e400}],"seed":12345678901234567890123}'
    out = restore(CHAT, [encode(data % ANN_TOKEN.encode())], tokens())
    assert out == encode(data % ANN.encode())


def test_what_a_chat_choice_holds_goes_before_its_end() -> None:
    out = restore(CHAT, [chunk(0, {"content": "a PER"}) + chunk(0, {}, "stop")], tokens())
    assert out == chunk(0, {"content": "a "}).replace(b": ", b":").replace(b", ", b",").replace(b"data:", b"data: ") + (
        encode(
            b'{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m",'
            b'"choices":[{"index":0,"delta":{"content":"PER"},"finish_reason":null}]}'
        )
        + chunk(0, {}, "stop")
    )


def test_what_a_chat_choice_holds_goes_with_its_end_if_that_has_text() -> None:
    out = documents(restore(CHAT, [chunk(0, {"content": "PER"}) + chunk(0, {"content": "! PE"}, "stop")], tokens()))
    assert [(one["choices"][0]["delta"], one["choices"][0]["finish_reason"]) for one in out] == [
        ({"content": ""}, None),
        ({"content": "PER! PE"}, "stop"),
    ]


def test_what_is_inserted_repeats_no_usage() -> None:
    data = b'{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":7}}'
    out = restore(CHAT, [chunk(0, {"content": "PER"}) + encode(data)], tokens())
    assert [one.get("usage") for one in documents(out)] == [None, None, {"total_tokens": 7}]


def test_an_empty_finish_reason_is_none() -> None:
    stream = chunk(0, {"content": ANN_TOKEN[:HALF]}, "") + chunk(0, {"content": ANN_TOKEN[HALF:]}, "")
    assert DIALECTS["chat"].read(documents(restore(CHAT, [stream], tokens()))) == {"0 content": ANN}


def test_log_probabilities_stay() -> None:
    data = b'{"choices":[{"index":0,"delta":{"content":"%b"},"logprobs":{"content":[{"token":"%b"}]}}]}'
    out = restore(CHAT, [encode(data % (ANN_TOKEN.encode(), ANN_TOKEN.encode()))], tokens())
    assert out == encode(data % (ANN.encode(), ANN_TOKEN.encode()))


def test_another_choice_may_go_on() -> None:
    stream = chunk(0, {"content": "PER"}) + chunk(1, {"content": BOB_TOKEN[:5]}) + chunk(0, {}, "stop")
    out = restore(CHAT, [stream + chunk(1, {"content": BOB_TOKEN[5:]}) + chunk(1, {}, "stop")], tokens())
    assert DIALECTS["chat"].read(documents(out)) == {"0 content": "PER", "1 content": BOB}


def test_signed_reasoning_comes_whole() -> None:
    block = {"type": "thinking", "thinking": f"{ANN_TOKEN} PER", "signature": "c2lnbmVk"}
    out = documents(restore(CHAT, [chunk(0, {"thinking_blocks": [block]})], tokens()))
    assert out[0]["choices"][0]["delta"]["thinking_blocks"] == [{**block, "thinking": f"{ANN} PER"}]
    assert len(out) == 1


def test_what_is_held_goes_before_an_error() -> None:
    error = encode(b'{"error":{"message":"x"}}') + encode(b"[DONE]")
    out = restore(CHAT, [chunk(0, {"content": "PER"})], tokens(), error)
    assert out.endswith(b'"delta":{"content":"PER"},"finish_reason":null}]}\n\n' + error)


def test_what_a_block_holds_goes_before_its_stop() -> None:
    stream = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "PER"})
    out = restore(MESSAGES, [stream + event("content_block_stop", index=0)], tokens())
    assert out.endswith(
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"PER"}}\n\n'
        + event("content_block_stop", index=0)
    )


def test_a_block_may_begin_with_text() -> None:
    stream = event("content_block_start", index=0, content_block={"type": "text", "text": ANN_TOKEN[:HALF]})
    stream += event("content_block_delta", index=0, delta={"type": "text_delta", "text": ANN_TOKEN[HALF:]})
    out = documents(restore(MESSAGES, [stream], tokens()))
    assert [out[0]["content_block"]["text"], out[1]["delta"]["text"]] == ["", ANN]


def test_signatures_are_not_touched_and_citations_come_whole() -> None:
    signature = event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": ANN_TOKEN})
    citation = {"type": "char_location", "cited_text": f"{ANN_TOKEN} PER"}
    stream = signature + event("content_block_delta", index=0, delta={"type": "citations_delta", "citation": citation})
    out = restore(MESSAGES, [stream], tokens())
    assert out.startswith(signature)
    assert documents(out)[1]["delta"]["citation"]["cited_text"] == f"{ANN} PER"


def test_an_inserted_event_of_a_responses_stream_has_a_number_of_its_own() -> None:
    place: dict[str, Any] = {"item_id": "i", "output_index": 0, "content_index": 0}
    stream = event(
        "response.output_text.delta", sequence_number=4, **place, delta="a PER", logprobs=[], obfuscation="x"
    )
    stream += event("response.output_text.done", sequence_number=5, **place, text="a PER")
    stream += event("response.completed", sequence_number=6, response={})
    out = documents(restore(RESPONSES, [stream], tokens()))
    assert [(one["type"], one["sequence_number"]) for one in out] == [
        ("response.output_text.delta", 4),
        ("response.output_text.delta", 5),
        ("response.output_text.done", 6),
        ("response.completed", 7),
    ]
    inserted = {"type": "response.output_text.delta", "sequence_number": 5, **place, "delta": "PER", "logprobs": []}
    assert out[1] == inserted


def test_the_last_response_is_restored_with_everything_it_repeats() -> None:
    response = {"instructions": ANN_TOKEN, "output": [{"type": "function_call", "arguments": f'["{BOB_TOKEN}"]'}]}
    out = documents(restore(RESPONSES, [event("response.completed", sequence_number=1, response=response)], tokens()))
    assert out[0]["response"]["instructions"] == ANN
    assert json.loads(out[0]["response"]["output"][0]["arguments"]) == [BOB]


@pytest.mark.parametrize("endpoint", [CHAT, MESSAGES, RESPONSES])
def test_an_answer_asked_for_in_json_stays_json(endpoint: Endpoint) -> None:
    dialect = next(one for one in DIALECTS.values() if one.endpoint == endpoint)
    channel = {"/chat/completions": "0 content"}.get(endpoint.path, "1")
    response = restored(Unchanged(), tokens(), endpoint, Escaping.JSON, streamed=True)
    stream = dialect.stream([(channel, '{"to": "PER'), (channel, BOB_TOKEN[3:] + '"}')])
    texts = dialect.read(documents(response.feed(stream) + response.finish()))
    assert json.loads(texts[channel]) == {"to": BOB}


@pytest.mark.parametrize("endpoint", [CHAT, MESSAGES, RESPONSES, Endpoint("/threads", "threads", Kind.PASSTHROUGH)])
@pytest.mark.parametrize(
    "data",
    [
        b"data: PERSON\n\n",
        b'data: {"choices":[{"delta":null,"index":0}],"x":"PE"}\n\n',
        b'data: {"choices":[{"delta":{"content":["PE"],"tool_calls":{"x":"PE"}}}]}\n\n',
        b'data: {"choices":"PE"}\n\n',
        b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":null,"x":"PE"}}\n\n',
        b'data: {"type":"response.x.delta","delta":{"x":"PE"}}\n\n',
        b'data: {"type":7,"x":"PE"}\n\n',
        b'data: {"x":"\\ud83d PE"}\n\n',
        b"event: x\n: PE\n\n",
    ],
)
def test_what_is_not_understood_passes(endpoint: Endpoint, data: bytes) -> None:
    assert restore(endpoint, [data], tokens()) == data


def test_the_events_of_other_endpoints_are_restored_one_by_one() -> None:
    out = restore(Endpoint("/threads", "threads", Kind.PASSTHROUGH), [event("x", y=ANN_TOKEN)], tokens())
    assert out == b'event: x\ndata: {"type": "x", "y": "ann@example.org"}\n\n'


TOKENS = (ANN_TOKEN, BOB_TOKEN, IP_TOKEN)
FRAGMENTS = st.one_of(
    st.sampled_from(TOKENS),
    st.sampled_from(TOKENS).flatmap(lambda token: st.integers(1, len(token)).map(lambda at: token[:at])),
    st.sampled_from(["EMAILADDRESS0", "\n", '"', "\\", "‮​", "data: x\n\n", '"sequence_number":7', "👩‍👧"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Dialect, list[tuple[str, str]]]:
    """Texts of several channels, each cut into pieces, in any order."""
    dialect = draw(st.sampled_from(list(DIALECTS.values())))
    channels = draw(st.lists(st.sampled_from(list(dialect.channels)), min_size=1, max_size=3, unique=True))
    queues = {}
    for channel in channels:
        text = "".join(draw(st.lists(FRAGMENTS, max_size=5)))
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=5)))
        queues[channel] = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    pieces = []
    while queues:
        channel = draw(st.sampled_from(list(queues)))
        pieces.append((channel, queues[channel].pop(0)))
        if not queues[channel]:
            del queues[channel]
    return dialect, pieces


@settings(deadline=None, max_examples=200)
@given(streams(), st.data())
def test_every_stream_in_every_cut_is_what_its_texts_are_restored(
    drawn: tuple[Dialect, list[tuple[str, str]]], data: st.DataObject
) -> None:
    dialect, pieces = drawn
    stream = dialect.stream(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    out = restore(dialect.endpoint, [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])], tokens())
    assert dialect.read(documents(out)) == whole(dialect, pieces)


@settings(deadline=None, max_examples=100)
@given(streams())
def test_no_channel_lags_behind_by_more_than_a_token(drawn: tuple[Dialect, list[tuple[str, str]]]) -> None:
    dialect, pieces = drawn
    response = restored(Unchanged(), tokens(), dialect.endpoint, Escaping.NONE, streamed=True)
    assert isinstance(response, RestoredStream)
    out = b""
    for count, piece in enumerate(pieces, 1):
        out += response.feed(dialect.piece(*piece))
        texts = dialect.read(documents(out))
        for channel, text in whole(dialect, pieces[:count]).items():
            assert text.startswith(texts.get(channel, ""))
            assert len(text) - len(texts.get(channel, "")) < tokens().longest


# An event of each dialect that adds to one text, as bytes: no encoder writes halves of surrogates as they are here.
DELTAS = {
    "chat": rb'{"choices":[{"index":0,"delta":{"content":"%b"}}]}',
    "completions": rb'{"choices":[{"index":0,"text":"%b"}]}',
    "messages": rb'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}',
    "responses": rb'{"type":"response.output_text.delta","output_index":0,"delta":"%b"}',
}


def delta(dialect: str, text: bytes) -> bytes:
    return b"data: %b\n\n" % (DELTAS[dialect] % text)


def test_the_deltas_are_those_of_every_dialect() -> None:
    assert DELTAS.keys() == DIALECTS.keys()


@pytest.mark.parametrize("dialect", DELTAS)
def test_halves_of_surrogates_stop_nothing_and_keep_their_place(dialect: str) -> None:
    found = tokens()
    mail = ANN_TOKEN.encode()
    pieces = [b"to " + mail[:9], rb"\ud83d", rb"\ude00 x " + mail[:14], mail[14:] + rb" \ud83d", rb"\ude00 " + mail]
    out = restore(DIALECTS[dialect].endpoint, [delta(dialect, piece) for piece in pieces], found)
    assert out == b"".join(
        delta(dialect, piece)
        for piece in (
            b"to ",
            rb"EMAILADDR\ud83d",
            rb"\ude00 x ",
            rb"ann@example.org \ud83d",
            rb"\ude00 ann@example.org",
        )
    )
    assert (found.found.restored, found.found.unknown, found.found.cut_off) == (2, 0, 0)


def test_a_whole_emoji_beside_a_half_stays_whole() -> None:
    piece = rb"\ud83d\ude00 \\ud83d \ude00 %b" % ANN_TOKEN.encode()
    out = restore(CHAT, [delta("chat", piece)], tokens())
    assert out == delta("chat", "\U0001f600 ".encode() + rb"\\ud83d \ude00 ann@example.org")


def test_what_is_held_goes_before_an_event_that_cannot_be_read() -> None:
    found = tokens()
    bad = delta("chat", b"\xff " + ANN_TOKEN.encode())
    out = restore(CHAT, [delta("chat", b"EMAILADDRESS9"), bad, delta("chat", ANN_TOKEN.encode())], found)
    before, after = out.split(bad)
    assert DIALECTS["chat"].read(documents(before)) == {"0 content": "EMAILADDRESS9"}
    assert after == delta("chat", ANN.encode())
    assert (found.found.restored, found.found.cut_off) == (1, 2)
