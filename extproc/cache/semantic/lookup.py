"""Semantic hits: where the answer is, to a question that reads like one that was answered.

What is kept of a question is a record in the same cache as the answers, under a key of its own: the digest of the
answer's key, and the vector, where there is an embedder. It is purged with its tenant and route, and sealed, because a
vector tells something of its text. The vector is a second opinion on what reads the same: a similarity below the
route's threshold is no hit. It is asked for only then, so a question that was never asked waits for no embedder.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from extproc.cache.base import Cache
from extproc.cache.key import Key, Keyring, Partition
from extproc.cache.semantic.embedder import Embedder, EmbedderAway
from extproc.cache.semantic.reading import read
from extproc.cache.semantic.vector import similarity

_FORMAT = b"semantic\x01"
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the key of its record."""

    key: Key
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """`answer` is the key under which the answer was stored; `similarity` is 1 where there is no embedder. `stamp` is
    for remembering another answer, where that one is gone."""

    answer: Key
    similarity: float
    stamp: bytes | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Miss:
    """`stamp` is the cache's, for what will be remembered; None where the cache is away."""

    stamp: bytes | None


class _Record(msgspec.Struct, array_like=True):
    answer: str
    model: str = ""
    vector: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Record).decode


def asked_of(keyring: Keyring, partition: Partition, context: bytes, text: str) -> Asked | None:
    """A question in its context, which is the canonical request without the question; None for a text that cannot be
    read as one question."""
    reading = read(text)
    if reading is None:
        return None
    # A canonical request begins with a length, which no eight letters are.
    return Asked(keyring.key(partition, _FORMAT + reading.digest + context), text)


class SemanticLookup:
    """`threshold` is the least cosine (0 to 1), for when there is an embedder. `entropy` gives so many random bytes."""

    def __init__(
        self,
        cache: Cache,
        keyring: Keyring,
        entropy: Callable[[int], bytes],
        *,
        embedder: Embedder | None = None,
        threshold: float = 0.0,
    ) -> None:
        self._cache = cache
        self._keyring = keyring
        self._entropy = entropy
        self._embedder = embedder
        self._threshold = threshold

    async def find(self, asked: Asked) -> Hit | Miss:
        """A miss, whatever its reason: never asked, damaged, no vector in time, too little alike."""
        slot = await self._cache.get(asked.key)
        record = self._open(asked.key, slot.data) if slot.data is not None else None
        if record is None:
            return Miss(slot.stamp)
        alike = await self._similarity(asked.text, record)
        if alike < self._threshold:
            return Miss(slot.stamp)
        return Hit(Key(asked.key.tenant, asked.key.route, record.answer), alike, slot.stamp)

    async def remember(self, asked: Asked, answer: Key, stamp: bytes, ttl_ms: int) -> bool:
        """Keeps where the answer is, which is stored for as long, with the stamp of the miss. Whether it did."""
        try:
            record = await self._record(asked.text, answer)
        except EmbedderAway:
            return False
        return await self._cache.put(asked.key, self._seal(asked.key, record), stamp, ttl_ms)

    async def _record(self, text: str, answer: Key) -> _Record:
        if self._embedder is None:
            return _Record(answer.digest)
        (vector,) = await self._embedder.embed([text])
        return _Record(answer.digest, self._embedder.name, vector)

    async def _similarity(self, text: str, record: _Record) -> float:
        """-1 where it is not known."""
        if self._embedder is None:
            return 1.0
        if record.model != self._embedder.name:
            return -1.0
        try:
            (vector,) = await self._embedder.embed([text])
        except EmbedderAway:
            return -1.0
        return similarity(vector, record.vector)

    def _seal(self, key: Key, record: _Record) -> bytes:
        """AES-256-GCM (NIST SP 800-38D), bound to its key."""
        nonce = self._entropy(_NONCE)
        return nonce + self._cipher(key).encrypt(nonce, _encode(record), _FORMAT + key.digest.encode())

    def _open(self, key: Key, sealed: bytes) -> _Record | None:
        nonce, rest = sealed[:_NONCE], sealed[_NONCE:]
        try:
            return _decode(self._cipher(key).decrypt(nonce, rest, _FORMAT + key.digest.encode()))
        except (InvalidTag, ValueError):  # msgspec's errors are ValueErrors
            return None

    def _cipher(self, key: Key) -> AESGCM:
        return AESGCM(self._keyring.sealing_key(key))
