"""What is true of a ledger, told plainly: nothing is kept incrementally, everything is summed up anew."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from extproc.store.base import Bucket, Budget, Hold, Position, Stretch

Account = Bucket | Budget


@dataclass
class Spending:
    """Something spent, or counted as spent, at a time."""

    at_ms: int
    amount: int


@dataclass
class Lease:
    """`provisional` is what was counted as spent when it expired."""

    expires_ms: int
    held: dict[str, int] = field(default_factory=dict)
    provisional: dict[str, Spending] | None = None


class Model:
    """The accounts by key, each as it is configured now; the spending on each; and the leases that were not settled."""

    def __init__(self, accounts: Iterable[Account], now_ms: int) -> None:
        self.accounts: dict[str, Account] = {account.key: account for account in accounts}
        self.now_ms = now_ms
        self.leases: dict[str, Lease] = {}
        self._spending: dict[str, list[Spending]] = {key: [] for key in self.accounts}
        self._levels = {
            each.key: Fraction(each.capacity) for each in self.accounts.values() if isinstance(each, Bucket)
        }

    def advance(self, ms: int) -> None:
        self.now_ms += ms
        for key, level in self._levels.items():
            bucket = self._bucket(key)
            self._levels[key] = min(level + Fraction(ms * bucket.rate, bucket.period_ms), Fraction(bucket.capacity))

    def sweep(self) -> None:
        """What the store does at the beginning of a reservation or a reading."""
        for lease in self.leases.values():
            if lease.provisional is None and lease.expires_ms <= self.now_ms:
                lease.provisional = {key: self._spend(key, held) for key, held in lease.held.items()}

    @property
    def live(self) -> int:
        """How many leases are."""
        return sum(lease.provisional is None for lease in self.leases.values())

    def fits(self, hold: Hold) -> bool:
        if isinstance(hold.account, Bucket):
            return self._levels[hold.account.key] >= hold.need
        return self.left(hold.account.key) >= max(1, hold.need)

    def granted(self, hold: Hold) -> int:
        if isinstance(hold.account, Bucket):
            return hold.need
        return min(hold.want, self.left(hold.account.key)) if hold.enforced else hold.want

    def reserve(self, lease: str, ttl_ms: int, granted: Mapping[str, int]) -> None:
        self.leases[lease] = Lease(self.now_ms + ttl_ms)
        self.hold(lease, granted)

    def hold(self, lease: str, more: Mapping[str, int]) -> None:
        held = self.leases[lease].held
        for key, amount in more.items():
            held[key] = held.get(key, 0) + amount
            if key in self._levels:
                self._levels[key] -= amount

    def keep(self, lease: str, ttl_ms: int, parts: Iterable[Stretch]) -> None:
        """An extension, before anything more is reserved."""
        known = self.leases.setdefault(lease, Lease(0))
        known.expires_ms = self.now_ms + ttl_ms
        for spending in (known.provisional or {}).values():
            spending.amount = 0
        known.provisional = None
        self.hold(lease, {part.account.key: part.held for part in parts if part.account.key not in known.held})

    def settle(self, lease: str, used: Mapping[str, int]) -> None:
        known = self.leases.pop(lease, Lease(0))
        for key in used.keys() | known.held.keys():
            self._settle(key, known, used.get(key, 0))

    def position(self, key: str) -> Position:
        """How an account stands; times are left out."""
        if key in self._levels:
            return Position(remaining=self._levels[key].__floor__())
        return Position(spent=self.spent(key), reserved=self.reserved(key), remaining=self.left(key))

    def left(self, key: str) -> int:
        return self._budget(key).limit - self.spent(key) - self.reserved(key)

    def spent(self, key: str) -> int:
        return sum(spending.amount for spending in self._spending[key] if self._counts(key, spending))

    def reserved(self, key: str) -> int:
        return sum(lease.held.get(key, 0) for lease in self.leases.values() if lease.provisional is None)

    def _settle(self, key: str, lease: Lease, used: int) -> None:
        held = lease.held.get(key, 0)
        if key in self._levels:
            self._levels[key] = min(self._levels[key] + held - used, Fraction(self._bucket(key).capacity))
        elif lease.provisional is None or key not in lease.provisional:
            self._spend(key, used)
        elif self._counts(key, lease.provisional[key]):
            lease.provisional[key].amount = used if self._budget(key).spends else 0
        else:
            self._spend(key, max(0, used - held))

    def _spend(self, key: str, amount: int) -> Spending:
        account = self.accounts[key]
        spending = Spending(self.now_ms, amount if isinstance(account, Budget) and account.spends else 0)
        self._spending[key].append(spending)
        return spending

    def _counts(self, key: str, spending: Spending) -> bool:
        """Whether some of the step in which it was spent is still in the window."""
        window_ms = self._budget(key).window_ms
        step_ms = window_ms // 60
        return not window_ms or (spending.at_ms // step_ms + 1) * step_ms + window_ms > self.now_ms

    def _bucket(self, key: str) -> Bucket:
        account = self.accounts[key]
        assert isinstance(account, Bucket)
        return account

    def _budget(self, key: str) -> Budget:
        account = self.accounts[key]
        assert isinstance(account, Budget)
        return account
