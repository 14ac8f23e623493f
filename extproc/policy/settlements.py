"""Settlements, told to the store until it has them: once each, also where its answer was lost.

A store remembers for an hour that a lease was settled (`SETTLED_REMEMBERED_SECONDS`), and charges a repetition later
than that again. So what it may have heard is repeated for less than an hour, and what it cannot have heard for as long
as it surely knows what an expired lease held. What is given up then is counted, and said in the log.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from extproc.policy.plan import Entry
from extproc.store.base import (
    EXPIRED_REMEMBERED_SECONDS,
    SETTLED_REMEMBERED_SECONDS,
    Account,
    Charge,
    Ledger,
    PartlySettled,
    Position,
    StoreAway,
)

_log = logging.getLogger(__name__)
_MOST_WAITING = 100_000
_AT_ONCE = 64
_HEARD_REPEATED_SECONDS = SETTLED_REMEMBERED_SECONDS - 600
_UNHEARD_REPEATED_SECONDS = EXPIRED_REMEMBERED_SECONDS // 2  # the lease may have expired long before the request ended


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the store is to be told at the end of a lease. `entries` are those of the charges, in order; none where
    nobody is told how their accounts stand then. `begun` is when it was first to be told, `heard` when the store may
    first have heard of it: Unix seconds."""

    lease: str
    entries: tuple[Entry, ...]
    charges: tuple[Charge, ...]
    begun: float
    heard: float | None = None

    @property
    def repeated_until(self) -> float:
        """When it may be repeated no longer."""
        if self.heard is None:
            return self.begun + _UNHEARD_REPEATED_SECONDS
        return self.heard + _HEARD_REPEATED_SECONDS

    def unanswered(self, now: float, *, asked: bool) -> "Settlement":
        """The same, after it was told at `now` and there was no answer."""
        return replace(self, heard=now) if asked and self.heard is None else self

    def only(self, places: tuple[int, ...]) -> "Settlement":
        """Some of its charges."""
        entries = tuple(self.entries[place] for place in places) if self.entries else ()
        return replace(self, entries=entries, charges=tuple(self.charges[place] for place in places))


class Settlements:
    """Those of one governor. `ended` is called when the store knows all of a lease's end, `told` with how each account
    stands then, and `lost` for each settlement that the store will never know of."""

    def __init__(
        self,
        ledger: Ledger,
        now: Callable[[], float],
        ended: Callable[[str], None],
        told: Callable[[Entry, Account, Position], Awaitable[None]],
        lost: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._ended = ended
        self._told = told
        self._lost = lost
        self._waiting: deque[Settlement] = deque()
        self._unreported = 0

    async def settle(self, what: Settlement) -> None:
        """Tells the store, or puts it aside for `repeat`."""
        now = self._now()
        try:
            positions = dict(enumerate(await self._ledger.settle(what.lease, what.charges) or ()))
        except PartlySettled as partly:
            self._put_aside(what.only(partly.left).unanswered(now, asked=partly.asked))
            positions = dict(partly.settled)
        except StoreAway as away:
            self._put_aside(what.unanswered(now, asked=away.asked))
            return
        except asyncio.CancelledError:  # the worker ends: what was said is said once more before it does
            self._put_aside(what.unanswered(now, asked=True))
            raise
        else:
            self._ended(what.lease)
        await self._tell(what, positions)

    async def repeat(self) -> None:
        """Tells batch by batch what was put aside, for as long as the store answers."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            left = len(self._waiting)
            await asyncio.gather(*(self._again(each) for each in batch))
            if len(self._waiting) > left:
                break
        self._report_lost()

    async def close(self) -> None:
        """Tells it for the last time; what the store does not hear then is lost."""
        await self.repeat()
        for _ in self._waiting:
            self._count_lost()
        self._report_lost()

    async def _again(self, what: Settlement) -> None:
        if self._now() < what.repeated_until:
            await self.settle(what)
        else:
            self._lose(what)

    async def _tell(self, what: Settlement, positions: Mapping[int, Position]) -> None:
        for place, entry in enumerate(what.entries):
            if place in positions:
                await self._told(entry, what.charges[place].account, positions[place])

    def _put_aside(self, what: Settlement) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._lose(self._waiting.popleft())
        self._waiting.append(what)

    def _lose(self, what: Settlement) -> None:
        self._count_lost()
        self._ended(what.lease)

    def _count_lost(self) -> None:
        self._lost()
        self._unreported += 1

    def _report_lost(self) -> None:
        if self._unreported:
            _log.error("settlements lost", extra={"fields": {"count": self._unreported}})
            self._unreported = 0
