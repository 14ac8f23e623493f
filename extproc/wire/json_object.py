"""The caller's JSON document, read once: its top-level fields, each value the very bytes that were sent.

Strict where a lenient reader would let the gateway and the provider see different documents: a field given twice,
bytes that are not UTF-8, anything after the end.
"""

import re
from collections.abc import Mapping
from itertools import accumulate

import msgspec
from msgspec import Raw

from extproc.errors import InvalidRequest

_MOST_DEPTH = 128

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode

_TO_VALUE = re.compile(rb'[{,][ \t\r\n]*"(?:[^"\\]|\\.)*+"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_CLOSE = ord("}")

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # read as signed bytes: one down, one up
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def parse_object(body: bytes) -> dict[str, Raw]:
    """The fields of a JSON object (RFC 8259), in their order.

    Raises InvalidRequest, with a message that holds nothing of the body, for: an empty body, bytes that are not UTF-8,
    what is not JSON (NaN and Infinity are not) or not an object, more than 128 levels of nesting, a top-level name
    that occurs twice however it is spelt, and bytes after the end.
    """
    _check_utf8(body)
    try:
        fields = _decode_fields(body)
    except msgspec.ValidationError:
        raise InvalidRequest("The request body must be a JSON object.") from None
    except msgspec.DecodeError as error:
        if not body.strip(b" \t\r\n"):
            raise InvalidRequest("The request has no body: a JSON object is expected.") from None
        # The reason is a fixed phrase and a position, never a piece of the body.
        raise InvalidRequest(f"The request body is not valid JSON: {error}.") from None
    except RecursionError:
        raise _too_deep() from None
    if _is_too_deep(body):
        raise _too_deep()
    if not (_is_plain(body, fields) or _is_every_field(body, fields)):
        raise InvalidRequest("The request body gives a field more than once.")
    return fields


def encode_object(fields: Mapping[str, object]) -> bytes:
    """The fields as a compact JSON object, in their order; every `Raw`, at any depth, as the bytes it holds."""
    return msgspec.json.encode(dict(fields))


def _check_utf8(body: bytes) -> None:
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The request body is not valid UTF-8 (byte {error.start}).") from None


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The request body is nested more than {_MOST_DEPTH} levels deep.")


def _is_too_deep(body: bytes) -> bool:
    """Whether valid JSON nests too deep. Few documents hold so many brackets that there is anything to count."""
    if len(body.translate(None, _NOT_BRACKETS)) <= 2 * _MOST_DEPTH:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(body.split(b'"')[::2])
    steps = outside_strings.translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > _MOST_DEPTH


def _is_plain(body: bytes, fields: Mapping[str, Raw]) -> bool:
    """Whether the lengths of names, values and punctuation add up to the body's.

    A field given twice, a space or an escape in a name would make the body longer: then there is no telling.
    """
    size = 1 + 4 * len(fields) + sum(map(len, fields)) + sum(map(len, fields.values()))
    return size == len(body)


def _is_every_field(body: bytes, fields: Mapping[str, Raw]) -> bool:
    """Whether `fields` are all that valid JSON holds, found by walking over its members.

    The reader keeps the first place and the last value of a field given twice: so the walk either meets a value that
    is not there, or is not at the end when all fields are done.
    """
    at = body.index(b"{")
    for value in fields.values():
        name = _TO_VALUE.match(body, at)
        raw = bytes(value)
        if name is None or not body.startswith(raw, name.end()):
            return False
        at = _end_of_space(body, name.end() + len(raw))
    return body[at if fields else _end_of_space(body, at + 1)] == _CLOSE


def _end_of_space(body: bytes, at: int) -> int:
    space = _SPACE.match(body, at)
    return space.end() if space is not None else at
