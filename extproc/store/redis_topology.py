"""Where the servers are: one, the master that Sentinel knows, or the nodes of a cluster."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.crc import key_slot

from extproc.config.model import RedisMode, RedisOptions
from extproc.store.base import StoreAway
from extproc.store.redis_circuit import Circuit
from extproc.store.redis_dial import Address, ask_once, to_sentinel, to_server, to_socket
from extproc.store.redis_scripts import Script
from extproc.store.redis_server import Dial, Manner, Server, Word

_SLOTS = 16384


class Topology(Protocol):
    """All servers of a store."""

    @property
    def available(self) -> bool:
        """Whether all of them answered when they were last asked."""
        ...

    async def call(self, script: Script | None, key: str, *words: Word) -> Any:
        """Asks the server that has `key`. `words` are what follows the script, or the whole command. Raises
        StoreAway."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time and chance: `now` is monotonic time in seconds, `chance` gives 0 to 1. `changed` is told when a server went
    away or came back."""

    now: Callable[[], float]
    chance: Callable[[], float]
    changed: Callable[[], None]


def topology(options: RedisOptions, surroundings: Surroundings) -> Topology:
    if options.mode is RedisMode.CLUSTER:
        return _Cluster(options, surroundings)
    return _One(options, surroundings)


class _One:
    """A single server, or the master of the moment."""

    def __init__(self, options: RedisOptions, surroundings: Surroundings) -> None:
        self._server = Server(_dial(options), _manner(options), _circuit(options, surroundings), lambda: None)

    @property
    def available(self) -> bool:
        return self._server.available

    async def call(self, script: Script | None, key: str, *words: Word) -> Any:
        return await self._server.call(script, *words)

    async def close(self) -> None:
        await self._server.close()


class _Cluster:
    """Knows which node has which slot, and asks again as soon as a node goes away or says that it has a slot no more.

    Meanwhile the other nodes are used as before. Redirections are not followed: the call fails, and may be repeated.
    """

    def __init__(self, options: RedisOptions, surroundings: Surroundings) -> None:
        self._options = options
        self._surroundings = surroundings
        self._circuit = _circuit(options, surroundings)  # of asking where the slots are, while nothing is known
        self._servers: dict[Address, Server] = {}
        self._slots: list[Address | None] = []
        self._asking: asyncio.Task[None] | None = None

    @property
    def available(self) -> bool:
        return self._circuit.closed and all(server.available for server in self._servers.values())

    async def call(self, script: Script | None, key: str, *words: Word) -> Any:
        if not self._slots:
            await self._begin()
        address = self._slots[key_slot(key.encode())]
        if address is None:
            self._ask()
            raise StoreAway("no node of the cluster has the slot", asked=False)
        return await self._servers[address].call(script, *words)

    async def close(self) -> None:
        for server in list(self._servers.values()):
            await server.close()
        if self._asking is not None:  # perhaps because a server was closed
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _begin(self) -> None:
        if not self._circuit.admits():
            raise StoreAway("the cluster was away a moment ago", asked=False)
        try:
            async with asyncio.timeout(self._options.timeout_ms / 1000):
                await asyncio.shield(self._ask())
        except TimeoutError:
            self._circuit.failed()
        if not self._slots:
            raise StoreAway("no node of the cluster answered", asked=False)

    def _ask(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._learn())
        return self._asking

    async def _learn(self) -> None:
        for address in [*self._servers, *self._options.nodes]:
            slots = await self._slots_by(address)
            if slots is not None:
                await self._use(slots)
                self._circuit.succeeded()
                return
        if not self._slots:
            self._circuit.failed()

    async def _slots_by(self, address: Address) -> list[Address | None] | None:
        """What a node knows; None where it does not answer, or has no part in a cluster."""
        connection = to_server(self._options, address)
        answer = await ask_once(connection, self._options.timeout_ms / 1000, "CLUSTER", "SLOTS")
        return _owners(answer, address) if answer else None

    async def _use(self, slots: list[Address | None]) -> None:
        owners = {address for address in slots if address is not None}
        for address in owners - self._servers.keys():
            self._servers[address] = self._server(address)
        gone = [self._servers.pop(address) for address in self._servers.keys() - owners]
        self._slots = slots
        for server in gone:
            await server.close()
        if gone:
            self._surroundings.changed()

    def _server(self, address: Address) -> Server:
        circuit = _circuit(self._options, self._surroundings)
        return Server(_server_dial(self._options, address), _manner(self._options), circuit, self._suspect)

    def _suspect(self) -> None:
        self._ask()


def _owners(answer: Sequence[Any], asked: Address) -> list[Address | None]:
    """The master of each slot. A node that does not know its own address is the one that was asked."""
    slots: list[Address | None] = [None] * _SLOTS
    for first, last, (host, port, *_), *_ in answer:
        address = (host.decode() if host else asked[0], port)
        slots[first : last + 1] = [address] * (last + 1 - first)
    return slots


def _manner(options: RedisOptions) -> Manner:
    return Manner(options.timeout_ms / 1000, options.wait_replicas)


def _circuit(options: RedisOptions, surroundings: Surroundings) -> Circuit:
    return Circuit(options.timeout_ms / 1000, surroundings.now, surroundings.chance, surroundings.changed)


def _server_dial(options: RedisOptions, address: Address) -> Dial:
    async def dial() -> AbstractConnection:
        return to_server(options, address)

    return dial


def _dial(options: RedisOptions) -> Dial:
    if options.mode is RedisMode.SENTINEL:
        return _Sentinels(options).dial
    if options.unix_socket is None:
        return _server_dial(options, options.nodes[0])
    path = options.unix_socket

    async def dial() -> AbstractConnection:
        return to_socket(options, path)

    return dial


class _Sentinels:
    """Asks the sentinels for the master, beginning with the one that answered last; each has its share of the time."""

    def __init__(self, options: RedisOptions) -> None:
        self._options = options
        self._addresses = list(options.nodes)
        self._share = options.timeout_ms / 1000 / (len(options.nodes) + 1)

    async def dial(self) -> AbstractConnection:
        question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._options.master_name or "")
        for address in list(self._addresses):
            answer = await ask_once(to_sentinel(self._options, address), self._share, *question)
            if answer:
                self._addresses.remove(address)
                self._addresses.insert(0, address)
                host, port = answer
                return to_server(self._options, (host.decode(), int(port)))
        raise ConnectionError("no sentinel knows the master")
