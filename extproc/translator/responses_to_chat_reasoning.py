"""Signed reasoning inside a reasoning item's `encrypted_content`.

Providers sign their reasoning and want it back unchanged with the results of the tools it led to. The chat format has
it in `thinking_blocks`; the Responses API has one opaque string, which callers send back as it is.

The string is `thinking1.`, a CRC-32 of the rest in eight hexadecimal digits, `.`, and the URL-safe base64 of the blocks
as a JSON array (RFC 4648, section 5). It is not encrypted: it holds nothing but what the provider gave to the caller
itself, and the provider checks its own signatures. The checksum tells a damaged string from a whole one.

A string that is not one of ours (another provider's, after a change of models) or is damaged holds no blocks: the
conversation goes on with the text of the summary, and the provider decides whether it can.
"""

import base64
import binascii
import zlib

import msgspec
from msgspec import Raw

from extproc.apischema.malformed import MALFORMED

_MARK = "thinking1."
_BLOCKS = msgspec.json.Decoder(list[Raw])


def seal(blocks: list[Raw]) -> str:
    """The blocks as an `encrypted_content`: their values, without the space between them."""
    document = msgspec.json.format(msgspec.json.encode(blocks), indent=-1)
    data = base64.urlsafe_b64encode(document).decode()
    return f"{_MARK}{zlib.crc32(data.encode()):08x}.{data}"


def unseal(content: str) -> list[Raw]:
    """The blocks in an `encrypted_content`; none in one that `seal` did not make."""
    checksum, _, data = content.removeprefix(_MARK).partition(".")
    if not content.startswith(_MARK) or not data.isascii() or checksum != f"{zlib.crc32(data.encode()):08x}":
        return []
    try:
        return _BLOCKS.decode(base64.urlsafe_b64decode(data))
    except (binascii.Error, *MALFORMED):
        return []
