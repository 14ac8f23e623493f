"""What one request holds of its limits and budgets while it is under way."""

from dataclasses import dataclass, field

from extproc.config.limits import BudgetRule, StoreAway
from extproc.genai.usage import TokenUsage
from extproc.policy.demand import Demand, used
from extproc.policy.plan import Entry, Plan
from extproc.store.base import MOST, Account, Budget, Charge, Hold, Position, Stretch


@dataclass(slots=True)
class Part:
    """One account of a lease. `held` is what it holds there, in requests, tokens or nano-dollars.

    `share` is this process's own part of the account, while the lease is `local`.
    """

    entry: Entry
    account: Account
    position: Position
    held: int
    share: Account | None = None

    @property
    def is_budget(self) -> bool:
        return isinstance(self.entry.rule, BudgetRule)

    @property
    def refuses(self) -> bool:
        """Whether more of it can be refused: never where the rule allows what it cannot check, and cannot check now."""
        return self.entry.enforced and (self.share is None or self.entry.rule.store_away is StoreAway.LOCAL)


@dataclass(slots=True)
class Lease:
    """`id` is unguessable. `local`: the store was away, and what is held is held in this process alone. `ending` is
    what the store is told at its end, empty until then."""

    id: str
    plan: Plan
    demand: Demand
    parts: list[Part] = field(default_factory=list)
    local: bool = False
    ending: tuple[Charge, ...] = ()

    @property
    def covered(self) -> int | None:
        """Output tokens that every enforced budget has money or tokens held for; None: there is no such budget."""
        amounts = (
            self.demand.covered(part.entry.measure, part.held)
            for part in self.parts
            if part.is_budget and part.entry.enforced
        )
        return min((amount for amount in amounts if amount is not None), default=None)

    def stretches(self, output_tokens: int) -> tuple[Stretch, ...]:
        """What makes the lease cover so many output tokens, where it is held; 0 keeps it as it is."""
        return tuple(
            Stretch(account, part.held, self._more(part, output_tokens), part.refuses)
            for part in self.parts
            if isinstance(account := part.share or part.account, Budget)
        )

    def kept(self) -> tuple[Stretch, ...]:
        """What keeps the lease in the store as it is."""
        return tuple(
            Stretch(part.account, part.held, 0, part.entry.enforced)
            for part in self.parts
            if isinstance(part.account, Budget)
        )

    def grow(self, positions: tuple[Position, ...]) -> None:
        """Takes in what an extension granted; positions are in the order of `stretches`."""
        budgets = (part for part in self.parts if isinstance(part.account, Budget))
        for part, position in zip(budgets, positions, strict=True):
            part.held += position.granted
            part.position = position

    def charges(self, usage: TokenUsage | None, cost: int | None, *, local: bool = False) -> tuple[Charge, ...]:
        """What the request turned out to use, for the store or for this process's own ledger.

        A limit on what is under way uses nothing up, and nothing uses up more than the store can count, whatever number
        a provider gave.
        """
        accounts = ((part.share or part.account) if local else part.account for part in self.parts)
        return tuple(
            Charge(account, part.held, 0 if _under_way(account) else min(used(part.entry.measure, usage, cost), MOST))
            for part, account in zip(self.parts, accounts, strict=True)
        )

    def _more(self, part: Part, output_tokens: int) -> int:
        if not part.is_budget or not output_tokens:
            return 0
        return max(0, self.demand.amount(part.entry.measure, output_tokens) - part.held)


def _under_way(account: Account) -> bool:
    return isinstance(account, Budget) and not account.spends


def hold(entry: Entry, account: Account, demand: Demand) -> Hold:
    """What a request reserves on an account.

    An estimate alone never makes a request too large for a limit on a rate: the estimated output counts up to what the
    limit allows at once.
    """
    if _under_way(account):
        return Hold(account, 1, 1, entry.enforced)
    need = demand.amount(entry.measure, demand.likely)
    if isinstance(account, Budget):
        return Hold(account, need, max(need, demand.amount(entry.measure, demand.wanted)), entry.enforced)
    need = min(need, max(demand.amount(entry.measure, 0), account.capacity))
    return Hold(account, need, need, entry.enforced)
