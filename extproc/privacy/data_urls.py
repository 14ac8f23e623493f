"""Documents of plain text in `data:` URLs (RFC 2397): what is in their base64 is text like any other."""

import base64
import binascii
import re

_ENCODED = re.compile(rb"(data:[^,]*;base64,)(.*+)", re.IGNORECASE | re.DOTALL)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def text_in(url: bytes) -> bytes | None:
    """The text, in UTF-8; None for what is no base64, or not of a text."""
    found = _ENCODED.fullmatch(url)
    if found is None:
        return None
    data = found[2].rstrip(b"=").translate(_URL_SAFE)
    try:
        text = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
        text.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text


def with_text(url: bytes, text: str) -> str:
    """The URL with another text."""
    lead = url[: url.index(b",") + 1]
    return str(lead, "utf-8") + str(base64.b64encode(text.encode()), "ascii")
