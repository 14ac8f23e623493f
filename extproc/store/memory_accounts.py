"""How one account of the in-process ledger stands, and what the steps of a lease do to it.

Nothing here knows of other accounts, of leases as a whole, or of the clock: `memory_ledger` decides, and brings an
account up to the present (`configure`, `advance`) before anything else is asked of it.
"""

from dataclasses import dataclass

from extproc.store.base import Account, Bucket, Budget, Position

_STEPS = 60


@dataclass(slots=True)
class Part:
    """What a lease holds of an account. `charged` is None while it does; once the lease has expired it is the end of
    the step that was charged in its place (ms; 0 where there are no steps)."""

    account: Account
    held: int = 0
    charged: int | None = None


class BucketState:
    """A token bucket. Its level is counted in parts of a token, one for each millisecond of the period, so that every
    millisecond adds a whole number of them and nothing is ever rounded."""

    __slots__ = ("_account", "_level", "at_ms")

    def __init__(self, account: Bucket, now: int) -> None:
        self._account = account
        self.at_ms = now
        self._level = account.capacity * account.period_ms

    def configure(self, account: Bucket) -> None:
        """The account as it is configured now, which may not be how it was."""
        if account.period_ms != self._account.period_ms:
            self._level = self._level * account.period_ms // self._account.period_ms
        self._account = account

    def advance(self, now: int) -> None:
        """Adds what has flowed in since, and spills what is too much. A clock that was set back adds nothing."""
        flowed = max(0, now - self.at_ms) * self._account.rate
        self.at_ms = now
        self._level = min(self._level + flowed, self._full)

    @property
    def is_idle(self) -> bool:
        """Whether it stands like one that was never used."""
        return self._level == self._full

    def lacks(self, need: int) -> bool:
        return self._level < need * self._account.period_ms

    def grant(self, need: int, want: int, *, enforced: bool) -> int:
        """Buckets give what is needed, no more."""
        return need

    def hold(self, part: Part, amount: int) -> None:
        part.held += amount
        self._level -= amount * self._account.period_ms

    def expire(self, part: Part) -> None:
        """What was taken stays taken."""

    def revive(self, part: Part) -> None:
        """It still was."""

    def settle(self, part: Part, used: int) -> None:
        self._level += (part.held - used) * self._account.period_ms

    def position(self, granted: int = 0) -> Position:
        return Position(granted, 0, 0, self._remaining, False, 0, self._until(self._full))

    def reading(self) -> Position:
        """How it stands, for those who ask nothing else."""
        return self.position()

    def refusal(self, need: int, granted: int = 0) -> Position:
        """How it stands, and when there will be `need`: never, where that is more than it can hold."""
        wait_ms = self._until(need * self._account.period_ms) if need <= self._account.capacity else 0
        return Position(granted, 0, 0, self._remaining, True, wait_ms, self._until(self._full))

    @property
    def _remaining(self) -> int:
        return self._level // self._account.period_ms

    @property
    def _full(self) -> int:
        return self._account.capacity * self._account.period_ms

    def _until(self, level: int) -> int:
        """Milliseconds, rounded up."""
        return max(0, -((self._level - level) // self._account.rate))


class BudgetState:
    """A budget. That of a rolling window keeps what was spent by steps, under the time at which each ends: a step
    counts until all of it has left the window."""

    __slots__ = ("_account", "_reserved", "_spent", "_steps", "at_ms")

    def __init__(self, account: Budget, now: int) -> None:
        self._account = account
        self.at_ms = now
        self._spent = 0
        self._reserved = 0
        self._steps: dict[int, int] = {}

    def configure(self, account: Budget) -> None:
        """The account as it is configured now, which may not be how it was."""
        self._account = account

    def advance(self, now: int) -> None:
        """Forgets the steps that have left the window, and all that was spent once the budget is over."""
        self.at_ms = now
        if 0 < self._account.expires_ms <= now:
            self._spent = 0
            self._steps.clear()
        elif self._account.window_ms:
            self._gather()
            self._drop()
        else:
            self._steps.clear()

    @property
    def is_idle(self) -> bool:
        """Whether it stands like one that was never used."""
        return self._spent == self._reserved == 0

    def lacks(self, need: int) -> bool:
        """A budget that is used up has no room even for nothing."""
        return self._left < max(need, 1)

    def grant(self, need: int, want: int, *, enforced: bool) -> int:
        return max(need, min(want, self._left)) if enforced else want

    def hold(self, part: Part, amount: int) -> None:
        part.held += amount
        self._reserved += amount

    def expire(self, part: Part) -> None:
        self._reserved -= part.held
        part.charged = self._step_end
        self._add(part.charged, part.held)

    def revive(self, part: Part) -> None:
        """Takes back what was charged when the lease expired."""
        if part.charged is not None:
            self._add(part.charged, -self._counted(part.held, part.charged))
            self._reserved += part.held
            part.charged = None

    def settle(self, part: Part, used: int) -> None:
        if part.charged is None:
            self._reserved -= part.held
            self._add(self._step_end, used)
        elif self._account.window_ms and part.charged not in self._steps:
            self._add(self._step_end, max(0, used - part.held))  # what was charged has been counted for a whole window
        else:
            self._add(part.charged, used - self._counted(part.held, part.charged))

    def position(self, granted: int = 0) -> Position:
        return Position(granted, self._spent, self._reserved, self._left)

    def reading(self) -> Position:
        """How it stands, and when a step leaves the window."""
        return Position(0, self._spent, self._reserved, self._left, False, self._leaves_ms)

    def refusal(self, need: int, granted: int = 0) -> Position:
        """How it stands, and when a step leaves the window: waiting for that may help."""
        return Position(granted, self._spent, self._reserved, self._left, True, self._wait_ms(need))

    @property
    def _left(self) -> int:
        return self._account.limit - self._spent - self._reserved

    @property
    def _step_end(self) -> int:
        """Of the step that is now; 0 where there are none."""
        step = max(1, self._account.window_ms // _STEPS)
        return (self.at_ms // step + 1) * step if self._account.window_ms else 0

    def _gather(self) -> None:
        """Puts into the step that is now what is in none, or in a later one: the window is new, or the clock was set
        back."""
        end = self._step_end
        steps = {step: amount for step, amount in self._steps.items() if step <= end}
        if stray := self._spent - sum(steps.values()):
            steps[end] = steps.get(end, 0) + stray
            self._steps = steps

    def _drop(self) -> None:
        while self._steps and (oldest := next(iter(self._steps))) + self._account.window_ms <= self.at_ms:
            self._spent -= self._steps.pop(oldest)

    def _add(self, step: int, amount: int) -> None:
        if not self._account.spends or not amount:
            return
        self._spent += amount
        if self._account.window_ms:
            self._steps[step] = self._steps.get(step, 0) + amount
            if not self._steps[step]:
                del self._steps[step]

    def _counted(self, held: int, charged: int) -> int:
        """How much of what was charged for an expired lease counts still."""
        return min(held, self._steps.get(charged, 0) if self._account.window_ms else self._spent)

    def _wait_ms(self, need: int) -> int:
        return 0 if need > self._account.limit else self._leaves_ms

    @property
    def _leaves_ms(self) -> int:
        """How long until the oldest step leaves the window; 0 where there is none."""
        return next(iter(self._steps)) + self._account.window_ms - self.at_ms if self._steps else 0
