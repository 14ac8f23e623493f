"""The caller's document: what is read, what is refused, and that values stay the bytes they were."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from extproc.errors import InvalidRequest
from extproc.wire.json_object import encode_object, parse_object


def values(body: bytes) -> dict[str, bytes]:
    return {name: bytes(raw) for name, raw in parse_object(body).items()}


ACCEPTED = [
    pytest.param(b"{}", {}, id="empty object"),
    pytest.param(b" {\n} ", {}, id="empty object with space"),
    pytest.param(b'{"a":1.0,"b":1e400}', {"a": b"1.0", "b": b"1e400"}, id="numbers as written"),
    pytest.param(b'{"n":123456789012345678901234567890}', {"n": b"123456789012345678901234567890"}, id="big integer"),
    pytest.param(b'{"a": [1, 2] , "b":\t"x"}\n', {"a": b"[1, 2]", "b": b'"x"'}, id="spaced"),
    pytest.param(b'{"m\\u006fdel":"x","b":1}', {"model": b'"x"', "b": b"1"}, id="escaped name"),
    pytest.param('{"é":"ü"}'.encode(), {"é": '"ü"'.encode()}, id="name that is not ASCII"),
    pytest.param(b'{"":null}', {"": b"null"}, id="empty name"),
    pytest.param(b'{"a":{"x":1,"x":2}}', {"a": b'{"x":1,"x":2}'}, id="names further down are the provider's matter"),
    pytest.param(
        b'{"a":"} , \\"b\\": {" , "c" : "\\\\"}', {"a": b'"} , \\"b\\": {"', "c": b'"\\\\"'}, id="punctuation"
    ),
    pytest.param(b'{"a":1,"b" :12, "c":1}', {"a": b"1", "b": b"12", "c": b"1"}, id="values that begin alike"),
]


@pytest.mark.parametrize(("body", "expected"), ACCEPTED)
def test_fields_are_the_bytes_that_were_sent(body: bytes, expected: dict[str, bytes]) -> None:
    assert list(values(body).items()) == list(expected.items())


REFUSED = [
    pytest.param(b"", "no body", id="empty"),
    pytest.param(b" \r\n\t", "no body", id="only space"),
    pytest.param(b"secret", "not valid JSON", id="not JSON"),
    pytest.param(b"\xef\xbb\xbf{}", "not valid JSON", id="BOM"),
    pytest.param(b'{"a":"secret', "not valid JSON", id="truncated"),
    pytest.param(b'{"a":1} secret', "not valid JSON", id="trailing garbage"),
    pytest.param(b'{"a":1}{"a":1}', "not valid JSON", id="two documents"),
    pytest.param(b'{"a":NaN}', "not valid JSON", id="NaN"),
    pytest.param(b'{"a":[1,{"b":Infinity}]}', "not valid JSON", id="Infinity"),
    pytest.param(b'{"a":-Infinity}', "not valid JSON", id="minus Infinity"),
    pytest.param(b'{"a":01}', "not valid JSON", id="leading zero"),
    pytest.param(b'{"a":1,}', "not valid JSON", id="trailing comma"),
    pytest.param(b"{'secret':1}", "not valid JSON", id="single quotes"),
    pytest.param(b'{"a":"\\secret"}', "not valid JSON", id="unknown escape"),
    pytest.param(b'{"a":"\x01"}', "not valid JSON", id="control character"),
    pytest.param(b'["secret"]', "must be a JSON object", id="array"),
    pytest.param(b'"secret"', "must be a JSON object", id="string"),
    pytest.param(b"null", "must be a JSON object", id="null"),
    pytest.param(b'{"a":"secret\xff"}', "not valid UTF-8", id="bad UTF-8 in a value"),
    pytest.param(b'{"a":["secret",{"b":"\xc3("}]}', "not valid UTF-8", id="bad UTF-8 deep down"),
    pytest.param(b'{"secret\xff":1}', "not valid UTF-8", id="bad UTF-8 in a name"),
    pytest.param(b'{"a":"\xed\xa0\x80"}', "not valid UTF-8", id="surrogate in UTF-8"),
    pytest.param(b'{"secret":"a","secret":"b"}', "more than once", id="field twice"),
    pytest.param(b'{"secret":"a","secret":"a"}', "more than once", id="field twice with one value"),
    pytest.param(b'{"model":"a","mod\\u0065l":"b"}', "more than once", id="field twice, second escaped"),
    pytest.param(b'{"mod\\u0065l":"a","model":"b"}', "more than once", id="field twice, first escaped"),
    pytest.param(b'{ "a" : 1 , "b" : 2 , "a" : 3 }', "more than once", id="field twice, spaced"),
    pytest.param(b'{"a":12,"a":1}', "more than once", id="second value begins the first"),
    pytest.param(
        b'{"a":1,"b":2,"a":{"x":1,"yyyyyy":2}}', "more than once", id="second value as long as a way to an end"
    ),
    pytest.param(b'{"a":1,"b":2,"b":2}', "more than once", id="last field twice"),
    pytest.param(b'{"":1,"":1}', "more than once", id="empty name twice"),
    pytest.param('{"é":1, "\\u00e9":1}'.encode(), "more than once", id="field twice, not ASCII"),
    pytest.param(b'{"a":' + b"[" * 100_000, "128 levels", id="100,000 brackets"),
    pytest.param(b'{"a":' + b'{"b":' * 100_000, "128 levels", id="100,000 braces"),
    pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "128 levels", id="100,000 brackets, closed"),
    pytest.param(b'{"a":' + b"[" * 128 + b"]" * 128 + b"}", "128 levels", id="129 levels"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_refused_with_a_message_that_repeats_nothing(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        parse_object(body)
    assert caught.value.status == 400
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_100000_brackets_alone_are_not_an_object() -> None:
    with pytest.raises(InvalidRequest):
        parse_object(b"[" * 100_000)


def test_128_levels_are_fine() -> None:
    deep = b"[" * 127 + b"]" * 127
    assert values(b'{"a":' + deep + b"}") == {"a": deep}


def test_width_is_not_depth() -> None:
    wide = b"[" + b",".join([b'{"a":[]}'] * 1000) + b"]"
    assert values(b'{"a":' + wide + b"}") == {"a": wide}


@pytest.mark.parametrize("piece", ["[", '"[', "\\[", '\\"[{', "[\\", "]}"])
def test_brackets_inside_strings_are_not_levels(piece: str) -> None:
    body = json.dumps({"a": [piece * 300, piece], piece: 1}).encode()
    assert list(parse_object(body)) == ["a", piece]


@pytest.mark.parametrize("piece", ["]", '"]', "\\", '\\"}', "]\\"])
def test_brackets_inside_strings_hide_no_levels(piece: str) -> None:
    deep: object = piece
    for _ in range(200):
        deep = [piece * 3, deep]
    with pytest.raises(InvalidRequest, match="128 levels"):
        parse_object(json.dumps({"a": deep}).encode())


def test_a_deep_stack_of_our_own_gives_the_same_answer() -> None:
    def at_depth(frames: int, body: bytes) -> None:
        if frames:
            at_depth(frames - 1, body)
        else:
            parse_object(body)

    with pytest.raises(InvalidRequest, match="128 levels"):
        at_depth(sys.getrecursionlimit() // 2, b'{"a":' + b"[" * 700 + b"]" * 700 + b"}")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)
_LAYOUTS = st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 2}, {"separators": (" ,\n", "\t:\r")}])


@given(st.dictionaries(st.text(max_size=6), _JSON, max_size=6), _LAYOUTS, st.booleans())
def test_every_object_is_read_whatever_its_layout(document: dict[str, object], layout: dict, ascii: bool) -> None:  # type: ignore[type-arg]
    try:
        body = json.dumps(document, ensure_ascii=ascii, **layout).encode()
    except UnicodeEncodeError:
        return
    assert {name: json.loads(bytes(raw)) for name, raw in parse_object(body).items()} == document


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=5), _LAYOUTS)
def test_a_field_twice_is_always_found(members: list[tuple[str, int]], layout: dict) -> None:  # type: ignore[type-arg]
    comma, colon = layout.get("separators", (", ", ": "))
    body = ("{" + comma.join(f'"{name}"{colon}{value}' for name, value in members) + "}").encode()
    if len(dict(members)) == len(members):
        assert values(body) == {name: str(value).encode() for name, value in members}
    else:
        with pytest.raises(InvalidRequest, match="more than once"):
            parse_object(body)


class TestEncode:
    def test_raw_values_are_written_byte_for_byte(self) -> None:
        body = b'{"a":1.0,"b":1e400,"n":123456789012345678901234567890,"s":"\\u00e9\\/"}'
        assert encode_object(parse_object(body)) == body

    def test_a_changed_field_stays_in_its_place(self) -> None:
        fields = parse_object(b'{ "model" : "a", "x": [1, 2] }')
        assert encode_object({**fields, "model": "b"}) == b'{"model":"b","x":[1, 2]}'

    def test_raw_inside_other_values(self) -> None:
        assert encode_object({"messages": [{"role": "user", "content": Raw(b"1.0")}]}) == (
            b'{"messages":[{"role":"user","content":1.0}]}'
        )
