"""Reserve, extend, settle: every request's dealings with the ledger, and what happens while the store is away.

One of a worker. It decides nothing about who a caller is or what a request costs; it is given a plan and a demand.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from extproc.config.limits import BudgetRule, Raise, RateLimit
from extproc.config.limits import StoreAway as WhenAway
from extproc.errors import GatewayError, StoreUnavailable
from extproc.genai.prices import ModelPrice
from extproc.genai.usage import TokenUsage
from extproc.policy.budget_watch import BudgetEvents, BudgetWatch
from extproc.policy.demand import Demand
from extproc.policy.lease import Lease, Part, hold
from extproc.policy.plan import Entry, Plan, Planner
from extproc.policy.refusals import rate_limit_headers, refusal
from extproc.policy.settlements import Settlement, Settlements
from extproc.store.base import Account, Bucket, Budget, Charge, Hold, Ledger, Position, StoreAway, Stretch, Verdict

_AT_ONCE = 64


class Events(BudgetEvents, Protocol):
    """What the governor tells metrics and logs. Subjects are names from the configuration or the registry."""

    def refused(self, rule: str, *, shadow: bool) -> None: ...

    def decided_without_store(self, policy: str) -> None: ...

    def settlement_lost(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What an exchange began with: the document's planner and settings, and the raises then in force."""

    planner: Planner
    raises: tuple[Raise, ...]
    budget_status: int
    quantum_tokens: int


