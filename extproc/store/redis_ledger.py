"""The ledger in Redis or Valkey. A request is whole where it runs: on one server, or in a cluster for each partition.

In a cluster, what some partitions have granted is given back when others refuse: for a moment others may miss it. An
extension keeps the lease there in the partitions of its parts, and a settlement ends it in those of its charges: both
are to name all budgets that the lease holds.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from extproc.store.base import Account, Budget, Charge, Hold, PartlySettled, Position, StoreAway, Stretch, Verdict
from extproc.store.redis_requests import Keys, Request, in_order, verdict
from extproc.store.redis_scripts import EXTEND, READ, RESERVE, SETTLE, Script
from extproc.store.redis_server import Word
from extproc.store.redis_topology import Topology


class RedisLedger:
    """A `Ledger`."""

    def __init__(self, topology: Topology, keys: Keys) -> None:
        self._topology = topology
        self._keys = keys

    async def reserve(self, lease: str, ttl_ms: int, holds: Sequence[Hold]) -> Verdict:
        asked = self._keys.reserve(lease, ttl_ms, holds)
        answers = await self._ask(RESERVE, asked)
        if len(asked) > 1 and not _all_admitted(answers):
            kept = [isinstance(answer, StoreAway) or answer.admitted for answer in answers]
            answers = await self._undo(SETTLE, self._keys.release(lease, holds), answers, kept)
        return _together(asked, answers)

    async def extend(self, lease: str, ttl_ms: int, parts: Sequence[Stretch]) -> Verdict:
        asked = self._keys.extend(lease, ttl_ms, parts)
        answers = await self._ask(EXTEND, asked)
        if len(asked) > 1 and not _all_admitted(answers):
            back = [replace(part, more=-part.more) for part in parts]
            extended = [isinstance(answer, Verdict) and answer.admitted for answer in answers]
            answers = await self._undo(EXTEND, self._keys.extend(lease, ttl_ms, back), answers, extended)
        return _together(asked, answers)

    async def settle(self, lease: str, charges: Sequence[Charge]) -> tuple[Position, ...] | None:
        asked = self._keys.settle(lease, charges)
        answers = await self._ask(SETTLE, asked)
        _raise_if_partly(asked, answers)
        present = _present(answers)
        if asked and not any(answer.admitted for answer in present):
            return None
        return in_order(asked, present)

    async def read(self, accounts: Sequence[Account]) -> tuple[Position, ...]:
        asked = self._keys.read(accounts)
        return in_order(asked, _present(await self._ask(READ, asked)))

    async def claim(self, account: Budget, mark: str) -> bool:
        key = self._keys.claim(account, mark)
        return await self._topology.call(None, key, "SET", key, 1, "NX", *_until(account)) is not None

    async def _ask(self, script: Script, asked: Sequence[Request]) -> list[Verdict | StoreAway]:
        """What each request was answered."""
        if len(asked) == 1:
            return [await self._ask_one(script, asked[0])]
        return await asyncio.gather(*(self._ask_one(script, request) for request in asked))

    async def _ask_one(self, script: Script, request: Request) -> Verdict | StoreAway:
        keys = request.keys
        try:
            return verdict(await self._topology.call(script, keys[0], len(keys), *keys, request.message))
        except StoreAway as away:
            return away
        except msgspec.MsgspecError:
            return StoreAway("the store's answer is not understood")

    async def _undo(
        self,
        script: Script,
        undoing: Sequence[Request],
        answers: Sequence[Verdict | StoreAway],
        which: Sequence[bool],
    ) -> list[Verdict | StoreAway]:
        """The answers as they are once some requests are undone. Where that fails, the lease's expiry does it."""
        chosen = [request for request, wanted in zip(undoing, which, strict=True) if wanted]
        undone = iter(await self._ask(script, chosen))
        return [
            _undone(answer, next(undone)) if wanted else answer for answer, wanted in zip(answers, which, strict=True)
        ]


def _present(answers: Sequence[Verdict | StoreAway]) -> list[Verdict]:
    """Raises StoreAway where one request was not answered; `asked` where any of them was sent."""
    present = [answer for answer in answers if isinstance(answer, Verdict)]
    away = [answer for answer in answers if isinstance(answer, StoreAway)]
    if away:
        raise StoreAway(str(away[0]), asked=bool(present) or any(each.asked for each in away))
    return present


def _until(account: Budget) -> tuple[Word, ...]:
    """How long something is known about an account that has no record in it."""
    if account.window_ms:
        return "PX", account.window_ms
    return ("PXAT", account.expires_ms) if account.expires_ms else ()


def _raise_if_partly(asked: Sequence[Request], answers: Sequence[Verdict | StoreAway]) -> None:
    """Raises PartlySettled where some partitions have answered, and others have not."""
    missing = [answer for answer in answers if isinstance(answer, StoreAway)]
    if missing and len(missing) < len(answers):
        answered = list(zip(asked, answers, strict=True))
        raise PartlySettled(
            str(missing[0]),
            asked=any(each.asked for each in missing),
            settled={
                place: position
                for request, answer in answered
                if isinstance(answer, Verdict) and answer.admitted
                for place, position in zip(request.parts, answer.positions, strict=True)
            },
            left=tuple(
                place for request, answer in answered if isinstance(answer, StoreAway) for place in request.parts
            ),
        )


def _all_admitted(answers: Sequence[Verdict | StoreAway]) -> bool:
    return all(isinstance(answer, Verdict) and answer.admitted for answer in answers)


def _together(asked: Sequence[Request], answers: Sequence[Verdict | StoreAway]) -> Verdict:
    present = _present(answers)
    return Verdict(all(answer.admitted for answer in present), in_order(asked, present))


def _undone(before: Verdict | StoreAway, after: Verdict | StoreAway) -> Verdict | StoreAway:
    """What was said of each account, and how it stands now. An answer that did not come is still missing."""
    if isinstance(before, StoreAway):
        return before
    if isinstance(after, StoreAway):
        return Verdict(False, tuple(replace(position, granted=0) for position in before.positions))
    return Verdict(
        False,
        tuple(
            replace(now, granted=0, refused=then.refused, wait_ms=then.wait_ms)
            for then, now in zip(before.positions, after.positions, strict=True)
        ),
    )
