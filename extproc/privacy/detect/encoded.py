"""Text within text: runs of base64, of percent-encoding and of escapes, decoded: what they hide is looked at too."""

import base64
import binascii
import html
import re
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import unquote

import re2

from extproc.privacy.detect.prefilter import latin_1

_BASE64 = rb"[A-Za-z0-9+/_-]{16,}={0,2}"
_PERCENT = rb"[\w.~+!*'();:@&=$,/?#-]*%[0-9A-Fa-f]{2}(?:[\w.~+!*'();:@&=$,/?#-]|%[0-9A-Fa-f]{2})*"
# Digits, letters, dots, hyphens and at signs: what nobody escapes who does not hide it. Quotes and brackets are common.
_HEX = rb"(?:2[de]|3[0-9]|40|[46][1-9a-f]|[57][0-9a])"
_DECIMAL = rb"(?:4[5689]|5[0-7]|6[4-9]|[78][0-9]|90|9[789]|1[01][0-9]|12[012])"
_ESCAPE = rb"&#0{0,4}%b;|&#x0{0,4}%b;|&(?:commat|period|hyphen);|\\(?:u00|x)%b" % (_DECIMAL, _HEX, _HEX)
_ESCAPED = rb"(?i)[^\s\"'<>\x1e]*(?:%b)[^\s\"'<>\x1e]*" % _ESCAPE
_HEX_ESCAPE = re.compile(r"\\+(?:u00|x)([0-9a-f]{2})", re.IGNORECASE)
_LINE_ENDS = str.maketrans("", "", "\r\n\t")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Runs(Protocol):
    """One way of encoding."""

    def find(self, view: bytes) -> Iterator[tuple[int, int]]:
        """Where encoded runs may be."""
        ...

    def decode(self, run: bytes) -> str | None:
        """What a run says; None if it is no such run."""
        ...


class Base64Runs:
    """Runs that are base64 (RFC 4648, either alphabet, padded or not) of printable UTF-8."""

    def __init__(self) -> None:
        self._expression = re2.compile(_BASE64, latin_1())

    def find(self, view: bytes) -> Iterator[tuple[int, int]]:
        return (match.span() for match in self._expression.finditer(view))

    def decode(self, run: bytes) -> str | None:
        data = run.rstrip(b"=").translate(_URL_SAFE)
        try:
            text = base64.b64decode(data + b"=" * (-len(data) % 4)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return text if text.translate(_LINE_ENDS).isprintable() else None


class PercentRuns:
    """Runs with percent-encoding (RFC 3986, section 2.1), to the next space or quote on either side."""

    def __init__(self) -> None:
        self._expression = re2.compile(_PERCENT, latin_1())

    def find(self, view: bytes) -> Iterator[tuple[int, int]]:
        return (match.span() for match in self._expression.finditer(view))

    def decode(self, run: bytes) -> str | None:
        return unquote(str(run, "latin-1"))


class EscapedRuns:
    """Runs with escapes of HTML, JSON or JavaScript in place of plain letters, to the next space or quote."""

    def __init__(self) -> None:
        self._expression = re2.compile(_ESCAPED, latin_1())

    def find(self, view: bytes) -> Iterator[tuple[int, int]]:
        if b"&" not in view and b"\\" not in view:
            return iter(())
        return (match.span() for match in self._expression.finditer(view))

    def decode(self, run: bytes) -> str | None:
        return html.unescape(_HEX_ESCAPE.sub(_character, str(run, "latin-1")))


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))
