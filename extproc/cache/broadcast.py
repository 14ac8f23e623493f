"""A stream under way, for all who follow it: what there is of it already, then each piece as it comes.

One writes, any number listen. A newcomer gets everything from the beginning, as long as all of it was kept: that is
bounded, for one stream and for all of a worker's together. Past the bound those who listen already go on, and the
stream is not `open` to others.
"""

import asyncio
from dataclasses import dataclass, field

from extproc.genai.usage import TokenUsage

MOST_BACKLOG = 1 << 20
"""Bytes of one stream that are kept for newcomers."""

MOST_WAITING = 8 << 20
"""Bytes that may wait for one listener: who takes them more slowly than that is cut off."""


@dataclass(slots=True)
class Room:
    """Bytes that all streams of a worker may keep for newcomers together."""

    left: int = 64 << 20


class Broadcast:
    """For one event loop. `form` says in which form the answer is: only who wants that one can follow."""

    def __init__(self, form: str, room: Room) -> None:
        self.form = form
        self.open = True
        self._room = room
        self._backlog: list[bytes] = []
        self._kept = 0
        self._listeners: set[Listener] = set()
        self._ended = False
        self._usage: TokenUsage | None = None

    def __len__(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def add(self, piece: bytes) -> None:
        if self._ended or not piece:
            return
        for listener in tuple(self._listeners):
            listener._put(piece)
        if self.open:
            self._keep(piece)

    def end(self, usage: TokenUsage | None = None) -> None:
        """That was the whole answer, and what it used."""
        self._usage = usage
        self._end(whole=True)

    def abort(self) -> None:
        """Nothing more comes, and the answer is not whole. Does nothing after its end."""
        self._end(whole=False)
        self.close()

    def close(self) -> None:
        """Nobody new comes: what was kept for newcomers is not needed any more."""
        self.open = False
        self._room.left += self._kept
        self._kept = 0
        self._backlog.clear()

    def listen(self) -> "Listener":
        """To be called while the broadcast is open."""
        listener = Listener(self)
        listener._put(b"".join(self._backlog))
        if self._ended:
            listener._finish(self._usage, whole=True)
        else:
            self._listeners.add(listener)
        return listener

    def _keep(self, piece: bytes) -> None:
        if self._kept + len(piece) > MOST_BACKLOG or len(piece) > self._room.left:
            self.close()
            return
        self._backlog.append(piece)
        self._kept += len(piece)
        self._room.left -= len(piece)

    def _end(self, *, whole: bool) -> None:
        if self._ended:
            return
        self._ended = True
        for listener in self._listeners:
            listener._finish(self._usage, whole=whole)
        self._listeners.clear()


@dataclass(slots=True, eq=False)
class Listener:
    """One who follows. `whole` and `usage` are known when `take` has given nothing."""

    _broadcast: Broadcast
    whole: bool = False
    usage: TokenUsage | None = None
    _pieces: list[bytes] = field(default_factory=list)
    _waiting: int = 0
    _ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self) -> bytes:
        """All that has come since the last time, once there is some; empty at the end."""
        while not self._pieces and not self._ended:
            self._news.clear()
            await self._news.wait()
        return self.take_now()

    def take_now(self) -> bytes:
        """What is there, without waiting."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        return data

    def leave(self) -> None:
        self._broadcast._listeners.discard(self)

    def _put(self, piece: bytes) -> None:
        if not piece:
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting > MOST_WAITING:
            self._pieces.clear()
            self._finish(None, whole=False)
            self.leave()
        self._news.set()

    def _finish(self, usage: TokenUsage | None, *, whole: bool) -> None:
        self._ended, self.whole, self.usage = True, whole, usage
        self._news.set()
