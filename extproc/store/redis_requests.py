"""Operations of the ledger as the scripts of `lua/` read them, and their answers.

An operation is one request. In a cluster it is one for each partition, each with a lease of its own: the accounts of a
partition lie together there, since the partition is the hash tag of their keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from extproc.store.base import Account, Bucket, Budget, Charge, Hold, Position, Stretch, Verdict

_BUCKET, _BUDGET, _UNDER_WAY = 0, 1, 2

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(tuple[bool, list[tuple[int, int, int, int, bool, int, int]]]).decode

Row = tuple[int | bool, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A call of a script; `parts` are the places of its accounts in the operation."""

    keys: tuple[str, ...]
    message: bytes
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of keys. `together`: one server has all of them, so that one script may touch them all."""

    prefix: str
    together: bool

    def reserve(self, lease: str, ttl_ms: int, holds: Sequence[Hold]) -> list[Request]:
        rows = [(_kind(hold.account), hold.need, hold.want, hold.enforced, *_terms(hold.account)) for hold in holds]
        return self._requests([hold.account for hold in holds], rows, lease, ttl_ms)

    def extend(self, lease: str, ttl_ms: int, parts: Sequence[Stretch]) -> list[Request]:
        rows = [(_kind(part.account), part.held, part.more, part.enforced, *_terms(part.account)) for part in parts]
        return self._requests([part.account for part in parts], rows, lease, ttl_ms)

    def settle(self, lease: str, charges: Sequence[Charge]) -> list[Request]:
        rows = [(_kind(charge.account), charge.used, *_terms(charge.account)) for charge in charges]
        return self._requests([charge.account for charge in charges], rows, lease, False)

    def release(self, lease: str, holds: Sequence[Hold]) -> list[Request]:
        """A settlement of nothing, after which the lease was never there."""
        rows = [(_kind(hold.account), 0, *_terms(hold.account)) for hold in holds]
        return self._requests([hold.account for hold in holds], rows, lease, True)

    def read(self, accounts: Sequence[Account]) -> list[Request]:
        return self._requests(accounts, [(_kind(account), *_terms(account)) for account in accounts])

    def claim(self, account: Budget, mark: str) -> str:
        return f"{self._head(account.partition)}claim:{mark}:{account.key}"

    def registry(self) -> tuple[str, str]:
        """The records by kind and id, and the log of their changes."""
        head = f"{self.prefix}:{{registry}}:"
        return f"{head}records", f"{head}log"

    def _requests(
        self, accounts: Sequence[Account], rows: Sequence[Row], lease: str | None = None, option: int = 0
    ) -> list[Request]:
        groups = {"": range(len(accounts))} if self.together else _by_partition(accounts)
        return [self._request(partition, places, accounts, rows, lease, option) for partition, places in groups.items()]

    def _request(
        self,
        partition: str,
        places: Sequence[int],
        accounts: Sequence[Account],
        rows: Sequence[Row],
        lease: str | None,
        option: int,
    ) -> Request:
        leases = f"{self.prefix}:" if self.together else self._head(partition)
        keys = [f"{leases}leases"] if lease is None else [f"{leases}lease:{lease}", f"{leases}leases"]
        keys.extend(self._account_key(accounts[place]) for place in places)
        return Request(tuple(keys), _encode((option, [rows[place] for place in places])), tuple(places))

    def _account_key(self, account: Account) -> str:
        kind = "bucket" if isinstance(account, Bucket) else "budget"
        return f"{self._head(account.partition)}{kind}:{account.key}"

    def _head(self, partition: str) -> str:
        """With the hash tag, which ends at the first brace and must not be empty."""
        tag = partition.replace("%", "%25").replace("}", "%7D") or "%"
        return f"{self.prefix}:{{{tag}}}:"


def verdict(answer: bytes) -> Verdict:
    """What a script answered; of `settle`, `admitted` says whether anything was settled now. Raises
    msgspec.MsgspecError."""
    admitted, rows = _decode(answer)
    return Verdict(admitted, tuple(Position(*row) for row in rows))


def in_order(asked: Sequence[Request], answers: Sequence[Verdict]) -> tuple[Position, ...]:
    """The positions of all requests, in the order of the operation's parts."""
    placed = {
        place: position
        for request, answer in zip(asked, answers, strict=True)
        for place, position in zip(request.parts, answer.positions, strict=True)
    }
    return tuple(placed[place] for place in range(len(placed)))


def _by_partition(accounts: Sequence[Account]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, account in enumerate(accounts):
        places.setdefault(account.partition, []).append(place)
    return places


def _kind(account: Account) -> int:
    if isinstance(account, Bucket):
        return _BUCKET
    return _BUDGET if account.spends else _UNDER_WAY


def _terms(account: Account) -> tuple[int, int, int]:
    if isinstance(account, Bucket):
        return account.capacity, account.rate, account.period_ms
    return account.limit, account.window_ms, account.expires_ms
