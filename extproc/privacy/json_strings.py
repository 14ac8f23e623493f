"""The strings of a JSON document, found and replaced in its bytes; its long numbers too, where that is asked for.

What is not replaced stays byte for byte: numbers of any size, spaces, names that are given twice. A document that is
decoded into objects shows one of two members with the same name; here every string is seen, whatever holds it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import msgspec

_CHARS = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_SPACE = rb"[ \t\r\n]*+"
_NUMBER = rb"-?[0-9][0-9.eE+-]{6,}+"
# A string; the colon behind it, if it is a name; the string that is the member's value; or a bracket, or a long number.
_TOKEN = re.compile(rb'"(%b)"(?:%b(:)%b("%b")?+)?+|[\[\]{}]|%b' % (_CHARS, _SPACE, _SPACE, _CHARS, _NUMBER), re.DOTALL)
_NAME, _MEMBER = 2, 3
_OPENING, _CLOSING = b"{[", b"}]"
_OPEN_ARRAY = ord("[")
_decode = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode


class Context(IntEnum):
    """What kind of object a string is in, which says what its name means."""

    __hash__ = int.__hash__  # enums have one of their own, in Python

    ROOT = 0
    ENVELOPE = 1  # of the API: names that are known, and values that may be structure
    MESSAGE = 2  # as ENVELOPE, but a `name` in it is a person's
    SCHEMA = 3  # a JSON schema
    DATA = 4  # somebody's own document: nothing is known of it
    OPAQUE = 5  # not to be touched
    TOOL = 6  # as ENVELOPE, but `headers` in it are to sign in with


@dataclass(frozen=True, slots=True)
class Inside:
    """What is in a context: which names lead into which other one, and where all others lead.

    `left` are the names whose strings are of no interest, None for all. `with_names`: names are of interest themselves.
    `with_numbers`: so are numbers of seven characters and more.
    """

    steps: Mapping[bytes, Context]
    others: Context
    left: frozenset[bytes] | None = frozenset()
    with_names: bool = False
    with_numbers: bool = False


Contexts = Mapping[Context, Inside]
Replacement = tuple[int, int, bytes]


class Literal(NamedTuple):
    """A string or a number: its place in the document, quotes included, its name and context.

    `name` is that of the member it is the value of, or is in the array of; as written, without quotes. `holder` is the
    number of the object or array that it is in, `siblings` that of the array which the holder is in, 0 for none.
    `is_name`: it is itself the name of a member.
    """

    start: int
    end: int
    name: bytes
    context: Context
    holder: int
    siblings: int
    is_name: bool


class _Level(NamedTuple):
    context: Context
    inside: Inside
    number: int
    is_array: bool
    siblings: int


def literals(document: bytes, root: Context, contexts: Contexts) -> Iterator[Literal]:
    """The strings and numbers of interest in valid JSON, in order."""
    new = tuple.__new__  # `Literal(…)` takes twice as long
    level = _Level(root, contexts[root], 0, True, 0)
    outer: list[tuple[_Level, bytes]] = []
    name = b""
    holders = 0
    for token in _TOKEN.finditer(document):
        kind = token.lastindex
        if kind is None:
            opened = document[token.start()]
            if opened in _CLOSING:
                level, name = outer.pop()
                continue
            if opened not in _OPENING:
                if level.inside.with_numbers:
                    yield new(Literal, (*token.span(), name, level.context, level.number, level.siblings, False))
                continue
            outer.append((level, name))
            holders += 1
            context, siblings = (level.context, level.number) if level.is_array else (_step(level.inside, name), 0)
            level = _Level(context, contexts[context], holders, opened == _OPEN_ARRAY, siblings)
            continue
        start, end = token.span()
        if kind >= _NAME:
            name = token[1]
            if level.inside.with_names:
                end_of_name = start + len(name) + 2
                yield new(Literal, (start, end_of_name, name, level.context, level.number, level.siblings, True))
            if kind == _NAME:
                continue
            start = token.start(_MEMBER)
        if level.inside.left is not None and name not in level.inside.left:
            yield new(Literal, (start, end, name, level.context, level.number, level.siblings, False))


def _step(inside: Inside, name: bytes) -> Context:
    return inside.steps.get(name, inside.others)


def text_of(document: bytes, literal: Literal) -> str:
    """The text of a string. Raises what `apischema.malformed` names."""
    content = document[literal.start + 1 : literal.end - 1]
    return _decode(document[literal.start : literal.end]) if b"\\" in content else str(content, "utf-8")


def content_of(document: bytes, literal: Literal) -> bytes:
    """The text of a string in UTF-8. Raises what `apischema.malformed` names, where something is escaped in it."""
    return unescaped(document[literal.start + 1 : literal.end - 1])


def unescaped(content: bytes) -> bytes:
    """What is between the quotes of a string, in UTF-8."""
    return _decode(b'"%b"' % content).encode() if b"\\" in content else content


def literal_of(text: str) -> bytes:
    """A text as a JSON string, quotes included."""
    return _encode(text)


def replaced(document: bytes, replacements: Iterable[Replacement]) -> bytes:
    """The document with the bytes between each start and end replaced; they come in order."""
    pieces: list[bytes | memoryview] = []
    view = memoryview(document)
    at = 0
    for start, end, new in replacements:
        pieces += view[at:start], new
        at = end
    return b"".join([*pieces, view[at:]])