class Governor:
    """`new_local` makes an empty ledger of this process, for the time that the store is away."""

    def __init__(
        self,
        ledger: Ledger,
        new_local: Callable[[], Ledger],
        events: Events,
        now: Callable[[], float],
        *,
        ttl_seconds: float = 60.0,
        retry_seconds: float = 0.5,
    ) -> None:
        self._ledger = ledger
        self._new_local = new_local
        self._local = new_local()
        self._apart: set[str] = set()  # leases held in it, whose end the store has not been told
        self._events = events
        self._now = now
        self._ttl_ms = int(ttl_seconds * 1000)
        self._retry_seconds = retry_seconds
        self._leases: dict[str, Lease] = {}
        self._watch = BudgetWatch(ledger, events, now)
        self._settlements = Settlements(ledger, now, self._rejoined, self._watch.tell, events.settlement_lost)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open_leases(self) -> int:
        return len(self._leases)

    async def admit(self, terms: Terms, plan: Plan, demand: Demand, lease_id: str) -> Lease:
        """Reserves what the demand needs. Raises BudgetExceeded, RateLimited, StoreUnavailable."""
        now = self._now()
        accounts = [terms.planner.account(entry, terms.raises, now) for entry in plan.entries]
        holds = [hold(entry, account, demand) for entry, account in zip(plan.entries, accounts, strict=True)]
        lease = Lease(lease_id, plan, demand)
        holds, verdict = await self._reserve(lease, holds)
        self._tell_refusals(plan.entries, verdict.positions)
        for entry in plan.entries:
            self._watch.used(terms.planner, terms.raises, entry)
        if not verdict.admitted:
            raise self._refusal(terms, plan.entries, holds, verdict.positions)
        lease.parts = [
            Part(entry, account, position, position.granted, each.account if lease.local else None)
            for entry, account, each, position in zip(plan.entries, accounts, holds, verdict.positions, strict=True)
        ]
        self._leases[lease_id] = lease
        return lease

    async def extend(self, terms: Terms, lease: Lease, output_tokens: int) -> GatewayError | None:
        """Has the lease cover a quantum more than these output tokens; the error to end the stream with if not.

        What is left of a budget and is less than a quantum is used up in smaller ones.
        """
        try:
            return await self._extend(terms, lease, output_tokens, terms.quantum_tokens)
        except StoreUnavailable as error:
            return error

    def reprice(self, lease: Lease, price: ModelPrice | None) -> None:
        """Another provider answers than the one that the reservation was made for."""
        lease.demand = replace(lease.demand, price=price)

    def settle(self, lease: Lease, usage: TokenUsage | None, cost: int | None) -> None:
        """Ends the lease, in the background. Once: a lease that is not open is left alone."""
        if self._leases.pop(lease.id, None) is not None:
            if lease.local:
                self._spawn(self._settle_locally(lease.id, lease.charges(usage, cost, local=True)))
            lease.ending = lease.charges(usage, cost)
            self._end(lease)

    async def read(self, accounts: Sequence[Account]) -> tuple[Position, ...]:
        """How accounts stand. Raises StoreUnavailable."""
        try:
            return await self._ledger.read(accounts)
        except StoreAway:
            raise StoreUnavailable from None

    async def run(self) -> None:
        """Keeps leases alive, settles what could not be settled, and tells how budgets stand; until it is cancelled."""
        beats = max(1, int(self._ttl_ms / 3000 / self._retry_seconds))
        beat = 0
        while True:
            await asyncio.sleep(self._retry_seconds)
            beat += 1
            await self._settlements.repeat()
            if beat >= beats:
                beat = 0
                await self.keep_alive()
                await self._watch.read_again()

    async def close(self, patience_seconds: float) -> None:
        """Waits for the settlements that are under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_seconds)
        await self._settlements.close()

    async def _extend(self, terms: Terms, lease: Lease, output_tokens: int, quantum: int) -> GatewayError | None:
        stretches, verdict = await self._stretch(lease, output_tokens + quantum)
        while not verdict.admitted and quantum > 1 and any(position.refused for position in verdict.positions):
            quantum //= 4
            stretches, verdict = await self._stretch(lease, output_tokens + max(1, quantum))
        if verdict.admitted:
            lease.grow(verdict.positions)
            return None
        return self._stretch_refusal(terms, lease, stretches, verdict)

    async def _stretch(self, lease: Lease, output_tokens: int) -> tuple[tuple[Stretch, ...], Verdict]:
        """Raises StoreUnavailable."""
        stretches = lease.stretches(output_tokens)
        try:
            ledger = self._local if lease.local else self._ledger
            return stretches, await ledger.extend(lease.id, self._ttl_ms, stretches)
        except StoreAway:
            if _denies(part.entry for part in lease.parts if part.is_budget):
                self._events.decided_without_store(WhenAway.DENY.value)
                raise StoreUnavailable from None
            stretches = self._move_here(lease, output_tokens)
            return stretches, await self._local.extend(lease.id, self._ttl_ms, stretches)

    def _stretch_refusal(
        self, terms: Terms, lease: Lease, stretches: Sequence[Stretch], verdict: Verdict
    ) -> GatewayError:
        parts = [part for part in lease.parts if isinstance(part.account, Budget)]
        entries = [part.entry for part in parts]
        holds = [Hold(each.account, each.more, each.more, each.enforced) for each in stretches]
        self._tell_refusals(entries, verdict.positions)
        if not any(position.refused for position in verdict.positions):
            return StoreUnavailable()  # the store takes the lease for settled: nothing more can be held on it
        return self._refusal(terms, entries, holds, verdict.positions)

    async def _reserve(self, lease: Lease, holds: list[Hold]) -> tuple[list[Hold], Verdict]:
        """In the store; while that is away, as the rules say for that case. Raises StoreUnavailable."""
        accounts = [each.account for each in holds]
        try:
            return holds, await self._ledger.reserve(lease.id, self._ttl_ms, holds)
        except StoreAway as away:
            uncertain = accounts if away.asked else []
        except asyncio.CancelledError:  # the caller left
            self._give_back(lease.id, accounts)
            raise
        lease.local = True
        try:
            own = self._own_holds(lease.plan, holds)
        except StoreUnavailable:
            self._give_back(lease.id, uncertain)
            raise
        verdict = await self._local.reserve(lease.id, self._ttl_ms, own)
        if verdict.admitted:
            self._apart.add(lease.id)
        else:
            self._give_back(lease.id, uncertain)
        return own, verdict

    def _give_back(self, lease: str, accounts: Sequence[Account]) -> None:
        """Ends a lease of which it is not known whether the store made it."""
        if accounts:
            nothing = tuple(Charge(account, 0, 0) for account in accounts)
            self._spawn(self._settlements.settle(Settlement(lease, (), nothing, self._now())))

    def _own_holds(self, plan: Plan, holds: Sequence[Hold]) -> list[Hold]:
        """The decision without the store: every rule says for itself what it makes of that. Raises StoreUnavailable."""
        if _denies(plan.entries):
            self._events.decided_without_store(WhenAway.DENY.value)
            raise StoreUnavailable
        local = any(entry.rule.store_away is WhenAway.LOCAL for entry in plan.entries if entry.enforced)
        self._events.decided_without_store((WhenAway.LOCAL if local else WhenAway.ALLOW).value)
        return [_own_hold(entry, each) for entry, each in zip(plan.entries, holds, strict=True)]

    def _move_here(self, lease: Lease, output_tokens: int) -> tuple[Stretch, ...]:
        """The store went away under a stream: what it needs beyond what it holds comes out of this process's share."""
        lease.local = True
        self._apart.add(lease.id)
        self._events.decided_without_store(WhenAway.LOCAL.value)
        for part in lease.parts:
            part.share = _own_account(part.entry, part.account)
        stretches = lease.stretches(output_tokens)
        return tuple(replace(each, held=0) for each in stretches)

    async def _settle_locally(self, lease: str, charges: tuple[Charge, ...]) -> None:
        await self._local.settle(lease, charges)

    def _rejoined(self, lease: str) -> None:
        """The store knows the lease's end, or never will. After the last, this process's own share is whole again."""
        if lease in self._apart:
            self._apart.discard(lease)
            if not self._apart:
                self._local = self._new_local()

    async def keep_alive(self) -> None:
        """Keeps every open lease from expiring."""
        leases = [lease for lease in self._leases.values() if lease.kept()]
        for begin in range(0, len(leases), _AT_ONCE):
            await asyncio.gather(*(self._touch(lease) for lease in leases[begin : begin + _AT_ONCE]))

    async def _touch(self, lease: Lease) -> None:
        """Where a lease is held here it is also kept in the store, which learns of it as soon as it is back."""
        if lease.ending:
            return
        if lease.local:
            await self._local.extend(lease.id, self._ttl_ms, lease.stretches(0))
        with contextlib.suppress(StoreAway):  # the next beat, or the settlement, puts it right
            await self._ledger.extend(lease.id, self._ttl_ms, lease.kept())
        if lease.ending:  # settled meanwhile: a lease that came back to life is ended again, as it was
            self._end(lease)

    def _end(self, lease: Lease) -> None:
        entries = tuple(part.entry for part in lease.parts)
        self._spawn(self._settlements.settle(Settlement(lease.id, entries, lease.ending, self._now())))

    def _refusal(
        self, terms: Terms, entries: Sequence[Entry], holds: Sequence[Hold], positions: Sequence[Position]
    ) -> GatewayError:
        """Of several refusals the one that lasts longest: a budget's, then a limit that the request never fits, then
        the one with the longest wait."""
        refused = [
            (entry, each, position)
            for entry, each, position in zip(entries, holds, positions, strict=True)
            if entry.enforced and position.refused
        ]
        entry, each, position = max(refused, key=lambda it: (_lasts(it[0], it[1]), it[2].wait_ms))
        resets_at = terms.planner.resets_at(entry, position, self._now())
        error = refusal(entry, each, position, status=terms.budget_status, resets_at=resets_at)
        limits = zip(entries, (one.account for one in holds), positions, strict=True)
        error.headers = {**error.headers, **dict(rate_limit_headers(list(limits)))}
        return error

    def _tell_refusals(self, entries: Sequence[Entry], positions: Sequence[Position]) -> None:
        for entry, position in zip(entries, positions, strict=True):
            if position.refused:
                self._events.refused(entry.rule.name, shadow=not entry.enforced)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _lasts(entry: Entry, each: Hold) -> int:
    """Whether waiting helps against a refusal: more is worse."""
    if isinstance(entry.rule, BudgetRule):
        return 2
    return int(isinstance(entry.rule, RateLimit) and each.need > entry.rule.burst)


def _denies(entries: Iterable[Entry]) -> bool:
    return any(entry.enforced and entry.rule.store_away is WhenAway.DENY for entry in entries)


def _own_hold(entry: Entry, each: Hold) -> Hold:
    """The hold on what this process may use by itself; a rule that allows what it cannot check refuses nothing."""
    account = _own_account(entry, each.account)
    enforced = each.enforced and entry.rule.store_away is WhenAway.LOCAL
    if isinstance(account, Bucket):
        need = min(each.need, account.capacity)
        return Hold(account, need, need, enforced)
    return Hold(account, each.need, each.want, enforced)


def _own_account(entry: Entry, account: Account) -> Account:
    """This process's share of an account. What a rule allows without the store is not bounded here."""
    percent = entry.rule.local_share if entry.rule.store_away is WhenAway.LOCAL else 100
    if isinstance(account, Bucket):
        return replace(account, capacity=_part(account.capacity, percent), rate=_part(account.rate, percent))
    return replace(account, limit=_part(account.limit, percent))


def _part(amount: int, percent: int) -> int:
    return max(1, amount * percent // 100)
