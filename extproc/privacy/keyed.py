"""Pseudorandom values that only a tenant's key can make: the source of placeholders, surrogates and hashes.

HMAC-SHA256 (RFC 2104) as a pseudorandom function, one `purpose` apart from the other, expanded by SHAKE256 (FIPS 202)
where more than 32 bytes are wanted.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator

_BLOCK = struct.Struct(">64I")


def keyed(key: bytes, purpose: bytes, entity: str, value: str, attempt: int = 0) -> bytes:
    """32 bytes, always the same for the same arguments. Any text will do as `value`, halves of surrogates included."""
    head = b"%b\0%b\0%d\0" % (purpose, entity.encode(), attempt)
    return hmac.digest(key, head + value.encode("utf-8", "surrogatepass"), "sha256")


class Draw:
    """Numbers drawn from a seed, without end, the same in every process and version of Python."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._blocks = 0
        self._drawn: Iterator[int] = iter(())

    def below(self, limit: int) -> int:
        """The next number, at least 0."""
        number = next(self._drawn, None)
        if number is None:
            self._drawn = self._next_block()
            number = next(self._drawn)
        return number % limit

    def digits(self, count: int) -> str:
        return "".join(str(self.below(10)) for _ in range(count))

    def _next_block(self) -> Iterator[int]:
        drawn = hashlib.shake_256(b"%d:%b" % (self._blocks, self._seed)).digest(_BLOCK.size)
        self._blocks += 1
        return iter(_BLOCK.unpack(drawn))
