"""An answer as it is stored: compressed, sealed, and bound to its key.

Layout: format version (1 byte), flags (1 byte), nonce (12 bytes), and the entry in MessagePack, compressed with
Zstandard (RFC 8878) if that is worth it, under AES-256-GCM (NIST SP 800-38D). Version, flags and key are authenticated:
an entry that was altered, or put in another one's place, does not open. The nonce must be random: a tenant's sealing
key is good for 2^32 of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from extproc.cache.key import Key, Keyring
from extproc.genai.usage import TokenUsage

_VERSION = 1
_PLAIN, _COMPRESSED = 0, 1
_HEAD, _NONCE = 2, 12
_WORTH_COMPRESSING = 1024
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole answer with status 200. `document` is its body in the format of `endpoint` (a path of
    `apischema.endpoints`), `created` a Unix time in seconds."""

    endpoint: str
    document: bytes
    usage: TokenUsage | None
    created: float
    ttl_seconds: int

    def age(self, now: float) -> float:
        """In seconds; 0 for one that another machine's clock has made in the future."""
        return max(0.0, now - self.created)


class Unreadable(Exception):
    """What was stored is not an entry for this key. `reason` says what is wrong; nothing carries content."""

    def __init__(self, reason: Literal["corrupt", "old_format"]) -> None:
        super().__init__(reason)
        self.reason = reason


class Codec:
    """Entries to bytes and back. `entropy` gives so many random bytes."""

    def __init__(self, keyring: Keyring, entropy: Callable[[int], bytes]) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._compress = zstandard.ZstdCompressor(level=3).compress
        self._decompress = zstandard.ZstdDecompressor().decompress

    def seal(self, key: Key, entry: Entry) -> bytes:
        plain = _encode(entry)
        flags = _COMPRESSED if len(plain) >= _WORTH_COMPRESSING else _PLAIN
        head, nonce = bytes((_VERSION, flags)), self._entropy(_NONCE)
        packed = self._compress(plain) if flags == _COMPRESSED else plain
        return head + nonce + self._cipher(key).encrypt(nonce, packed, head + key.digest.encode())

    def open(self, key: Key, sealed: bytes) -> Entry:
        """Raises Unreadable."""
        head, nonce, rest = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        if head[:1] != bytes((_VERSION,)):
            raise Unreadable("old_format" if head else "corrupt")
        try:
            packed = self._cipher(key).decrypt(nonce, rest, head + key.digest.encode())
            plain = self._decompress(packed, max_output_size=_MOST_BYTES) if head[1] == _COMPRESSED else packed
            return _decode(plain)
        except (InvalidTag, ValueError, IndexError, zstandard.ZstdError):  # msgspec's errors are ValueErrors
            raise Unreadable("corrupt") from None

    def seal_piece(self, key: Key, holder: str, number: int, piece: bytes) -> bytes:
        """One piece of an answer under way, for other workers: bound to its leader and its place."""
        nonce = self._entropy(_NONCE)
        return nonce + self._stream_cipher(key, holder).encrypt(nonce, piece, _place(key, holder, number))

    def open_piece(self, key: Key, holder: str, number: int, sealed: bytes) -> bytes:
        """Raises Unreadable."""
        try:
            cipher = self._stream_cipher(key, holder)
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(key, holder, number))
        except (InvalidTag, ValueError):
            raise Unreadable("corrupt") from None

    def _cipher(self, key: Key) -> AESGCM:
        return AESGCM(self._keyring.sealing_key(key))

    def _stream_cipher(self, key: Key, holder: str) -> AESGCM:
        return AESGCM(self._keyring.stream_key(key, holder))


def _place(key: Key, holder: str, number: int) -> bytes:
    return f"{key.digest}/{holder}/{number}".encode()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode
