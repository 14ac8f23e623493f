"""Mappings that outlive their exchange, so that what a provider says of earlier turns is restored as well.

A provider that keeps a conversation was told placeholders. A later request names it (`previous_response_id`, or
`conversation`, of OpenAI's Responses API; from memory, 2026-11-21), and its vault then begins with what the earlier one
had. What is kept is sealed with the tenant's key, under a digest of the tenant and the id: nobody else's request finds
it, and the store learns neither. A store that is away, slow or has forgotten is no error: the placeholders stay.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from extproc.apischema.endpoints import RESPONSES
from extproc.cache.base import Cache
from extproc.cache.key import Key, Keyring, Partition
from extproc.privacy.seal import SealError, open_sealed, seal
from extproc.privacy.vault import Vault
from extproc.translator.base import Call

MOST_SECONDS = 0.05
"""How long an exchange waits for a mapping, and how long for it to be kept."""
MOST_BYTES = 256 << 10
"""Of a sealed mapping, some 4,000 values; a larger one is not kept: each turn of a conversation reads all of it."""

_NONCE = 12
_MOST_ID = 256
_ROUTE = "mappings"


class _Conversation(msgspec.Struct):
    id: str


_decode_id = msgspec.json.Decoder(str | _Conversation | None).decode


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose mappings: a tenant, and its key."""

    tenant: str
    key: bytes = field(repr=False)


class Mappings:
    """Sealed vaults in a cache. `random` gives so many unguessable bytes; nothing waits for the cache longer than
    `seconds`."""

    def __init__(
        self, cache: Cache, keyring: Keyring, random: Callable[[int], bytes], seconds: float = MOST_SECONDS
    ) -> None:
        self._cache = cache
        self._keyring = keyring
        self._random = random
        self._seconds = seconds

    async def recall(self, owner: Owner, name: str) -> Vault | None:
        """What was kept under the id of a response or a conversation."""
        try:
            async with asyncio.timeout(self._seconds):
                slot = await self._cache.get(self._key(owner, name))
            return None if slot.data is None else open_sealed(slot.data, owner.key, owner.tenant)
        except (TimeoutError, SealError):
            return None

    async def keep(self, owner: Owner, names: list[str], vault: Vault, seconds: int) -> None:
        """Keeps it under each of the ids, if there is time."""
        sealed = seal(vault, owner.key, owner.tenant, self._random(_NONCE))
        if len(sealed) > MOST_BYTES:
            return
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.gather(*(self._put(self._key(owner, name), sealed, seconds) for name in names))
        except TimeoutError:
            return

    async def _put(self, key: Key, sealed: bytes, seconds: int) -> None:
        slot = await self._cache.get(key)
        if slot.stamp is not None:
            await self._cache.put(key, sealed, slot.stamp, seconds * 1000)

    def _key(self, owner: Owner, name: str) -> Key:
        place = Partition(owner.tenant, _ROUTE, model="", policy="", backends="", endpoint=RESPONSES.path)
        return self._keyring.key(place, name.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Turn:
    """A request in a conversation that its provider keeps: what it goes on from, and what goes on from it.

    `seconds` is how long what goes on from it may; 0 where the provider is to keep nothing of it.
    """

    mappings: Mappings
    owner: Owner
    seconds: int
    previous: str = ""
    conversation: str = ""

    async def recall(self) -> Vault | None:
        """The mapping of the earlier turns."""
        name = self.previous or self.conversation
        return await self.mappings.recall(self.owner, name) if name else None

    async def keep(self, response_id: str, vault: Vault) -> None:
        """For the turns that follow a response."""
        names = [name for name in (response_id, self.conversation) if 0 < len(name) <= _MOST_ID]
        if names and self.seconds:
            await self.mappings.keep(self.owner, names, vault, self.seconds)


def turn_of(call: Call, mappings: Mappings, owner: Owner, seconds: int) -> Turn | None:
    """None where the endpoint has no conversations."""
    if call.endpoint is not RESPONSES:
        return None
    if bytes(call.fields.get("store", b"")) == b"false":
        seconds = 0
    previous, conversation = _id(call.fields.get("previous_response_id")), _id(call.fields.get("conversation"))
    return Turn(mappings, owner, seconds, previous, conversation)


def _id(field: Raw | None) -> str:
    """Of a string or an object with an `id`; empty where there is none that could have been given out."""
    try:
        found = _decode_id(field) if field is not None else None
    except msgspec.DecodeError:
        return ""
    name = found.id if isinstance(found, _Conversation) else found or ""
    return name if len(name) <= _MOST_ID else ""
