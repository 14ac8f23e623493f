"""Text within text: runs of base64 and of percent-encoding, decoded, so that what they hide is looked at too."""

import base64
import binascii
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import unquote

import re2

from extproc.privacy.detect.prefilter import latin_1

_BASE64 = rb"[A-Za-z0-9+/_-]{16,}={0,2}"
_PERCENT = rb"[\w.~+!*'();:@&=$,/?#-]*%[0-9A-Fa-f]{2}(?:[\w.~+!*'();:@&=$,/?#-]|%[0-9A-Fa-f]{2})*"
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
