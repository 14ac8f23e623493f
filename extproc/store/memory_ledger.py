"""The ledger of one process: its accounts and the leases on them. Nothing here waits, so every operation is atomic.

What is not needed any more is forgotten a little at a time, by the operations that come: no request pays for many.
"""

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from extproc.store.base import (
    EXPIRED_REMEMBERED_SECONDS,
    SETTLED_REMEMBERED_SECONDS,
    Account,
    Bucket,
    Budget,
    Charge,
    Hold,
    Position,
    Stretch,
    Verdict,
)
from extproc.store.memory_accounts import BucketState, BudgetState, Part

_EXPIRED_PER_CALL = 20
_FORGOTTEN_PER_CALL = 4
_EXAMINED_PER_ACCOUNT = 2  # for each new one; were it one, there might be ever more of them
_SHELVES = 64
_EXPIRED_KEPT_MS = EXPIRED_REMEMBERED_SECONDS * 1000
_SETTLED_KEPT_MS = SETTLED_REMEMBERED_SECONDS * 1000
_FOR_EVER = 1 << 62
_MOST_SETTLED = (1 << 18) // _SHELVES

_State = BucketState | BudgetState
_Key = tuple[type, str, str]
_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


@dataclass(slots=True)
class _Lease:
    """`until_ms` is when it expires or, once it has, when it is forgotten."""

    until_ms: int
    expired: bool = False
    parts: dict[_Key, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is asked of an account, how that stands, and whether it has too little."""

    hold: Hold
    state: _State
    lacks: bool

    def position(self, granted: int = 0) -> Position:
        return self.state.refusal(self.hold.need, granted) if self.lacks else self.state.position(granted)


class _Shelves(Generic[_K, _V]):
    """A large dictionary as many small ones: the larger one is, the longer everybody waits while it grows."""

    def __init__(self) -> None:
        self._shelves: tuple[OrderedDict[_K, _V], ...] = tuple(OrderedDict() for _ in range(_SHELVES))

    def of(self, key: _K) -> OrderedDict[_K, _V]:
        """The one where the key belongs."""
        return self._shelves[hash(key) % _SHELVES]


class MemoryLedger:
    """A `Ledger`. `clock` gives Unix seconds.

    Settled leases are remembered for an hour, but no more than about the last 262,144 of them. Expired leases are swept
    in every partition at once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._accounts: _Shelves[_Key, _State] = _Shelves()
        self._leases: dict[str, _Lease] = {}
        self._live: list[tuple[int, str]] = []  # when each live lease expires, in order
        self._expired: deque[tuple[int, str]] = deque()  # when each expired one is forgotten
        self._settled: _Shelves[str, int] = _Shelves()  # and each settled one
        self._claimed: _Shelves[tuple[str, str, str], int] = _Shelves()  # and each claim

    async def reserve(self, lease: str, ttl_ms: int, holds: Sequence[Hold]) -> Verdict:
        now = self._begin()
        self._expire(now)
        if lease in self._leases or self._is_settled(lease, now):
            return self._repeated(lease, holds, now)
        asks = [self._ask(hold, now) for hold in holds]
        if _refused(asks):
            return Verdict(False, tuple(ask.position() for ask in asks))
        return self._grant(self._open(lease, now + ttl_ms), asks)

    async def extend(self, lease: str, ttl_ms: int, parts: Sequence[Stretch]) -> Verdict:
        now = self._begin()
        if self._is_settled(lease, now):
            return Verdict(False, self._positions((part.account for part in parts), now))
        kept = self._keep(lease, now, ttl_ms)
        asks = [self._ask_more(kept, part, now) for part in parts]
        if _refused(asks):
            return Verdict(False, tuple(ask.position() for ask in asks))
        return self._grant(kept, asks)

    async def settle(self, lease: str, charges: Sequence[Charge]) -> tuple[Position, ...] | None:
        now = self._begin()
        if self._is_settled(lease, now):
            self._remember_settled(lease, now)
            return None
        parts = self._close(lease)
        for charge in charges:
            part = parts.pop(_key(charge.account), Part(charge.account))
            self._charge(self._state(charge.account, now), part, charge.used)
        for part in parts.values():
            self._charge(self._of_lease(part, now), part, 0)
        self._remember_settled(lease, now)
        return self._positions((charge.account for charge in charges), now)

    async def read(self, accounts: Sequence[Account]) -> tuple[Position, ...]:
        now = self._begin()
        self._expire(now)
        return tuple(self._state(account, now).reading() for account in accounts)

    async def claim(self, account: Budget, mark: str) -> bool:
        now = self._begin()
        key = (account.partition, account.key, mark)
        shelf = self._claimed.of(key)
        for _ in range(min(_EXAMINED_PER_ACCOUNT, len(shelf))):
            _forget_claim(shelf, now)
        if shelf.get(key, now) > now:
            return False
        shelf[key] = now + account.window_ms if account.window_ms else account.expires_ms or _FOR_EVER
        return True

    def _begin(self) -> int:
        """The time, in milliseconds, after a little housekeeping."""
        now = round(self._clock() * 1000)
        for _ in range(_FORGOTTEN_PER_CALL):
            self._forget_expired(now)
        return now

    def _forget_expired(self, now: int) -> None:
        if self._expired and self._expired[0][0] <= now:
            _, lease = self._expired.popleft()
            known = self._leases.get(lease)
            if known is not None and known.expired and known.until_ms <= now:  # neither revived since nor settled
                del self._leases[lease]

    def _is_settled(self, lease: str, now: int) -> bool:
        return self._settled.of(lease).get(lease, now) > now

    def _remember_settled(self, lease: str, now: int) -> None:
        shelf = self._settled.of(lease)
        for _ in range(_FORGOTTEN_PER_CALL):
            if shelf and (len(shelf) >= _MOST_SETTLED or next(iter(shelf.values())) <= now):
                shelf.popitem(last=False)
        shelf[lease] = now + _SETTLED_KEPT_MS
        shelf.move_to_end(lease)

    def _expire(self, now: int) -> None:
        """Counts as spent what the oldest leases held that were not extended in time."""
        over = self._live[: min(_EXPIRED_PER_CALL, bisect_left(self._live, (now + 1,)))]
        for _, lease in over:
            known = self._leases[lease]
            for part in known.parts.values():
                self._of_lease(part, now).expire(part)
            known.expired = True
            known.until_ms = now + _EXPIRED_KEPT_MS
            self._expired.append((known.until_ms, lease))
        del self._live[: len(over)]

    def _state(self, account: Account, now: int) -> _State:
        """How the account stands now, as it is configured now. A new one is kept once something is charged to it."""
        key = _key(account)
        match account, self._accounts.of(key).get(key):
            case Bucket(), BucketState() as bucket:
                bucket.configure(account)
                bucket.advance(now)
                return bucket
            case Budget(), BudgetState() as budget:
                budget.configure(account)
                budget.advance(now)
                return budget
        return BucketState(account, now) if isinstance(account, Bucket) else BudgetState(account, now)

    def _positions(self, accounts: Iterable[Account], now: int) -> tuple[Position, ...]:
        return tuple(self._state(account, now).position() for account in accounts)

    def _of_lease(self, part: Part, now: int) -> _State:
        """The account of a lease's part; how the lease knew it counts only where nobody else does."""
        key = _key(part.account)
        state = self._accounts.of(key).get(key)
        if state is None:
            return self._state(part.account, now)
        state.advance(now)
        return state

    def _save(self, account: Account, state: _State) -> None:
        key = _key(account)
        shelf = self._accounts.of(key)
        if key not in shelf:
            for _ in range(min(_EXAMINED_PER_ACCOUNT, len(shelf))):
                _examine(shelf, state.at_ms)
            shelf[key] = state

    def _ask(self, hold: Hold, now: int) -> _Ask:
        state = self._state(hold.account, now)
        return _Ask(hold, state, state.lacks(hold.need))

    def _ask_more(self, lease: _Lease, part: Stretch, now: int) -> _Ask:
        """The account holds again what the lease says that it held, where the ledger does not know of it."""
        state = self._state(part.account, now)
        if _key(part.account) not in lease.parts:
            self._hold(lease, part.account, state, part.held)
        hold = Hold(part.account, part.more, part.more, part.enforced)
        return _Ask(hold, state, part.more > 0 and state.lacks(part.more))

    def _grant(self, lease: _Lease, asks: Sequence[_Ask]) -> Verdict:
        granted = [ask.state.grant(ask.hold.need, ask.hold.want, enforced=ask.hold.enforced) for ask in asks]
        for ask, amount in zip(asks, granted, strict=True):
            self._hold(lease, ask.hold.account, ask.state, amount)
        return Verdict(True, tuple(ask.position(amount) for ask, amount in zip(asks, granted, strict=True)))

    def _hold(self, lease: _Lease, account: Account, state: _State, amount: int) -> None:
        self._save(account, state)
        state.hold(lease.parts.setdefault(_key(account), Part(account)), amount)

    def _repeated(self, lease: str, holds: Sequence[Hold], now: int) -> Verdict:
        """What the holder of a live lease was told before; one that has ended gets nothing."""
        known = self._leases.get(lease)
        if known is None or known.expired:
            return Verdict(False, self._positions((hold.account for hold in holds), now))
        states = [self._state(hold.account, now) for hold in holds]
        parts = [known.parts.get(_key(hold.account), Part(hold.account)) for hold in holds]
        return Verdict(True, tuple(state.position(part.held) for state, part in zip(states, parts, strict=True)))

    def _open(self, lease: str, until_ms: int) -> _Lease:
        made = self._leases[lease] = _Lease(until_ms)
        insort(self._live, (until_ms, lease))
        return made

    def _keep(self, lease: str, now: int, ttl_ms: int) -> _Lease:
        """The lease with a new time to live, though it may have expired or been lost."""
        parts = self._close(lease)
        for part in parts.values():
            state = self._of_lease(part, now)
            self._save(part.account, state)
            state.revive(part)
        kept = self._open(lease, now + ttl_ms)
        kept.parts = parts
        return kept

    def _close(self, lease: str) -> dict[_Key, Part]:
        """Ends the lease; what it held is the caller's to settle."""
        known = self._leases.pop(lease, None)
        if known is None:
            return {}
        if not known.expired:
            del self._live[bisect_left(self._live, (known.until_ms, lease))]
        return known.parts

    def _charge(self, state: _State, part: Part, used: int) -> None:
        self._save(part.account, state)
        state.settle(part, used)


def _forget_claim(shelf: OrderedDict[tuple[str, str, str], int], now: int) -> None:
    """Forgets the claim whose turn it is, or lets it queue again."""
    key, until_ms = shelf.popitem(last=False)
    if until_ms > now:
        shelf[key] = until_ms


def _examine(shelf: OrderedDict[_Key, _State], now: int) -> None:
    """Forgets the account whose turn it is, or lets it queue again."""
    key, state = shelf.popitem(last=False)
    state.advance(now)
    if not state.is_idle:
        shelf[key] = state


def _key(account: Account) -> _Key:
    return type(account), account.partition, account.key


def _refused(asks: Iterable[_Ask]) -> bool:
    return any(ask.lacks and ask.hold.enforced for ask in asks)
