"""Identical requests under way in other workers, through the store that all share.

Who asks holds a *lease* on the question, renewed while the answer comes. Another worker that wants the answer watches:
its own requests follow a `Watch` as they would a leader. A watched stream is copied into the store, sealed, a few times
a second; one that nobody elsewhere wants costs a renewal a second. When the lease is gone, the answer is in the cache,
or there is none and the watching worker asks for itself.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.cache.broadcast import Broadcast, End, Listener
from extproc.cache.entry import Codec, Entry, Unreadable
from extproc.cache.flight import Landing, Lead
from extproc.cache.key import Key
from extproc.genai.usage import TokenUsage
from extproc.store.base import StoreAway

_RENEW_SECONDS = 1.0
_FORM, _PIECE, _END, _ERROR = b"f", b"p", b"e", b"x"

_encode_usage = msgspec.msgpack.Encoder().encode
_decode_usage = msgspec.msgpack.Decoder(TokenUsage | None).decode

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Watched:
    """Who holds a lease (empty: nobody), and the pieces of the answer from the one that was asked for on."""

    holder: str
    pieces: tuple[bytes, ...]


class Leases(Protocol):
    """Who asks for what, in all workers. Only `lease` and `release` cannot fail: without the store each worker asks for
    itself. The others raise StoreAway."""

    async def lease(self, key: Key, holder: str, ttl_ms: int) -> bool:
        """Whether `holder` is to ask for the answer: False where someone else does, in any worker."""
        ...

    async def renew(self, key: Key, holder: str, ttl_ms: int) -> bool:
        """Keeps a lease; whether another worker watches."""
        ...

    async def release(self, key: Key, holder: str) -> None:
        """Ends a lease, if it is the holder's."""
        ...

    async def publish(self, key: Key, holder: str, start: int, pieces: list[bytes]) -> None:
        """Adds pieces `start` and following to what the holder has shown of the answer. May be repeated."""
        ...

    async def watch(self, key: Key, holder: str, start: int) -> Watched:
        """What `holder` has shown, from piece `start` on; says that somebody watches."""
        ...


class Herald:
    """Keeps one lease, and shows the stream to whoever watches."""

    lease_ms = 3000

    def __init__(self, leases: Leases, codec: Codec, key: Key, holder: str, sleep: Sleep, poll: float) -> None:
        self._leases = leases
        self._codec = codec
        self._key = key
        self._holder = holder
        self._sleep = sleep
        self._poll = poll
        self._broadcast: Broadcast | None = None
        self._listener: Listener | None = None
        self._shown = 0
        self._unsure: list[bytes] = []  # may have been shown or not
        self._ended = False
        self._watched = False
        self._one_at_a_time = asyncio.Lock()  # an operation that is cancelled may have been done or not

    def begin(self, broadcast: Broadcast) -> None:
        """The answer comes."""
        self._broadcast = broadcast

    async def run(self) -> None:
        """Until it is cancelled, which `end` does. A store that is away is tried again."""
        while True:
            async with self._one_at_a_time:
                await self._renew()
            if self._watched:
                await self._show_for(_RENEW_SECONDS)
            else:
                await self._sleep(_RENEW_SECONDS)

    async def end(self, running: "asyncio.Task[None]") -> None:
        """Shows the rest of the stream, and gives the lease up. `running` is the task of `run`."""
        async with self._one_at_a_time:
            running.cancel()
            if self._watched:
                await self._show()
            await self._leases.release(self._key, self._holder)

    async def _renew(self) -> None:
        with contextlib.suppress(StoreAway):
            self._watched = await self._leases.renew(self._key, self._holder, self.lease_ms)

    async def _show_for(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / self._poll))):
            async with self._one_at_a_time:
                await self._show()
            await self._sleep(self._poll)

    async def _show(self) -> None:
        with contextlib.suppress(StoreAway):
            await self._publish(self._unsure)
            await self._publish(
                [
                    self._codec.seal_piece(self._key, self._holder, number, piece)
                    for number, piece in enumerate(self._news(), self._shown)
                ]
            )

    async def _publish(self, sealed: list[bytes]) -> None:
        if not sealed:
            return
        self._unsure = sealed
        await self._leases.publish(self._key, self._holder, self._shown, sealed)
        self._unsure = []
        self._shown += len(sealed)

    def _news(self) -> list[bytes]:
        if self._broadcast is None:
            return []
        pieces = []
        if self._listener is None:
            if not self._broadcast.open:
                return []  # too long already: it will be there whole
            self._listener = self._broadcast.listen()
            pieces.append(_FORM + self._broadcast.form.encode())
        if data := self._listener.take_now():
            pieces.append(_PIECE + data)
        ending = self._ending(self._listener)
        if ending and not self._ended:
            self._ended = True
            pieces.append(ending)
        return pieces

    @staticmethod
    def _ending(listener: Listener) -> bytes:
        """Nothing for a stream that goes on, or broke off: the lease tells that."""
        match listener.end:
            case End.WHOLE:
                return _END + _encode_usage(listener.usage)
            case End.ERROR:
                return _ERROR
        return b""


class Watch:
    """Leads a flight of this worker in the name of another worker's leader."""

    def __init__(
        self,
        leases: Leases,
        codec: Codec,
        key: Key,
        lead: Lead,
        kept: Callable[[], Awaitable[Entry | None]],
        sleep: Sleep,
        poll: float,
    ) -> None:
        """`kept` gives the answer that the cache has."""
        self._leases = leases
        self._codec = codec
        self._key = key
        self._lead = lead
        self._kept = kept
        self._sleep = sleep
        self._poll = poll
        self._holder = ""
        self._seen = 0
        self._broadcast: Broadcast | None = None
        self._whole = False
        self._without_store = 0.0

    async def run(self) -> None:
        """Until the answer is there, or cannot be, or nobody waits for it any more."""
        try:
            while self._lead.followers and not await self._looked():
                await self._sleep(self._poll)
        except (StoreAway, Unreadable, *MALFORMED):
            pass  # whoever waits longest asks for itself
        finally:
            self._lead.fail()

    async def _looked(self) -> bool:
        """As `_look`, but a store that is away stops no stream that has begun, for as long as a lease lasts."""
        try:
            over = await self._look()
        except StoreAway:
            self._without_store += self._poll
            if self._broadcast is None or self._without_store * 1000 > Herald.lease_ms:
                raise
            return False
        self._without_store = 0.0
        return over

    async def _look(self) -> bool:
        """Whether there is nothing more to come."""
        seen = await self._leases.watch(self._key, self._holder, self._seen)
        for piece in seen.pieces:
            self._take(self._codec.open_piece(self._key, self._holder, self._seen, piece))
            self._seen += 1
        if seen.holder and not self._holder:
            self._holder = seen.holder
            return False
        if seen.holder:
            return seen.holder != self._holder  # another one asks now: what the first one began is broken
        entry = await self._kept()
        if entry is not None:
            self._lead.land(Landing(entry))
        elif self._whole:
            self._lead.dismiss()
        return True

    def _take(self, piece: bytes) -> None:
        kind, data = piece[:1], piece[1:]
        if kind == _FORM:
            self._broadcast = self._lead.begin(data.decode())
        elif self._broadcast is not None and kind == _PIECE:
            self._broadcast.add(data)
        elif self._broadcast is not None and kind == _END:
            self._whole = True
            self._broadcast.end(_decode_usage(data))
        elif self._broadcast is not None and kind == _ERROR:
            self._broadcast.end_in_error()
