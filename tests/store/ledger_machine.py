"""A ledger against the plain truth of it (`ledger_model`): random requests, whose holders die, come back late, repeat
themselves or find their leases lost, under limits that change. A test module inherits `LedgerMachine`."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from extproc.store.base import Bucket, Budget, Charge, Hold, Position, Stretch, Verdict
from tests.store.contract import START_MS, SWEPT_PER_CALL, Timed
from tests.store.ledger_model import Account, Model

_ACCOUNTS = (
    Budget("acme", "for-good", 100),
    Budget("acme", "rolling", 100, window_ms=60_000),
    Budget("acme", "under-way", 60, spends=False),
    Budget("zenith", "elsewhere", 100),
    Bucket("acme", "bucket", capacity=100, rate=7, period_ms=1000),
)
_BUDGETS = tuple(account.key for account in _ACCOUNTS if isinstance(account, Budget))

_keys = st.sets(st.sampled_from([account.key for account in _ACCOUNTS]), min_size=1).map(sorted)
_budget_keys = st.sets(st.sampled_from(_BUDGETS), min_size=1).map(sorted)
_amounts = st.integers(0, 40)
_each_amount = st.fixed_dictionaries({account.key: _amounts for account in _ACCOUNTS})
_shadows = st.sets(st.sampled_from([account.key for account in _ACCOUNTS]), max_size=2)
_ttls = st.sampled_from([500, 5_000, 60_000])
_whiles = st.sampled_from([0, 0, 0, 1, 499, 501, 1_000, 7_777, 30_000])


class LedgerMachine(RuleBasedStateMachine):
    """Everything that the store answers is compared with the model, after every step."""

    leases = Bundle("leases")
    settled = Bundle("settled")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.timed = self.runner.run(self.open())
        self.store = self.timed.store
        self.model = Model(_ACCOUNTS, START_MS)
        self.made = 0

    async def open(self) -> Timed:
        """A store of its own, at `START_MS`."""
        raise NotImplementedError

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()

    @precondition(lambda self: self.model.live < SWEPT_PER_CALL)
    @rule(target=leases, keys=_keys, needs=_each_amount, extra=_each_amount, shadows=_shadows, ttl_ms=_ttls)
    def reserve(
        self, keys: list[str], needs: dict[str, int], extra: dict[str, int], shadows: set[str], ttl_ms: int
    ) -> MultipleResults[str] | str:
        lease = self.new_lease()
        holds = [
            Hold(self.model.accounts[key], needs[key], needs[key] + extra[key], key not in shadows) for key in keys
        ]
        self.model.sweep()
        lacking = [not self.model.fits(hold) for hold in holds]
        granted = {hold.account.key: self.model.granted(hold) for hold in holds}

        verdict = self.runner.run(self.store.reserve(lease, ttl_ms, holds))

        if any(lacks and hold.enforced for lacks, hold in zip(lacking, holds, strict=True)):
            self.check(verdict, False, keys, lacking, {})
            return multiple()
        self.model.reserve(lease, ttl_ms, granted)
        self.check(verdict, True, keys, lacking, granted)
        self.check_limits(hold.account for hold in holds if hold.enforced)
        return lease

    @rule(lease=leases)
    def reserve_again(self, lease: str) -> None:
        self.model.sweep()
        known = self.model.leases[lease]
        holds = [Hold(self.model.accounts[key], amount, amount) for key, amount in known.held.items()]

        verdict = self.runner.run(self.store.reserve(lease, 60_000, holds))

        granted = known.held if known.provisional is None else {}
        self.check(verdict, known.provisional is None, list(known.held), [False] * len(holds), granted)

    @rule(lease=leases, after_ms=_whiles, keys=_budget_keys, more=_each_amount, shadows=_shadows, ttl_ms=_ttls)
    def extend(
        self, lease: str, after_ms: int, keys: list[str], more: dict[str, int], shadows: set[str], ttl_ms: int
    ) -> None:
        self.advance(after_ms)
        held = self.model.leases[lease].held
        self.stretch(lease, ttl_ms, [self.part(key, held.get(key, 0), more[key], key not in shadows) for key in keys])

    @rule(target=leases, keys=_budget_keys, held=_each_amount, more=_each_amount, ttl_ms=_ttls)
    def extend_a_lost_lease(self, keys: list[str], held: dict[str, int], more: dict[str, int], ttl_ms: int) -> str:
        lease = self.new_lease()
        self.stretch(lease, ttl_ms, [self.part(key, held[key], more[key], True) for key in keys])
        return lease

    @rule(target=settled, lease=consumes(leases), after_ms=_whiles, used=_each_amount)
    def settle(self, lease: str, after_ms: int, used: dict[str, int]) -> str:
        self.advance(after_ms)
        held = self.model.leases[lease].held
        self.charge(lease, {key: (amount, used[key]) for key, amount in held.items()})
        return lease

    @rule(target=settled, keys=_keys, used=_each_amount)
    def settle_a_lost_lease(self, keys: list[str], used: dict[str, int]) -> str:
        lease = self.new_lease()
        self.charge(lease, {key: (10, used[key]) for key in keys})
        return lease

    @rule(lease=settled, keys=_budget_keys)
    def come_again_after_settling(self, lease: str, keys: list[str]) -> None:
        charges = [Charge(self.model.accounts[key], 10, 20) for key in keys]
        assert self.runner.run(self.store.settle(lease, charges)) is None

        verdict = self.runner.run(self.store.extend(lease, 60_000, [self.part(key, 10, 20, True) for key in keys]))
        self.check(verdict, False, keys, [False] * len(keys), {})

    @rule(lease=consumes(leases))
    def die(self, lease: str) -> None:
        """The lease's holder is never heard of again."""

    @rule(key=st.sampled_from(_BUDGETS), limit=st.integers(0, 150))
    def change_a_limit(self, key: str, limit: int) -> None:
        account = self.model.accounts[key]
        assert isinstance(account, Budget)
        self.model.accounts[key] = replace(account, limit=limit)

    @rule(ms=_whiles)
    def advance(self, ms: int) -> None:
        self.model.advance(ms)
        self.runner.run(self.timed.advance(ms))

    @invariant()
    def every_account_stands_as_it_should(self) -> None:
        self.model.sweep()
        keys = list(self.model.accounts)

        positions = self.runner.run(self.store.read(list(self.model.accounts.values())))

        assert _timeless(positions) == tuple(self.model.position(key) for key in keys)
        assert all(position.spent >= 0 and position.reserved >= 0 for position in positions)

    def new_lease(self) -> str:
        self.made += 1
        return f"lease-{self.made}"

    def part(self, key: str, held: int, more: int, enforced: bool) -> Stretch:
        account = self.model.accounts[key]
        assert isinstance(account, Budget)
        return Stretch(account, held, more, enforced)

    def stretch(self, lease: str, ttl_ms: int, parts: list[Stretch]) -> None:
        keys = [part.account.key for part in parts]
        self.model.keep(lease, ttl_ms, parts)
        lacking = [part.more > 0 and self.model.left(part.account.key) < part.more for part in parts]

        verdict = self.runner.run(self.store.extend(lease, ttl_ms, parts))

        if any(lacks and part.enforced for lacks, part in zip(lacking, parts, strict=True)):
            self.check(verdict, False, keys, lacking, {})
            return
        more = {part.account.key: part.more for part in parts}
        self.model.hold(lease, more)
        self.check(verdict, True, keys, lacking, more)
        self.check_limits(part.account for part in parts if part.enforced and part.more)

    def charge(self, lease: str, amounts: dict[str, tuple[int, int]]) -> None:
        """Settles with what was held and used of each account."""
        charges = [Charge(self.model.accounts[key], held, used) for key, (held, used) in amounts.items()]
        self.model.settle(lease, {key: used for key, (_, used) in amounts.items()})

        positions = self.runner.run(self.store.settle(lease, charges))

        assert positions is not None
        assert _timeless(positions) == tuple(self.model.position(key) for key in amounts)

    def check(
        self, verdict: Verdict, admitted: bool, keys: list[str], lacking: list[bool], granted: dict[str, int]
    ) -> None:
        assert verdict.admitted is admitted
        assert _timeless(verdict.positions) == tuple(
            replace(self.model.position(key), granted=granted.get(key, 0), refused=lacks)
            for key, lacks in zip(keys, lacking, strict=True)
        )

    def check_limits(self, enforced: Iterable[Account]) -> None:
        """Right after something was granted."""
        assert all(self.model.left(account.key) >= 0 for account in enforced if isinstance(account, Budget))


def _timeless(positions: Iterable[Position]) -> tuple[Position, ...]:
    return tuple(replace(position, wait_ms=0, full_ms=0) for position in positions)
