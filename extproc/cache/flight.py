"""Identical requests under way in one worker: one asks, the others wait for its answer.

The first is the *leader*. Its `Lead` is a duty: it must end in one of three ways. `land` gives the answer to all who
wait. `fail` says that there was no answer: the longest waiting *follower* takes over. `dismiss` says that the answer is
one that is not shared: all followers go on by themselves, at once.

A follower gets the answer when it is whole. Envoy holds a buffered request until we answer it, and then takes one whole
response or none: live pieces of the leader's stream cannot be handed on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from extproc.cache.entry import Entry


class Flights:
    """The flights of one worker, for one event loop."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def join(self, name: str) -> "Lead | Seat":
        """The lead of a new flight, or a seat in the one under way."""
        flight = self._flights.get(name)
        if flight is not None:
            return Seat(flight, lambda: self._forget(name, flight))
        begun = self._flights[name] = _Flight()
        return Lead(begun, lambda: self._forget(name, begun))

    def _forget(self, name: str, flight: "_Flight") -> None:
        """Newcomers begin anew. Another flight may have taken the name since."""
        if self._flights.get(name) is flight:
            del self._flights[name]


@dataclass(slots=True, eq=False)
class _Flight:
    seats: deque["asyncio.Future[Entry | Lead | None]"] = field(default_factory=deque)


class Lead:
    """The duty to ask. The first of `land`, `fail` and `dismiss` counts, the rest do nothing."""

    def __init__(self, flight: _Flight, forget: Callable[[], None]) -> None:
        self._flight = flight
        self._forget = forget
        self._ended = False

    @property
    def followers(self) -> int:
        """How many wait now."""
        return sum(not seat.done() for seat in self._flight.seats)

    def land(self, entry: Entry) -> None:
        self._end(entry)

    def dismiss(self) -> None:
        self._end(None)

    def fail(self) -> None:
        if self._ended:
            return
        self._ended = True
        seats = self._flight.seats
        while seats:
            seat = seats.popleft()
            if not seat.done():
                seat.set_result(Lead(self._flight, self._forget))
                return
        self._forget()

    def _end(self, result: Entry | None) -> None:
        if self._ended:
            return
        self._ended = True
        self._forget()
        for seat in self._flight.seats:
            if not seat.done():
                seat.set_result(result)
        self._flight.seats.clear()


class Seat:
    """A place in a flight, to wait in once."""

    def __init__(self, flight: _Flight, forget: Callable[[], None]) -> None:
        self._flight = flight
        self._forget = forget
        self._result: asyncio.Future[Entry | Lead | None] = asyncio.get_running_loop().create_future()
        flight.seats.append(self._result)

    async def wait(self, seconds: float) -> Entry | Lead | None:
        """The answer; or the lead, where it fell to this follower; None to go on by oneself: there is nothing to share,
        or the leader took longer than `seconds`, and newcomers no longer wait for it."""
        try:
            await asyncio.wait((self._result,), timeout=seconds)
        except asyncio.CancelledError:
            self._leave()
            raise
        if self._result.done():
            return self._result.result()
        self._result.cancel()
        self._forget()
        return None

    def _leave(self) -> None:
        """Whose caller has gone must not keep the lead."""
        if not self._result.done():
            self._result.cancel()
        elif isinstance(lead := self._result.result(), Lead):
            lead.fail()
