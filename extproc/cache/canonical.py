"""A JSON value in one spelling: whatever means the same is the same bytes, and nothing else is.

Members are sorted, space and escapes go, and a number is its digits and exponent (`1`, `1.0`, `10e-1` are one, as are
`0` and `-0`), exact at any size. A name that an object gives twice means one thing to one reader and another to the
next: such a value has no canonical form.
"""

import re

import msgspec
from msgspec import Raw

from extproc.apischema.malformed import MALFORMED

_MOST_EXPONENT_DIGITS = 18
_ESCAPED = re.compile(rb"\\.", re.DOTALL)


def canonical(value: Raw, *, ordered: bool = False) -> bytes | None:
    """The canonical form; None where there is none. `ordered`: the order of members means something, and stays."""
    try:
        found = (_encode_as_given if ordered else _encode)(_decode(value))
    except MALFORMED:
        return None
    return found if _members(bytes(value)) == _members(found) else None


def _float(text: str) -> Raw:
    """A number with a fraction or an exponent, spelt as an integer where it is a short one."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-0")) > _MOST_EXPONENT_DIGITS:
        return Raw(text.encode())  # beyond all sense: it is like nothing but itself
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return Raw(b"0")
    scale = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    if 0 <= scale <= _MOST_EXPONENT_DIGITS:
        return Raw(f"{sign}{significant}{'0' * scale}".encode())
    return Raw(f"{sign}{significant}e{scale}".encode())


def _members(document: bytes) -> int:
    """How many members the objects of a JSON document have, in all: one for each colon outside of strings."""
    if b"\\" in document:
        document = _ESCAPED.sub(b"", document)
    return sum(piece.count(b":") for piece in document.split(b'"')[::2])


_decode = msgspec.json.Decoder(float_hook=_float).decode
_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_as_given = msgspec.json.Encoder().encode
