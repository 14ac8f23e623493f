"""What a store does. Everything is atomic: an operation happens whole, on all of its accounts, or not at all.

A request reserves what it is likely to use before it goes upstream (`reserve`), keeps its lease alive and asks for more
while it streams (`extend`), and says at its end what it used (`settle`), once. A lease that is not extended in time
expires: whatever it held counts as spent from then on, because its holder died somewhere between sending and telling;
a holder that turns up late settles all the same, and the difference is corrected. All amounts are integers: requests,
tokens, or nano-dollars. Times are the store's own clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

SETTLED_REMEMBERED_SECONDS = 3600
"""How long a store remembers at least that a lease was settled, since it was last told."""

EXPIRED_REMEMBERED_SECONDS = 24 * 3600
"""And what an expired lease held, since it expired."""

MOST = 1 << 52
"""No amount, capacity or limit is larger: sums of two are exact in the doubles that Redis computes with."""


class StoreAway(Exception):
    """The store did not answer in time, or not with sense. Nothing is known of what was asked of it.

    `asked` False: it was known to be away, or could not be connected to, and nothing was sent.
    """

    def __init__(self, message: str = "", *, asked: bool = True) -> None:
        super().__init__(message)
        self.asked = asked


class PartlySettled(StoreAway):
    """A part of a cluster did not answer, and the others have settled their charges.

    `settled` is how the accounts of those stand now, by the place of the charge, where they were settled just now;
    `left` are the places of the charges that are to be settled again, and `asked` is about them.
    """

    def __init__(self, message: str, *, asked: bool, settled: Mapping[int, "Position"], left: tuple[int, ...]) -> None:
        super().__init__(message, asked=asked)
        self.settled = settled
        self.left = left


class Conflict(Exception):
    """A record was changed by someone else since it was read."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: it holds `capacity` at most, and `rate` (1 or more) is added each `period_ms`, steadily.

    What is taken on credit (a settlement larger than its reservation) makes it negative. `partition` says which
    accounts can be changed together in a cluster: those of one partition.
    """

    partition: str
    key: str
    capacity: int
    rate: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `limit` spent and reserved together.

    `window_ms` makes it a rolling window of that length, in 60 steps; 0: what was spent stays spent, and a calendar
    window is part of `key`. `expires_ms` is a Unix time after which the store may forget it; 0: never. `spends` False:
    nothing stays spent, which makes it a limit on what is under way (concurrent requests).
    """

    partition: str
    key: str
    limit: int
    window_ms: int = 0
    expires_ms: int = 0
    spends: bool = True


Account = Bucket | Budget


@dataclass(frozen=True, slots=True)
class Hold:
    """A part of a reservation: `need` must be there, up to `want` (not less) is taken if it is there.

    Buckets take `need` only. An account that is not `enforced` is charged alike (`want` in full) and refuses nothing.
    """

    account: Account
    need: int
    want: int
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an extension: the lease has `held` of this budget, and `more` is asked for."""

    account: Budget
    held: int
    more: int = 0
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class Charge:
    """A part of a settlement: the lease held `held` of this account, and `used` is what was used."""

    account: Account
    held: int
    used: int


@dataclass(frozen=True, slots=True)
class Position:
    """How an account stands after an operation, in the order of the operation's parts.

    `granted` is what this operation reserved here; `spent` and `reserved` are 0 for a bucket; `remaining` may be
    negative. `refused`: there was too little (also where that is not enforced). `wait_ms` is how long until there may
    be enough of what was refused: exact for a bucket when nobody else takes from it, when the oldest step that was
    charged leaves a rolling window, 0 where waiting does not help. Of a reading it is how long until that step leaves
    (0 for a bucket). `full_ms` is how long until a bucket is full.
    """

    granted: int = 0
    spent: int = 0
    reserved: int = 0
    remaining: int = 0
    refused: bool = False
    wait_ms: int = 0
    full_ms: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`admitted`: no enforced part was refused; otherwise nothing was changed."""

    admitted: bool
    positions: tuple[Position, ...]


class Ledger(Protocol):
    """Every method raises StoreAway.

    A lease's id is unguessable and never used twice, and no account comes twice in one operation. The operations may
    be repeated when their fate is not known.
    """

    async def reserve(self, lease: str, ttl_ms: int, holds: Sequence[Hold]) -> Verdict:
        """Reserves all holds for `ttl_ms`, or nothing. Repeated for a live lease, it changes nothing and says so as if
        it had just been done; for one that has expired or was settled, it changes nothing and admits nothing."""
        ...

    async def extend(self, lease: str, ttl_ms: int, parts: Sequence[Stretch]) -> Verdict:
        """Keeps the lease for another `ttl_ms`, and reserves more of its budgets, or none of them.

        A lease that the store has lost (a failover) is made again with what it `held`; one that has expired takes back
        what was counted as spent. Refused or not, the lease is kept. `more` is one decision: it is not idempotent, and
        a repetition after StoreAway reserves twice, which the settlement gives back.
        """
        ...

    async def settle(self, lease: str, charges: Sequence[Charge]) -> tuple[Position, ...] | None:
        """Ends the lease: what it reserved is free again, what it used is spent.

        None when it was settled before; that is remembered for another hour then. A lease that the store has lost, or
        has forgotten, is charged in full. Raises PartlySettled where some of the charges were made.
        """
        ...

    async def read(self, accounts: Sequence[Account]) -> tuple[Position, ...]:
        """How accounts stand now."""
        ...

    async def claim(self, account: Budget, mark: str) -> bool:
        """Whether nobody has claimed this mark of the account before: of all who ask, one is told so.

        That is known for the length of a rolling window, and otherwise for as long as the account may be.
        """
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """An entry of the registry; `data` None says that it was deleted. `version` grows with every change."""

    kind: str
    id: str
    version: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What was changed after a version. `version` is that of the last change; `whole`: these are all records there are
    (the reader's version was too old, or not this registry's), and others are gone."""

    version: int
    records: tuple[Record, ...]
    whole: bool = False


class Registry(Protocol):
    """Records by kind and id, with a log of changes. Every method raises StoreAway."""

    async def get(self, kind: str, id: str) -> Record | None: ...

    async def put(self, kind: str, id: str, data: bytes, *, expected: int | None) -> int:
        """Writes a record and returns its version. `expected` is the version it replaces, 0 for none there, None for
        any. Raises Conflict."""
        ...

    async def delete(self, kind: str, id: str) -> bool:
        """Whether it was there."""
        ...

    async def changes(self, since: int) -> Changes:
        """What was changed after version `since`; 0 for everything there is."""
        ...


class Store(Ledger, Registry, Protocol):
    """Both in one, as every implementation is."""

    async def close(self) -> None: ...
