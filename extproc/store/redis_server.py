"""One server of Redis or Valkey: calls that come together go out together, and none takes longer than it may.

Calls of the same turn of the event loop, and those that come while earlier ones are under way, share a write and a
wait: much of what a call costs in Python is paid once a batch. There are few connections, and each has one batch under
way.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    MovedError,
    NoScriptError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from extproc.store.base import StoreAway
from extproc.store.redis_circuit import Circuit
from extproc.store.redis_scripts import Script

_CONNECTIONS = 2
_LARGEST_BATCH = 64
_IDLE_SECONDS = 1.0
_ELSEWHERE = (MovedError, AskError, TryAgainError)
# Where a script meets such an error, Redis before 7 wraps it in an error of its own.
_SERVER_ERRORS = ("READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "BUSY", "NOPERM")

Word = str | bytes | int
Dial = Callable[[], Awaitable[AbstractConnection]]
"""Finds out where the server is now, and returns a connection that has yet to be opened."""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """`words` follow the name of the script, or are the whole command where there is none."""

    script: Script | None
    words: tuple[Word, ...]
    answer: asyncio.Future[Any]

    def by_hash(self) -> tuple[Word, ...]:
        return ("EVALSHA", self.script.sha, *self.words) if self.script else self.words

    def in_full(self) -> tuple[Word, ...]:
        return ("EVAL", self.script.source, *self.words) if self.script else self.words


class _Lane:
    """A connection, when it was last used, and whether it may owe answers to what was asked then."""

    def __init__(self) -> None:
        self.connection: AbstractConnection | None = None
        self.used = 0.0
        self.owing = False

    def hang_up(self) -> AbstractConnection | None:
        """Gives the connection up, to be closed."""
        connection, self.connection, self.owing = self.connection, None, False
        return connection


@dataclass(frozen=True, slots=True)
class Manner:
    """How a server is talked to: every call ends within `timeout` seconds, and a change must be on `wait_replicas`
    replicas (within half that time) to count as made."""

    timeout: float
    wait_replicas: int = 0


class Server:
    """For one event loop. `suspect` is told when something hints that this is no longer the right server."""

    def __init__(self, dial: Dial, manner: Manner, circuit: Circuit, suspect: Callable[[], None]) -> None:
        self._dial = dial
        self._manner = manner
        self._circuit = circuit
        self._suspect = suspect
        self._waiting: deque[_Call] = deque()
        self._idle = [_Lane() for _ in range(_CONNECTIONS)]
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def available(self) -> bool:
        return self._circuit.closed

    async def call(self, script: Script | None, *words: Word) -> Any:
        """The server's answer; bytes, integers, None and lists of them. Raises StoreAway."""
        if not self._circuit.admits():
            raise StoreAway("the store was away a moment ago", asked=False)
        call = _Call(script, words, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._idle:
            self._start(self._idle.pop())
        try:
            async with asyncio.timeout(self._manner.timeout):
                return await call.answer
        except TimeoutError:
            raise StoreAway("the store did not answer in time") from None

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await _close(self._idle)

    def _start(self, lane: _Lane) -> None:
        task = asyncio.get_running_loop().create_task(self._work(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: _Lane) -> None:
        try:
            while calls := self._next_batch():
                await self._send(lane, calls)
        finally:
            self._idle.append(lane)

    def _next_batch(self) -> list[_Call]:
        """Without the calls whose callers have gone: what was not sent must not happen later."""
        calls: list[_Call] = []
        while self._waiting and len(calls) < _LARGEST_BATCH:
            call = self._waiting.popleft()
            if not call.answer.done():
                calls.append(call)
        return calls

    async def _send(self, lane: _Lane, calls: Sequence[_Call]) -> None:
        try:
            async with asyncio.timeout(self._manner.timeout):
                connection = await self._connected(lane)
                lane.owing = True
                replies = await self._replies(connection, calls)
                lane.owing = False
        except (RedisError, OSError, TimeoutError) as error:
            await self._lost(lane, calls, error)
        except asyncio.CancelledError:
            await self._lost(lane, calls, StoreAway("closed"))
            raise
        else:
            lane.used = asyncio.get_running_loop().time()
            await self._deliver(lane, calls, replies)

    async def _connected(self, lane: _Lane) -> AbstractConnection:
        """The lane's connection; a new one where it has none, or the server hung up while nobody was looking."""
        idle = asyncio.get_running_loop().time() - lane.used
        if lane.connection is not None and (lane.owing or (idle > _IDLE_SECONDS and await lane.connection.can_read())):
            await _close([lane])
        if lane.connection is None:
            lane.connection = await self._dial()
            await lane.connection.connect()  # type: ignore[no-untyped-call]
        return lane.connection

    async def _replies(self, connection: AbstractConnection, calls: Sequence[_Call]) -> list[Any]:
        """An answer or an error for each call. A script that the server does not know is sent again in full."""
        replies = await self._exchange(connection, [call.by_hash() for call in calls])
        unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            again = await self._exchange(connection, [calls[place].in_full() for place in unknown])
            for place, reply in zip(unknown, again, strict=True):
                replies[place] = reply
        return replies

    async def _exchange(self, connection: AbstractConnection, commands: list[tuple[Word, ...]]) -> list[Any]:
        replicas = self._manner.wait_replicas
        wait = [("WAIT", replicas, max(1, round(self._manner.timeout * 500)))] if replicas else []
        await connection.send_packed_command(connection.pack_commands([*commands, *wait]))
        replies = [await _reply(connection) for _ in commands]
        if wait and await connection.read_response() < replicas:
            raise RedisError("too few replicas have the change")
        return replies

    async def _deliver(self, lane: _Lane, calls: Sequence[_Call], replies: Sequence[Any]) -> None:
        for call, reply in zip(calls, replies, strict=True):
            if isinstance(reply, ResponseError):
                _fail(call, reply, asked=True)
            elif not call.answer.done():
                call.answer.set_result(reply)
        errors = [reply for reply in replies if isinstance(reply, ResponseError)]
        if any(_ails_the_server(error) for error in errors):
            await self._gone(lane)
        else:
            self._circuit.succeeded()
        if any(isinstance(error, _ELSEWHERE) for error in errors):
            self._suspect()

    async def _lost(self, lane: _Lane, calls: Sequence[_Call], error: Exception) -> None:
        for call in calls:
            _fail(call, error, asked=lane.owing)
        await self._gone(lane)

    async def _gone(self, lane: _Lane) -> None:
        """The next call begins with new connections, perhaps to another server."""
        self._circuit.failed()
        self._suspect()
        await _close([lane, *self._idle])


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


def _fail(call: _Call, error: Exception, *, asked: bool) -> None:
    """Names the kind of error only: its text may quote what was asked."""
    if not call.answer.done():
        call.answer.set_exception(StoreAway(f"the store is away: {type(error).__name__}", asked=asked))


def _ails_the_server(error: ResponseError) -> bool:
    """Whether other calls are going to fail as well. One that a script met in its own data does not tell."""
    if isinstance(error, _ELSEWHERE):
        return False
    return type(error) is not ResponseError or any(word in str(error) for word in _SERVER_ERRORS)


async def _close(lanes: Sequence[_Lane]) -> None:
    for connection in [lane.hang_up() for lane in lanes]:
        if connection is not None:
            await connection.disconnect(nowait=True)
