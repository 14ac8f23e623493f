"""A stream under way, for all who follow it: what there is of it already, then each piece as it comes.

One writes, any number listen. A newcomer gets everything from the beginning, as long as all of it was kept: that is
bounded, for one stream and for all of a worker's together. Past the bound those who listen already go on, and the
stream is not `open` to others.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum

from extproc.genai.usage import TokenUsage

MOST_BACKLOG = 1 << 20
"""Bytes of one stream that are kept for newcomers."""

MOST_WAITING = 8 << 20
"""Bytes that may wait for one listener: who takes them more slowly than that is cut off."""


class End(Enum):
    """How a stream ended: the answer is whole, it ends with an error that says so, or it broke off."""

    WHOLE = "whole"
    ERROR = "error"
    BROKEN = "broken"


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
        self._how: End | None = None
        self._usage: TokenUsage | None = None

    def __len__(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def add(self, piece: bytes) -> None:
        if self._how is not None or not piece:
            return
        for listener in tuple(self._listeners):
            listener._put(piece)
        if self.open:
            self._keep(piece)

    def end(self, usage: TokenUsage | None = None) -> None:
        """That was the whole answer, and what it used."""
        self._usage = usage
        self._end(End.WHOLE)

    def end_in_error(self) -> None:
        """The last piece told of an error."""
        self._end(End.ERROR)

    def abort(self) -> None:
        """Nothing more comes, and the answer is not whole. Does nothing after its end."""
        self._end(End.BROKEN)
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
        if self._how is None:
            self._listeners.add(listener)
        else:
            listener._finish(self._how, self._usage)
        return listener

    def _keep(self, piece: bytes) -> None:
        if self._kept + len(piece) > MOST_BACKLOG or len(piece) > self._room.left:
            self.close()
            return
        self._backlog.append(piece)
        self._kept += len(piece)
        self._room.left -= len(piece)

    def _end(self, how: End) -> None:
        if self._how is not None:
            return
        self._how = how
        for listener in self._listeners:
            listener._finish(how, self._usage)
        self._listeners.clear()


@dataclass(slots=True, eq=False)
class Listener:
    """One who follows. `end` and `usage` are known when `take` has given nothing."""

    _broadcast: Broadcast
    end: End | None = None
    usage: TokenUsage | None = None
    _pieces: list[bytes] = field(default_factory=list)
    _waiting: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self) -> bytes:
        """All that has come since the last time, once there is some; empty at the end."""
        while not self._pieces and self.end is None:
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
            self._finish(End.BROKEN, None)
            self.leave()
        self._news.set()

    def _finish(self, how: End, usage: TokenUsage | None) -> None:
        self.end, self.usage = how, usage
        self._news.set()
