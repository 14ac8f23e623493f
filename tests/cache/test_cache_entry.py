"""Entries: they come back whole, for their own key only, and answers made of them are fresh."""

import random
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.apischema.endpoints import CHAT, EMBEDDINGS, MESSAGES, RESPONSES
from extproc.cache.document import fresh_id, renewed, with_usage
from extproc.cache.entry import Codec, Entry, Unreadable
from extproc.cache.key import Keyring, Partition
from extproc.genai.usage import TokenUsage
from extproc.wire.json_object import parse_object

KEYRING = Keyring(b"s" * 32)
CODEC = Codec(KEYRING, random.Random(1).randbytes)
PARTITION = Partition("acme", "route", "gpt", "v1", "openai", "/chat/completions")
KEY = KEYRING.key(PARTITION, b"question")
ENTRY = Entry("/chat/completions", b'{"a":"b"}', TokenUsage(3, 4, 1), 1790000000.5, 60)


def reason(key: Any, sealed: bytes, codec: Codec = CODEC) -> str:
    with pytest.raises(Unreadable) as caught:
        codec.open(key, sealed)
    return caught.value.reason


def test_an_entry_comes_back_whole() -> None:
    assert CODEC.open(KEY, CODEC.seal(KEY, ENTRY)) == ENTRY


def test_a_large_entry_is_compressed() -> None:
    entry = Entry("/chat/completions", b'{"text":"' + b"again and " * 2000 + b'"}', None, 0.0, 60)
    sealed = CODEC.seal(KEY, entry)
    assert len(sealed) < 300
    assert CODEC.open(KEY, sealed) == entry


def test_nothing_of_the_answer_can_be_read_in_what_is_stored() -> None:
    assert b"secret" not in CODEC.seal(KEY, Entry("/x", b'{"a":"secret"}', None, 0.0, 1))


def test_an_entry_opens_for_no_other_key_and_no_other_secret() -> None:
    sealed = CODEC.seal(KEY, ENTRY)
    for other in (
        KEYRING.key(PARTITION, b"another question"),
        KEYRING.key(Partition("other", "route", "gpt", "v1", "openai", "/chat/completions"), b"question"),
    ):
        assert reason(other, sealed) == "corrupt"
    assert reason(KEY, sealed, Codec(Keyring(b"t" * 32), random.Random(1).randbytes)) == "corrupt"


def test_a_piece_opens_in_its_place_only() -> None:
    sealed = CODEC.seal_piece(KEY, "one", 7, b"piece")
    assert CODEC.open_piece(KEY, "one", 7, sealed) == b"piece"
    for holder, number in (("two", 7), ("one", 8)):
        with pytest.raises(Unreadable):
            CODEC.open_piece(KEY, holder, number, sealed)


def test_each_stream_has_a_key_of_its_own() -> None:
    """It uses up twenty nonces a second, of those that a key is good for."""
    keys = {KEYRING.sealing_key(KEY), KEYRING.stream_key(KEY, "one"), KEYRING.stream_key(KEY, "two")}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 3


def test_every_altered_byte_and_every_cut_is_noticed() -> None:
    sealed = CODEC.seal(KEY, ENTRY)
    for at in range(1, len(sealed)):
        assert reason(KEY, sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]) == "corrupt"
    for length in range(len(sealed)):
        assert reason(KEY, sealed[:length]) == "corrupt"


def test_another_version_is_told_apart() -> None:
    assert reason(KEY, b"\x00" + CODEC.seal(KEY, ENTRY)[1:]) == "old_format"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_anything_else_is_unreadable(data: bytes) -> None:
    assert reason(KEY, data) in ("corrupt", "old_format")


def test_an_entry_of_the_future_is_young() -> None:
    assert ENTRY.age(1790000000.0) == 0.0
    assert ENTRY.age(1790000010.5) == 10.0


@pytest.mark.parametrize(
    ("old", "shape"),
    [
        ("chatcmpl-9aF0xYz", r"chatcmpl-\d[a-z][A-Z]\d[a-z][A-Z][a-z]"),
        ("msg_01AbC", r"msg_\d\d[A-Z][a-z][A-Z]"),
        ("msg_bdrk_01a", r"msg_bdrk_[0-9a-f]{3}"),
        ("resp_00ff", r"resp_[0-9a-f]{4}"),
        ("123e4567-e89b-12d3-a456-426614174000", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        ("", r""),
    ],
)
def test_a_fresh_id_has_the_shape_of_the_old(old: str, shape: str) -> None:
    fresh = fresh_id(old, random.Random(2).randbytes)
    assert re.fullmatch(shape, fresh)
    assert not old or fresh != old


def test_a_renewed_answer_differs_in_id_and_time_only() -> None:
    document = b'{"id":"chatcmpl-1a","object":"chat.completion","created":5,"choices":[{"x":1.0}],"usage":{"t":1e400}}'
    made = renewed(CHAT, document, {}, 1790000001.9, random.Random(3).randbytes)
    assert re.sub(rb'"id":"chatcmpl-[0-9a-f]{2}"', b'"id":"chatcmpl-1a"', made) == document.replace(
        b'"created":5', b'"created":1790000001'
    )


@pytest.mark.parametrize("document", [b'{"object":"list","data":[]}', b'{"id":null,"created":null}', b'{"id":7}'])
def test_what_has_no_id_gets_none(document: bytes) -> None:
    assert renewed(EMBEDDINGS, document, {}, 9.0, random.Random(4).randbytes) == document


def test_what_a_response_repeats_of_the_request_is_this_callers() -> None:
    kept = (
        b'{"id":"resp_1","created_at":1,"completed_at":2,"user":"first","metadata":{"a":"first"},'
        b'"prompt_cache_retention":"24h","output":[]}'
    )
    request = parse_object(b'{"model":"m","metadata":{"b":"second"}}')
    made = msgspec.json.decode(renewed(RESPONSES, kept, request, 9.0, random.Random(5).randbytes))
    assert (made["user"], made["metadata"], made["created_at"], made["completed_at"]) == (None, {"b": "second"}, 9, 9)
    assert made["prompt_cache_retention"] is None


def test_usage_is_added_where_the_stream_did_not_tell_it() -> None:
    usage = TokenUsage(input_tokens=3, output_tokens=4, cache_read_input_tokens=1)
    made = msgspec.json.decode(with_usage(CHAT, b'{"choices":[],"usage":null}', usage))["usage"]
    assert (made["prompt_tokens"], made["completion_tokens"], made["total_tokens"]) == (3, 4, 7)
    assert made["prompt_tokens_details"] == {"cached_tokens": 1}
    for document, endpoint in ((b'{"usage":{"a":1}}', CHAT), (b'{"content":[]}', MESSAGES)):
        assert with_usage(endpoint, document, usage) == document
    assert with_usage(CHAT, b"{}", None) == b"{}"
