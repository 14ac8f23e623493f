"""What an answer is kept under: a digest of who asks, of whom, under which policy, and what.

The partition is the server's own knowledge, never the caller's word. Digests are BLAKE2b (RFC 7693) with a secret, so
that a store tells nothing of the questions, and who can write to it but has not the secret cannot aim an answer at one.
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Raw

from extproc.cache.canonical import canonical
from extproc.cache.reading import Reading

_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Partition:
    """Answers cross from one partition to another never.

    `route` is the operator's name of the rules that keep the answers, `model` the resolved name of the model, `policy`
    the version of everything that shapes answers (privacy, guardrails, the model's chain), `backends` the class of
    backends that may answer. `endpoint` is its path with the query, as callers' formats are apart too.
    """

    tenant: str
    route: str
    model: str
    policy: str
    backends: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Key:
    """Digests in hexadecimal: of the tenant, of the route, and of the partition and the request."""

    tenant: str
    route: str
    digest: str


class Keyring:
    """Makes keys. `secret` is 16 to 64 bytes, and the same in all workers that share a store."""

    def __init__(self, secret: bytes) -> None:
        if not 16 <= len(secret) <= 64:
            raise ValueError("The secret of a cache must have 16 to 64 bytes.")
        self._secret = secret

    def key(self, partition: Partition, request: bytes) -> Key:
        place = (
            partition.tenant,
            partition.route,
            partition.model,
            partition.policy,
            partition.backends,
            partition.endpoint,
        )
        digest = self._digest(b"entry", 24, *(name.encode() for name in place), request)
        return Key(self.tenant(partition.tenant), self.route(partition.route), digest)

    def tenant(self, name: str) -> str:
        """What keys call a tenant, for purging."""
        return self._digest(b"tenant", 16, name.encode())

    def route(self, name: str) -> str:
        """What keys call a route, for purging."""
        return self._digest(b"route", 16, name.encode())

    def sealing_key(self, key: Key) -> bytes:
        """32 bytes that the entries of one tenant are sealed with."""
        return bytes.fromhex(self._digest(b"seal", 32, key.tenant.encode()))

    def stream_key(self, key: Key, holder: str) -> bytes:
        """32 bytes that the pieces of one stream under way are sealed with: they are too many for the tenant's key."""
        return bytes.fromhex(self._digest(b"seal", 32, key.tenant.encode(), holder.encode()))

    def _digest(self, purpose: bytes, size: int, *parts: bytes) -> str:
        """Of the parts, each with its length, so that no two lists of parts run together."""
        digest = hashlib.blake2b(digest_size=size, key=self._secret, person=purpose)
        for part in parts:
            digest.update(_LENGTH.pack(len(part)))
            digest.update(part)
        return digest.hexdigest()


def canonical_request(
    fields: Mapping[str, Raw],
    headers: Mapping[str, str],
    reading: Reading,
    *,
    own_format: bool,
    users_apart: bool,
) -> bytes | None:
    """What of a request decides its answer, in one spelling; None where that cannot be told.

    `own_format`: every backend that may answer speaks the caller's format, and assumes its defaults. `users_apart`:
    those on whose behalf a tenant asks do not share answers. `headers` have lower-case names.
    """
    ignored = reading.ignored if users_apart else reading.ignored | reading.user
    lines = [f"{name}:{headers[name].strip()}".encode() for name in reading.headers if name in headers]
    for name in sorted(fields.keys() - ignored):
        value = canonical(fields[name], ordered=name in reading.ordered)
        if value is None:
            return None
        if not _is_nothing(name, value, reading, own_format=own_format):
            lines.append(name.encode() + b"=" + value)
    return b"".join(_LENGTH.pack(len(line)) + line for line in lines)


def _is_nothing(name: str, value: bytes, reading: Reading, *, own_format: bool) -> bool:
    if value in (b"null", reading.neutral.get(name)):
        return True
    return own_format and value == reading.defaults.get(name)
