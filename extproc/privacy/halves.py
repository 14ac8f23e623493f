"""Halves of surrogates in answers: models that write token by token cut an emoji in two, and JSON can say it.

No decoder takes a half by itself. So halves are hidden behind characters for private use while a document is decoded,
and shown again in what was made of it.
"""

import re

_ESCAPE = re.compile(rb"\\(?:u[dD]([89abAB]..)(\\u[dD][c-fC-F]..)?|u[dD]([c-fC-F]..)|.)", re.DOTALL)
_FIRST, _STAND_IN = 0xD800, 0x10F000
_STANDS_IN = re.compile(rb"\xf4\x8f[\x80-\x9f][\x80-\xbf]")  # U+10F000 to U+10F7FF
_ESCAPED_STAND_IN = re.compile(rb"\\u[dD][bB][fF][cCdD]")


def hidden(document: bytes) -> bytes:
    """A JSON document without halves; the very one given if it has none, or a character that is needed for them."""
    if b"\\ud" not in document.lower() or _STANDS_IN.search(document) or _ESCAPED_STAND_IN.search(document):
        return document
    changed = _ESCAPE.sub(_hide, document)
    return document if changed == document else changed


def shown(document: bytes) -> bytes:
    """What was made of a document with hidden halves, with the halves."""
    return _STANDS_IN.sub(_show, document)


def _hide(escape: re.Match[bytes]) -> bytes:
    half = escape[1] or escape[3]
    if half is None or escape[2] is not None:
        return escape[0]
    try:
        return chr(_STAND_IN - _FIRST + int(b"d" + half, 16)).encode()
    except ValueError:
        return escape[0]  # no hexadecimal number


def _show(stand_in: re.Match[bytes]) -> bytes:
    return b"\\u%x" % (ord(str(stand_in[0], "utf-8")) - _STAND_IN + _FIRST)
