"""Keys: what makes two requests the same, and what never does."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from extproc.apischema.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RERANK, RESPONSES
from extproc.cache.canonical import canonical
from extproc.cache.key import Key, Keyring, Partition, canonical_request
from extproc.cache.reading import reading_of
from extproc.wire.json_object import parse_object

KEYRING = Keyring(b"s" * 32)
PARTITION = Partition("acme", "route", "gpt", "v1", "openai", "/v1/chat/completions")

_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, width=32)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


def one(text: bytes) -> bytes | None:
    return canonical(Raw(text))


def request(body: bytes, endpoint: Any = CHAT, **options: Any) -> bytes | None:
    reading = reading_of(endpoint)
    assert reading is not None
    options = {"headers": {}, "own_format": True, "users_apart": False, **options}
    return canonical_request(parse_object(body), reading=reading, **options)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        (b"1.0", b"1"),
        (b"10e-1", b"1"),
        (b"0.10", b"1e-1"),
        (b"1E+2", b"100"),
        (b"-0.0", b"0"),
        (b"-0", b"0"),
        (b"0e99", b"0"),
        (b"1e400", b"1e400"),
        (b"-2.50", b"-25e-1"),
        (b"12345678901234567890123", b"12345678901234567890123"),
        (b"1e99999999999999999999", b"1e99999999999999999999"),
        (b'"\\u00e9"', '"é"'.encode()),
        (b'{ "b" : 1 , "a" : [ null ] }', b'{"a":[null],"b":1}'),
    ],
)
def test_a_value_has_one_spelling(spelling: bytes, expected: bytes) -> None:
    assert one(spelling) == expected


def test_numbers_that_a_double_cannot_tell_apart_are_told_apart() -> None:
    assert one(b"9007199254740993") != one(b"9007199254740992")
    assert one(b"0.1") != one(b"0.10000000000000001")


def test_a_name_given_twice_at_any_depth_has_no_canonical_form() -> None:
    assert one(b'[{"a":{"x":1,"x":1}}]') is None
    assert one(b'{"a":1,"\\u0061":2}') is None
    assert one(b'{"a":"\\"x\\":","b":"{:}"}') is not None


def test_text_that_is_no_text_has_no_canonical_form() -> None:
    assert one(b'"\\ud800"') is None


@settings(max_examples=150, deadline=None)
@given(_VALUES)
def test_space_and_order_do_not_matter(value: Any) -> None:
    written = msgspec.json.encode(value)
    spaced = msgspec.json.format(msgspec.json.encode(_reversed(value)), indent=3)
    assert one(spaced) == one(written)
    assert one(written) is not None


@settings(max_examples=150, deadline=None)
@given(_VALUES, _VALUES)
def test_what_differs_stays_different(first: Any, second: Any) -> None:
    same = one(msgspec.json.encode(first)) == one(msgspec.json.encode(second))
    assert same == _equal(first, second)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(each) for each in value] if isinstance(value, list) else value


def _equal(first: Any, second: Any) -> bool:
    """Python's equality, but for True, which is no 1 in JSON."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_equal(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_equal, first, second))
    return isinstance(first, bool) == isinstance(second, bool) and first == second


@pytest.mark.parametrize(
    ("endpoint", "plain", "spelt_out"),
    [
        (CHAT, b'{"model":"a","messages":[]}',
         b'{"messages":[],"model":"b","temperature":1.0,"n":1,"stream":true,"stream_options":{"include_usage":true},'
         b'"user":"u","metadata":{"a":"b"},"safety_identifier":"s","top_p":1,"stop":null,"logprobs":false}'),
        (COMPLETIONS, b'{"model":"a","prompt":"x"}',
         b'{"model":"a","prompt":"x","max_tokens":16,"best_of":1,"echo":false}'),
        (EMBEDDINGS, b'{"model":"a","input":"x"}', b'{"model":"a","input":"x","encoding_format":"float","user":"u"}'),
        (MESSAGES, b'{"model":"a","max_tokens":9,"messages":[]}',
         b'{"model":"a","max_tokens":9,"messages":[],"stream":true,"temperature":1.0,"metadata":{"user_id":"u"}}'),
        (RESPONSES, b'{"model":"a","input":"x"}',
         b'{"model":"a","input":"x","tools":[],"truncation":"disabled","tool_choice":"auto","background":false,'
         b'"text":{"format":{"type":"text"}},"metadata":{}}'),
    ],
)  # fmt: skip
def test_defaults_delivery_and_users_do_not_matter(endpoint: Any, plain: bytes, spelt_out: bytes) -> None:
    assert request(spelt_out, endpoint) == request(plain, endpoint)


