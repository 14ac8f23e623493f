"""Identical requests under way in one worker: one asks, the others follow.

The first is the *leader*. Its `Lead` is a duty: it must end in one of three ways. `land` gives the answer to all who
wait. `fail` says that there was no answer: the longest waiting *follower* takes over. `dismiss` says that the answer is
one that is not shared: all followers go on by themselves, at once. So they do after the third failure: one after the
other would wait too long for a provider that is down.

With `begin` a leader shows its answer while it comes: followers who want it in the same form listen from then on, and
share its fate.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from extproc.cache.broadcast import Broadcast, Listener, Room
from extproc.cache.entry import Entry
from extproc.cache.key import Key

_MOST_FAILURES = 3


class Flights:
    """The flights of one worker, for one event loop."""

    def __init__(self, room: Room | None = None) -> None:
        self._room = room or Room()
        self._flights: dict[str, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def join(self, name: str, form: str = "") -> "Lead | Seat":
        """The lead of a new flight, or a seat in the one under way. `form` is that of the stream that is wanted; empty
        for an answer that is wanted whole."""
        flight = self._flights.get(name)
        if flight is not None:
            return Seat(flight, form)
        begun = self._flights[name] = _Flight(self._room, lambda: self._forget(name, begun))
        return Lead(begun)

    def _forget(self, name: str, flight: "_Flight") -> None:
        """Newcomers begin anew. Another flight may have taken the name since."""
        if self._flights.get(name) is flight:
            del self._flights[name]


@dataclass(frozen=True, slots=True)
class Landing:
    """The answer for all who wait. `other`: the key of the same question in other words, that it was given to."""

    entry: Entry
    other: Key | None = None


@dataclass(slots=True, eq=False)
class _Flight:
    room: Room
    forget: Callable[[], None]
    seats: deque["Seat"] = field(default_factory=deque)
    broadcast: Broadcast | None = None
    failures: int = 0


class Lead:
    """The duty to ask. The first of `land`, `fail` and `dismiss` counts, the rest do nothing."""

    def __init__(self, flight: _Flight) -> None:
        self._flight = flight
        self._ended = False

    @property
    def followers(self) -> int:
        """How many wait or listen now."""
        broadcast = self._flight.broadcast
        listening = 0 if broadcast is None else len(broadcast)
        return listening + sum(seat.waits for seat in self._flight.seats)

    def seat(self, form: str) -> "Seat":
        """A place in the flight for who has the lead only in another's name."""
        return Seat(self._flight, form)

    def begin(self, form: str) -> Broadcast:
        """The answer comes, as a stream of this form."""
        flight = self._flight
        flight.broadcast = broadcast = Broadcast(form, flight.room)
        for seat in flight.seats:
            if seat.waits and seat.form == form:
                seat.settle(broadcast.listen())
        return broadcast

    def land(self, landing: Landing) -> None:
        self._end(landing)

    def dismiss(self) -> None:
        self._end(None)

    def fail(self) -> None:
        if self._ended:
            return
        flight = self._flight
        flight.failures += 1
        if flight.failures >= _MOST_FAILURES:
            self._end(None)
            return
        self._ended = True
        self._close_broadcast()
        while flight.seats:
            seat = flight.seats.popleft()
            if seat.waits:
                seat.settle(Lead(flight))
                return
        flight.forget()

    def _end(self, result: Landing | None) -> None:
        if self._ended:
            return
        self._ended = True
        self._close_broadcast()
        self._flight.forget()
        for seat in self._flight.seats:
            if seat.waits:
                seat.settle(result)
        self._flight.seats.clear()

    def _close_broadcast(self) -> None:
        """One that has not ended by now never will."""
        if self._flight.broadcast is not None:
            self._flight.broadcast.abort()
            self._flight.broadcast = None


Outcome = Landing | Lead | Listener | None


class Seat:
    """A place in a flight, to wait in once."""

    def __init__(self, flight: _Flight, form: str) -> None:
        self.form = form
        self._flight = flight
        self._result: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        broadcast = flight.broadcast
        if form and broadcast is not None and broadcast.open and broadcast.form == form:
            self.settle(broadcast.listen())
        else:
            flight.seats.append(self)

    @property
    def waits(self) -> bool:
        return not self._result.done()

    def settle(self, outcome: Outcome) -> None:
        self._result.set_result(outcome)

    async def wait(self, seconds: float | None = None) -> Outcome:
        """The answer, or the stream of it; or the lead, where it fell to this follower; None to go on by oneself: there
        is nothing to share, or it took longer than `seconds`, and newcomers no longer wait for it."""
        try:
            await asyncio.wait((self._result,), timeout=seconds)
        except asyncio.CancelledError:
            self.leave()
            raise
        if self._result.cancelled():
            return None
        if self._result.done():
            return self._result.result()
        self._result.cancel()
        self._flight.forget()
        return None

    def leave(self) -> None:
        """Whose caller has gone must not keep the lead."""
        if self.waits:
            self._result.cancel()
        elif not self._result.cancelled():
            match self._result.result():
                case Lead() as lead:
                    lead.fail()
                case Listener() as listener:
                    listener.leave()