def test_users_matter_where_they_are_apart() -> None:
    plain, named = b'{"model":"a","messages":[]}', b'{"model":"a","messages":[],"user":"u"}'
    assert request(named, users_apart=True) != request(plain, users_apart=True)


def test_defaults_of_one_format_are_not_those_of_another() -> None:
    plain, warm = b'{"model":"a","messages":[]}', b'{"model":"a","messages":[],"temperature":1}'
    assert request(warm, own_format=False) != request(plain, own_format=False)


@pytest.mark.parametrize(
    "other",
    [
        b'{"model":"a","messages":[{"role":"user","content":"Hi"}],"seed":1}',
        b'{"model":"a","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"a","messages":[{"role":"user","content":"Hi "}]}',
        b'{"model":"a","messages":[{"role":"user","content":"Hi","name":null}]}',
        b'{"model":"a","messages":[{"role":"system","content":"Hi"}]}',
        b'{"model":"a","messages":[{"role":"user","content":"Hi"}],"temperature":0}',
        b'{"model":"a","messages":[{"role":"user","content":"Hi"}],"max_tokens":16}',
        b'{"model":"a","messages":[{"role":"user","content":"Hi"}],"unknown":false}',
    ],
)
def test_everything_else_matters(other: bytes) -> None:
    assert request(other) != request(b'{"model":"a","messages":[{"role":"user","content":"Hi"}]}')


def test_fields_cannot_be_run_together() -> None:
    assert request(b'{"model":"m","a":1,"b":2}') != request(b'{"model":"m","a":"1b=2"}')
    assert request(b'{"model":"m","a":1}', headers={"openai-beta": "x"}) != request(b'{"model":"m","a":1}')


def test_version_headers_matter_and_others_do_not() -> None:
    body = b'{"model":"a","messages":[]}'
    plain = request(body, MESSAGES)
    assert request(body, MESSAGES, headers={"anthropic-beta": "x"}) != plain
    assert request(body, MESSAGES, headers={"user-agent": "x", "cache-control": "max-age=1"}) == plain


def test_an_endpoint_without_a_reading_is_not_cached() -> None:
    assert reading_of(RERANK) is None


def test_no_key_is_shared_between_partitions() -> None:
    """Tenants, routes, models, policies, backends and requests whose names contain and continue each other."""
    words = ("", "a", "b", "ab", "a\0b", "a/b", "a:b")
    keys: dict[Key, tuple[str, ...]] = {}
    digests: set[str] = set()
    for tenant in words:
        for route in words:
            for model in words[:4]:
                for policy in words[:3]:
                    for body in words:
                        partition = Partition(tenant, route, model, policy, "openai", "/v1/chat/completions")
                        key = KEYRING.key(partition, body.encode())
                        keys[key] = (tenant, route, model, policy, body)
                        digests.add(key.digest)
    assert len(keys) == len(digests) == 7 * 7 * 4 * 3 * 7


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(*[st.text(max_size=3)] * 7), min_size=2, max_size=2))
def test_different_places_have_different_keys(places: list[tuple[str, ...]]) -> None:
    first, second = (KEYRING.key(Partition(*place[:6]), place[6].encode()) for place in places)
    assert (first.digest == second.digest) == (places[0] == places[1])


def test_another_secret_makes_other_keys() -> None:
    assert KEYRING.key(PARTITION, b"x").digest != Keyring(b"t" * 32).key(PARTITION, b"x").digest


def test_a_key_says_nothing_of_what_it_is_of() -> None:
    key = KEYRING.key(PARTITION, b"secret question")
    assert all(set(part) <= set("0123456789abcdef") for part in (key.tenant, key.route, key.digest))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        Keyring(b"short")


_SCHEMA = b'{"type":"object","properties":{%s}}'
_THINKS_FIRST, _ANSWERS_FIRST = _SCHEMA % b'"why":{},"answer":{}', _SCHEMA % b'"answer":{},"why":{}'


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (CHAT, b'{"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":%s}}}'),
        (CHAT, b'{"tools":[{"type":"function","function":{"name":"a","parameters":%s}}]}'),
        (CHAT, b'{"functions":[{"name":"a","parameters":%s}]}'),
        (RESPONSES, b'{"input":"q","text":{"format":{"type":"json_schema","name":"a","schema":%s}}}'),
        (MESSAGES, b'{"tools":[{"name":"a","input_schema":%s}]}'),
        (MESSAGES, b'{"output_config":{"format":{"type":"json_schema","schema":%s}}}'),
    ],
)
def test_the_order_of_a_schemas_members_matters(endpoint: Any, body: bytes) -> None:
    assert request(body % _THINKS_FIRST, endpoint) != request(body % _ANSWERS_FIRST, endpoint)
    assert request(body % _THINKS_FIRST, endpoint) == request(body.replace(b":", b" : ") % _THINKS_FIRST, endpoint)
