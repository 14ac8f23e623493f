"""What every store does: the tests of `extproc.store.base`, for a test module to inherit.

The module has a fixture `store` (a `Timed`) and classes of its own that inherit `LedgerContract` and
`RegistryContract`. Time stands still at `START_MS` until a test lets it pass.
"""

import asyncio
from dataclasses import replace
from typing import Protocol

import pytest

from extproc.store.base import (
    MOST,
    Bucket,
    Budget,
    Charge,
    Conflict,
    Hold,
    Position,
    Record,
    Store,
    Stretch,
    Verdict,
)

START_MS = 1_800_000_000_000
"""The time at which every test begins: a whole hour, so that the steps of rolling windows begin there too."""

TTL_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SWEPT_PER_CALL = 20


class Timed(Protocol):
    """A store and its clock."""

    @property
    def store(self) -> Store: ...

    async def advance(self, ms: int) -> None:
        """Lets time pass, or sets the clock back where `ms` is negative."""
        ...


def budget(
    key: str = "budget",
    limit: int = 100,
    *,
    partition: str = "acme",
    window_ms: int = 0,
    expires_ms: int = 0,
    spends: bool = True,
) -> Budget:
    return Budget(partition, key, limit, window_ms, expires_ms, spends)


def concurrency(limit: int, key: str = "under-way") -> Budget:
    return budget(key, limit, spends=False)


def bucket(
    capacity: int = 10, rate: int = 10, period_ms: int = 1000, *, key: str = "bucket", partition: str = "acme"
) -> Bucket:
    return Bucket(partition, key, capacity, rate, period_ms)


def exactly(account: Bucket | Budget, amount: int, *, enforced: bool = True) -> Hold:
    return Hold(account, amount, amount, enforced)


async def reserve(timed: Timed, lease: str, *holds: Hold, ttl_ms: int = TTL_MS) -> Verdict:
    return await timed.store.reserve(lease, ttl_ms, holds)


async def extend(timed: Timed, lease: str, *parts: Stretch, ttl_ms: int = TTL_MS) -> Verdict:
    return await timed.store.extend(lease, ttl_ms, parts)


async def settle(timed: Timed, lease: str, *charges: Charge) -> tuple[Position, ...] | None:
    return await timed.store.settle(lease, charges)


async def standing(timed: Timed, account: Bucket | Budget) -> Position:
    """But for when a step of it leaves its window."""
    (position,) = await timed.store.read((account,))
    return replace(position, wait_ms=0)


async def spend(timed: Timed, lease: str, account: Bucket | Budget, amount: int) -> None:
    """A whole request that uses what it reserved."""
    assert (await reserve(timed, lease, exactly(account, amount))).admitted
    assert await settle(timed, lease, Charge(account, amount, amount)) is not None


class ReserveContract:
    async def test_an_account_that_nobody_used_is_empty(self, store: Timed) -> None:
        positions = await store.store.read((budget(limit=100), concurrency(3), bucket(capacity=10)))

        assert positions == (Position(remaining=100), Position(remaining=3), Position(remaining=10))

    async def test_what_is_wanted_is_reserved(self, store: Timed) -> None:
        verdict = await reserve(store, "a", Hold(budget(), 10, 40))

        assert verdict == Verdict(True, (Position(granted=40, reserved=40, remaining=60),))
        assert await standing(store, budget()) == Position(reserved=40, remaining=60)

    async def test_less_than_wanted_is_reserved_where_less_is_left(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 75))

        verdict = await reserve(store, "b", Hold(budget(), 10, 40))

        assert verdict == Verdict(True, (Position(granted=25, reserved=100, remaining=0),))

    async def test_the_last_of_a_budget_can_be_reserved(self, store: Timed) -> None:
        await spend(store, "a", budget(), 60)

        verdict = await reserve(store, "b", exactly(budget(), 40))

        assert verdict == Verdict(True, (Position(granted=40, spent=60, reserved=40, remaining=0),))

    async def test_what_is_needed_and_not_left_is_refused(self, store: Timed) -> None:
        await spend(store, "a", budget(), 30)
        await reserve(store, "b", exactly(budget(), 61))

        verdict = await reserve(store, "c", Hold(budget(), 10, 40))

        assert verdict == Verdict(False, (Position(spent=30, reserved=61, remaining=9, refused=True),))
        assert await standing(store, budget()) == Position(spent=30, reserved=61, remaining=9)

    async def test_one_refusal_leaves_every_account_as_it_was(self, store: Timed) -> None:
        wide, narrow = budget("wide"), budget("narrow", 5)

        verdict = await reserve(store, "a", exactly(wide, 6), exactly(bucket(), 6), exactly(narrow, 6))

        assert verdict == Verdict(
            False, (Position(remaining=100), Position(remaining=10), Position(remaining=5, refused=True))
        )
        assert await store.store.read((wide, bucket(), narrow)) == (
            Position(remaining=100),
            Position(remaining=10),
            Position(remaining=5),
        )

    async def test_accounts_of_several_partitions_are_reserved_together_or_not_at_all(self, store: Timed) -> None:
        ours, theirs = budget(partition="acme"), budget(partition="zenith", limit=5)

        refused = await reserve(store, "a", exactly(ours, 6), exactly(theirs, 6))

        assert not refused.admitted
        assert [position.refused for position in refused.positions] == [False, True]
        assert await store.store.read((ours, theirs)) == (Position(remaining=100), Position(remaining=5))

        admitted = await reserve(store, "b", exactly(ours, 5), exactly(theirs, 5))

        assert admitted.admitted
        assert await store.store.read((ours, theirs)) == (
            Position(reserved=5, remaining=95),
            Position(reserved=5, remaining=0),
        )

    async def test_a_refused_lease_may_be_reserved_later(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 100))
        assert not (await reserve(store, "b", exactly(budget(), 1))).admitted
        await settle(store, "a", Charge(budget(), 100, 0))

        verdict = await reserve(store, "b", exactly(budget(), 1))

        assert verdict == Verdict(True, (Position(granted=1, reserved=1, remaining=99),))

    async def test_a_lease_that_is_live_is_not_reserved_twice(self, store: Timed) -> None:
        holds = (Hold(budget(), 10, 40), exactly(bucket(), 4), exactly(concurrency(3), 1))
        first = await reserve(store, "a", *holds)

        again = await reserve(store, "a", *holds)

        assert again == first
        assert [position.granted for position in again.positions] == [40, 4, 1]

    async def test_a_lease_that_ended_is_not_reserved_again(self, store: Timed) -> None:
        await reserve(store, "settled", exactly(budget(), 40))
        await settle(store, "settled", Charge(budget(), 40, 30))
        await reserve(store, "expired", exactly(budget(), 20), ttl_ms=1000)
        await store.advance(1001)

        for lease in ("settled", "expired"):
            verdict = await reserve(store, lease, exactly(budget(), 5))

            assert verdict == Verdict(False, (Position(spent=50, remaining=50),))

    async def test_a_budget_that_is_used_up_admits_not_even_what_is_free(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 99))

        assert (await reserve(store, "b", exactly(budget(), 0))).admitted
        assert (await reserve(store, "c", Hold(budget(), 0, 5))).positions[0].granted == 1
        verdict = await reserve(store, "d", Hold(budget(), 0, 5))

        assert verdict == Verdict(False, (Position(reserved=100, remaining=0, refused=True),))

    async def test_a_limit_lowered_below_what_is_spent_refuses_everything(self, store: Timed) -> None:
        await spend(store, "a", budget(limit=100), 60)
        await reserve(store, "b", exactly(budget(limit=100), 10))

        verdict = await reserve(store, "c", exactly(budget(limit=50), 0))

        assert verdict == Verdict(False, (Position(spent=60, reserved=10, remaining=-20, refused=True),))
        assert (await reserve(store, "d", exactly(budget(limit=71), 1))).admitted

    async def test_what_is_not_enforced_is_charged_and_refuses_nothing(self, store: Timed) -> None:
        shadow = Hold(budget(limit=10), 15, 20, enforced=False)

        first = await reserve(store, "a", shadow, exactly(bucket(), 15, enforced=False))

        assert first.admitted
        assert first.positions[0] == Position(granted=20, reserved=20, remaining=-10, refused=True)
        assert (first.positions[1].granted, first.positions[1].remaining) == (15, -5)
        assert first.positions[1].refused

    async def test_what_is_not_enforced_takes_all_that_is_wanted(self, store: Timed) -> None:
        verdict = await reserve(store, "a", Hold(budget(limit=10), 5, 20, enforced=False))

        assert verdict == Verdict(True, (Position(granted=20, reserved=20, remaining=-10),))

    async def test_a_refusal_changes_nothing_where_it_is_not_enforced_either(self, store: Timed) -> None:
        shadow = budget("shadow", 10)

        verdict = await reserve(store, "a", exactly(shadow, 20, enforced=False), exactly(budget(limit=5), 6))

        assert not verdict.admitted
        assert [position.refused for position in verdict.positions] == [True, True]
        assert await standing(store, shadow) == Position(remaining=10)

    async def test_the_largest_amounts_are_exact(self, store: Timed) -> None:
        huge = budget(limit=MOST - 1)
        await spend(store, "a", huge, MOST - 3)

        assert (await reserve(store, "b", exactly(huge, 1))).positions == (
            Position(granted=1, spent=MOST - 3, reserved=1, remaining=1),
        )
        assert not (await reserve(store, "c", exactly(huge, 2))).admitted

    async def test_the_same_key_in_another_partition_is_another_account(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(partition="acme"), 100))

        assert await standing(store, budget(partition="zenith")) == Position(remaining=100)

    async def test_a_bucket_and_a_budget_of_the_same_key_are_two_accounts(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget("same", 100), 40), exactly(bucket(capacity=10, key="same"), 4))

        assert await store.store.read((budget("same", 100), bucket(capacity=10, key="same"))) == (
            Position(reserved=40, remaining=60),
            Position(remaining=6, full_ms=400),
        )

    async def test_concurrent_reservations_never_exceed_the_limit(self, store: Timed) -> None:
        verdicts = await asyncio.gather(*(reserve(store, f"lease-{n}", exactly(budget(), 7)) for n in range(40)))

        assert sum(verdict.admitted for verdict in verdicts) == 14
        assert await standing(store, budget()) == Position(reserved=98, remaining=2)


class ConcurrencyContract:
    async def test_nothing_stays_spent_of_a_limit_on_what_is_under_way(self, store: Timed) -> None:
        two = concurrency(2)
        await reserve(store, "a", exactly(two, 1))
        await reserve(store, "b", exactly(two, 1))
        assert not (await reserve(store, "c", exactly(two, 1))).admitted

        positions = await settle(store, "a", Charge(two, 1, 1))

        assert positions == (Position(reserved=1, remaining=1),)
        assert (await reserve(store, "c", exactly(two, 1))).admitted

    async def test_a_request_whose_holder_died_is_no_longer_under_way(self, store: Timed) -> None:
        await reserve(store, "a", exactly(concurrency(1), 1), ttl_ms=1000)
        await store.advance(1001)

        assert (await reserve(store, "b", exactly(concurrency(1), 1))).admitted

    async def test_a_request_whose_lease_expired_too_early_is_under_way_again(self, store: Timed) -> None:
        await reserve(store, "a", exactly(concurrency(1), 1), ttl_ms=1000)
        await store.advance(1001)
        await reserve(store, "b", exactly(concurrency(1), 1))

        verdict = await extend(store, "a", Stretch(concurrency(1), 1))

        assert verdict == Verdict(True, (Position(reserved=2, remaining=-1),))

    async def test_settling_an_expired_lease_frees_nothing_twice(self, store: Timed) -> None:
        await reserve(store, "a", exactly(concurrency(2), 1), ttl_ms=1000)
        await store.advance(1001)
        await reserve(store, "b", exactly(concurrency(2), 1))

        assert await settle(store, "a", Charge(concurrency(2), 1, 1)) == (Position(reserved=1, remaining=1),)


class BucketContract:
    async def test_a_bucket_refills_steadily(self, store: Timed) -> None:
        three = bucket(capacity=10, rate=3, period_ms=1000)
        taken = await reserve(store, "a", exactly(three, 10))
        assert taken == Verdict(True, (Position(granted=10, remaining=0, full_ms=3334),))

        await store.advance(333)
        refused = await reserve(store, "b", exactly(three, 1))
        assert refused == Verdict(False, (Position(remaining=0, refused=True, wait_ms=1, full_ms=3001),))

        await store.advance(1)
        assert (await reserve(store, "b", exactly(three, 1))).admitted

    async def test_a_bucket_tells_how_long_to_wait_for_what_was_refused(self, store: Timed) -> None:
        await reserve(store, "a", exactly(bucket(capacity=10, rate=10), 8))

        verdict = await reserve(store, "b", exactly(bucket(capacity=10, rate=10), 7))
        (position,) = verdict.positions
        assert (position.wait_ms, position.full_ms) == (500, 800)

        await store.advance(500)
        assert (await reserve(store, "b", exactly(bucket(capacity=10, rate=10), 7))).admitted

    async def test_no_fraction_is_lost_however_often_a_bucket_is_asked(self, store: Timed) -> None:
        seven = bucket(capacity=1000, rate=7, period_ms=1000)
        await reserve(store, "a", exactly(seven, 1000))

        for n in range(1, 301):
            await store.advance(1)
            await reserve(store, f"lease-{n}", exactly(seven, 1000))  # refused: only asks
        await store.advance(700)

        assert (await standing(store, seven)).remaining == 7

    async def test_a_slow_bucket_refills_by_the_second(self, store: Timed) -> None:
        daily = bucket(capacity=1000, rate=864, period_ms=DAY_MS)
        await reserve(store, "a", exactly(daily, 1000))

        verdict = await reserve(store, "b", exactly(daily, 2))
        assert verdict.positions[0].wait_ms == 200_000

        for _ in range(199):
            await store.advance(1000)
            await standing(store, daily)
        assert (await standing(store, daily)).remaining == 1
        await store.advance(1000)
        assert (await standing(store, daily)).remaining == 2

    async def test_a_slow_bucket_loses_no_part_of_a_second(self, store: Timed) -> None:
        daily = bucket(capacity=1000, rate=86_400, period_ms=DAY_MS)
        await reserve(store, "a", exactly(daily, 1000))

        for n in range(30):
            await store.advance(300)
            await reserve(store, f"lease-{n}", exactly(daily, 1000))  # refused: only asks

        assert (await standing(store, daily)).remaining == 9

    async def test_a_bucket_is_never_more_than_full(self, store: Timed) -> None:
        await reserve(store, "a", exactly(bucket(), 10))
        await store.advance(400 * DAY_MS)

        assert await standing(store, bucket()) == Position(remaining=10)

    async def test_a_large_bucket_is_exact(self, store: Timed) -> None:
        large = bucket(capacity=1_000_000_000, rate=1_000_000_000, period_ms=60_000)
        await reserve(store, "a", exactly(large, 1_000_000_000))

        await store.advance(59_999)

        assert await standing(store, large) == Position(remaining=999_983_333, full_ms=1)

    async def test_a_clock_that_goes_back_neither_drains_a_bucket_nor_stops_it(self, store: Timed) -> None:
        await reserve(store, "a", exactly(bucket(), 8))

        await store.advance(-60_000)
        assert (await standing(store, bucket())).remaining == 2
        await reserve(store, "b", exactly(bucket(), 1))
        await store.advance(500)

        assert (await standing(store, bucket())).remaining == 6

    async def test_more_than_a_bucket_holds_is_not_worth_waiting_for(self, store: Timed) -> None:
        verdict = await reserve(store, "a", exactly(bucket(capacity=10), 11))

        assert verdict == Verdict(False, (Position(remaining=10, refused=True),))

    async def test_a_settlement_gives_back_what_was_not_used(self, store: Timed) -> None:
        await reserve(store, "a", exactly(bucket(), 8))

        positions = await settle(store, "a", Charge(bucket(), 8, 3))

        assert positions == (Position(remaining=7, full_ms=300),)

    async def test_what_is_given_back_does_not_overfill(self, store: Timed) -> None:
        await reserve(store, "a", exactly(bucket(), 8))
        await store.advance(700)

        assert await settle(store, "a", Charge(bucket(), 8, 1)) == (Position(remaining=10),)

    async def test_a_settlement_takes_on_credit(self, store: Timed) -> None:
        await reserve(store, "a", exactly(bucket(), 8))

        positions = await settle(store, "a", Charge(bucket(), 8, 25))

        assert positions == (Position(remaining=-15, full_ms=2500),)
        verdict = await reserve(store, "b", exactly(bucket(), 0))
        assert verdict == Verdict(False, (Position(remaining=-15, refused=True, wait_ms=1500, full_ms=2500),))

    async def test_a_bucket_keeps_what_an_expired_lease_took_until_it_is_settled(self, store: Timed) -> None:
        slow = bucket(capacity=10, rate=1, period_ms=10_000)
        await reserve(store, "a", exactly(slow, 8), ttl_ms=1000)
        await store.advance(1001)
        assert (await standing(store, slow)).remaining == 2

        await settle(store, "a", Charge(slow, 8, 3))

        assert (await standing(store, slow)).remaining == 7

    async def test_a_smaller_capacity_holds_at_once(self, store: Timed) -> None:
        await reserve(store, "a", exactly(bucket(capacity=100), 10))

        assert (await standing(store, bucket(capacity=20))).remaining == 20


class RollingContract:
    """A window of a minute has steps of a second; one that has begun counts until all of it is out of the window."""

    async def test_what_was_spent_leaves_with_its_step_and_no_sooner(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await store.advance(500)
        await spend(store, "a", minute, 30)

        await store.advance(60_499)
        assert await standing(store, minute) == Position(spent=30, remaining=70)
        await store.advance(1)
        assert await standing(store, minute) == Position(remaining=100)

    async def test_steps_leave_one_by_one(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        for n in range(4):
            await spend(store, f"lease-{n}", minute, 10 + n)
            await store.advance(1000)

        spent = []
        await store.advance(56_000)
        for _ in range(5):
            spent.append((await standing(store, minute)).spent)
            await store.advance(1000)

        assert spent == [46, 36, 25, 13, 0]

    async def test_everything_leaves_when_nobody_asked_for_long(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        for n in range(4):
            await spend(store, f"lease-{n}", minute, 10)
            await store.advance(1000)
        await store.advance(DAY_MS)

        await spend(store, "last", minute, 100)

        assert await standing(store, minute) == Position(spent=100, remaining=0)

    async def test_a_refusal_tells_when_the_oldest_step_leaves(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await store.advance(250)
        await spend(store, "a", minute, 60)
        await store.advance(10_000)
        await spend(store, "b", minute, 40)

        verdict = await reserve(store, "c", exactly(minute, 50))

        assert verdict == Verdict(False, (Position(spent=100, remaining=0, refused=True, wait_ms=50_750),))
        await store.advance(50_750)
        assert (await reserve(store, "c", exactly(minute, 50))).admitted

    async def test_a_reading_tells_it_too(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await store.advance(250)
        assert await store.store.read([minute]) == (Position(remaining=100),)
        await spend(store, "a", minute, 60)
        await store.advance(10_000)
        await spend(store, "b", minute, 10)

        assert await store.store.read([minute]) == (Position(spent=70, remaining=30, wait_ms=50_750),)

    async def test_waiting_does_not_help_where_nothing_leaves(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await reserve(store, "a", exactly(minute, 60))

        assert (await reserve(store, "b", exactly(minute, 50))).positions[0].wait_ms == 0

    async def test_waiting_does_not_help_who_needs_more_than_the_limit(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await spend(store, "a", minute, 10)

        assert (await reserve(store, "b", exactly(minute, 101))).positions[0].wait_ms == 0

    async def test_what_is_reserved_does_not_leave(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await reserve(store, "a", exactly(minute, 30), ttl_ms=HOUR_MS)
        await store.advance(10 * 60_000)

        assert await standing(store, minute) == Position(reserved=30, remaining=70)

    async def test_a_late_settlement_corrects_the_step_that_was_charged(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await reserve(store, "late", exactly(minute, 40), ttl_ms=1000)
        await store.advance(2000)
        assert await standing(store, minute) == Position(spent=40, remaining=60)
        await store.advance(20_000)
        await spend(store, "other", minute, 7)

        await settle(store, "late", Charge(minute, 40, 15))

        assert await standing(store, minute) == Position(spent=22, remaining=78)
        await store.advance(41_000)
        assert await standing(store, minute) == Position(spent=7, remaining=93)

    async def test_a_settlement_after_the_charged_step_left_charges_only_what_is_more(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await reserve(store, "less", exactly(minute, 20), ttl_ms=1000)
        await reserve(store, "more", exactly(minute, 20), ttl_ms=1000)
        await store.advance(2000)
        assert await standing(store, minute) == Position(spent=40, remaining=60)
        await store.advance(120_000)
        await spend(store, "other", minute, 7)

        await settle(store, "less", Charge(minute, 20, 5))
        assert await standing(store, minute) == Position(spent=7, remaining=93)
        await settle(store, "more", Charge(minute, 20, 30))
        assert await standing(store, minute) == Position(spent=17, remaining=83)

    async def test_a_clock_that_goes_back_forgets_nothing_and_keeps_nothing_for_ever(self, store: Timed) -> None:
        minute = budget(window_ms=60_000)
        await spend(store, "a", minute, 30)
        await store.advance(-HOUR_MS)
        await spend(store, "b", minute, 10)

        assert await standing(store, minute) == Position(spent=40, remaining=60)
        await store.advance(61_000)
        assert await standing(store, minute) == Position(remaining=100)


class ExtendContract:
    async def test_more_is_reserved(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40))

        verdict = await extend(store, "a", Stretch(budget(), held=40, more=25))

        assert verdict == Verdict(True, (Position(granted=25, reserved=65, remaining=35),))

    async def test_more_than_is_left_is_refused_whole(self, store: Timed) -> None:
        wide, narrow = budget("wide"), budget("narrow", 50)
        await reserve(store, "a", exactly(wide, 40), exactly(narrow, 40))

        verdict = await extend(store, "a", Stretch(wide, 40, 11), Stretch(narrow, 40, 11))

        assert verdict == Verdict(
            False, (Position(reserved=40, remaining=60), Position(reserved=40, remaining=10, refused=True))
        )
        assert (await extend(store, "a", Stretch(wide, 40, 10), Stretch(narrow, 40, 10))).admitted

    async def test_what_is_not_enforced_is_extended_all_the_same(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(limit=10), 10))

        verdict = await extend(store, "a", Stretch(budget(limit=10), 10, 5, enforced=False))

        assert verdict == Verdict(True, (Position(granted=5, reserved=15, remaining=-5, refused=True),))

    async def test_a_lease_lives_on_while_it_is_extended(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        for _ in range(5):
            await store.advance(900)
            assert (await extend(store, "a", Stretch(budget(), 40), ttl_ms=1000)).admitted

        assert await standing(store, budget()) == Position(reserved=40, remaining=60)
        await store.advance(1001)
        assert await standing(store, budget()) == Position(spent=40, remaining=60)

    async def test_keeping_a_lease_is_not_refused_by_a_limit_that_was_lowered(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(limit=100), 40))

        verdict = await extend(store, "a", Stretch(budget(limit=10), 40, 0))

        assert verdict == Verdict(True, (Position(reserved=40, remaining=-30),))

    async def test_a_refused_extension_keeps_the_lease(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 100), ttl_ms=1000)
        await store.advance(900)

        assert not (await extend(store, "a", Stretch(budget(), 100, 1), ttl_ms=1000)).admitted

        await store.advance(900)
        assert await standing(store, budget()) == Position(reserved=100, remaining=0)

    async def test_a_lease_that_was_lost_is_made_again(self, store: Timed) -> None:
        verdict = await extend(store, "lost", Stretch(budget(), held=40, more=5), ttl_ms=1000)

        assert verdict == Verdict(True, (Position(granted=5, reserved=45, remaining=55),))
        await store.advance(1001)
        assert await standing(store, budget()) == Position(spent=45, remaining=55)
        await settle(store, "lost", Charge(budget(), 45, 20))
        assert await standing(store, budget()) == Position(spent=20, remaining=80)

    async def test_a_lost_lease_is_made_again_though_there_is_no_room(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 90))

        verdict = await extend(store, "lost", Stretch(budget(), held=40, more=1))

        assert verdict == Verdict(False, (Position(reserved=130, remaining=-30, refused=True),))

    async def test_an_expired_lease_takes_back_what_was_counted_as_spent(self, store: Timed) -> None:
        minute = budget("rolling", window_ms=60_000)
        await reserve(store, "a", exactly(budget(), 40), exactly(minute, 40), ttl_ms=1000)
        await store.advance(1001)
        assert [await standing(store, each) for each in (budget(), minute)] == [Position(spent=40, remaining=60)] * 2

        verdict = await extend(store, "a", Stretch(budget(), 40, 10), Stretch(minute, 40, 10))

        assert verdict == Verdict(True, (Position(granted=10, reserved=50, remaining=50),) * 2)
        await settle(store, "a", Charge(budget(), 50, 45), Charge(minute, 50, 45))
        assert [await standing(store, each) for each in (budget(), minute)] == [Position(spent=45, remaining=55)] * 2

    async def test_an_expired_lease_is_kept_though_more_is_refused(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(1001)
        await spend(store, "b", budget(), 60)

        verdict = await extend(store, "a", Stretch(budget(), 40, 1))

        assert verdict == Verdict(False, (Position(spent=60, reserved=40, remaining=0, refused=True),))

    async def test_a_settled_lease_is_not_extended(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40))
        await settle(store, "a", Charge(budget(), 40, 30))

        verdict = await extend(store, "a", Stretch(budget(), 40, 5))

        assert verdict == Verdict(False, (Position(spent=30, remaining=70),))


class SettleContract:
    async def test_what_was_used_is_spent_and_the_rest_is_free(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40))

        positions = await settle(store, "a", Charge(budget(), 40, 15))

        assert positions == (Position(spent=15, remaining=85),)

    async def test_more_than_was_reserved_is_spent_though_it_exceeds_the_limit(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 90))

        assert await settle(store, "a", Charge(budget(), 90, 110)) == (Position(spent=110, remaining=-10),)

    async def test_a_lease_is_settled_once(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40), exactly(bucket(), 4))
        charges = (Charge(budget(), 40, 15), Charge(bucket(), 4, 2))
        assert await settle(store, "a", *charges) is not None
        await store.advance(59 * 60_000)

        assert await settle(store, "a", *charges) is None
        assert await standing(store, budget()) == Position(spent=15, remaining=85)

    async def test_who_repeats_a_settlement_may_repeat_it_again_within_the_next_hour(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40))
        await settle(store, "a", Charge(budget(), 40, 15))

        for _ in range(3):
            await store.advance(59 * 60_000)
            assert await settle(store, "a", Charge(budget(), 40, 15)) is None

        assert await standing(store, budget()) == Position(spent=15, remaining=85)

    async def test_concurrent_settlements_of_a_lease_are_one(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40))

        answers = await asyncio.gather(*(settle(store, "a", Charge(budget(), 40, 15)) for _ in range(8)))

        assert sum(answer is not None for answer in answers) == 1
        assert await standing(store, budget()) == Position(spent=15, remaining=85)

    async def test_the_store_knows_better_than_the_holder_what_it_held(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40))
        await extend(store, "a", Stretch(budget(), 40, 10))  # whose answer did not arrive

        await settle(store, "a", Charge(budget(), 40, 15))

        assert await standing(store, budget()) == Position(spent=15, remaining=85)

    async def test_a_lease_that_was_lost_is_charged_in_full(self, store: Timed) -> None:
        await reserve(store, "other", exactly(budget(), 20))

        positions = await settle(store, "lost", Charge(budget(), 40, 15), Charge(bucket(), 4, 3))

        assert positions == (Position(spent=15, reserved=20, remaining=65), Position(remaining=7, full_ms=300))
        assert await settle(store, "lost", Charge(budget(), 40, 15)) is None

    async def test_an_account_that_the_lease_did_not_hold_is_charged_in_full(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget("one"), 40))

        await settle(store, "a", Charge(budget("one"), 40, 15), Charge(budget("two"), 0, 5))

        assert await standing(store, budget("one")) == Position(spent=15, remaining=85)
        assert await standing(store, budget("two")) == Position(spent=5, remaining=95)

    async def test_what_a_settlement_does_not_name_is_free_again(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget("one"), 40), exactly(budget("two"), 30))

        await settle(store, "a", Charge(budget("one"), 40, 15))

        assert await standing(store, budget("two")) == Position(remaining=100)

    async def test_accounts_of_several_partitions_are_settled(self, store: Timed) -> None:
        ours, theirs = budget(partition="acme"), budget(partition="zenith")
        await reserve(store, "a", exactly(ours, 40), exactly(theirs, 30))

        positions = await settle(store, "a", Charge(ours, 40, 15), Charge(theirs, 30, 10))

        assert positions == (Position(spent=15, remaining=85), Position(spent=10, remaining=90))
        assert await settle(store, "a", Charge(ours, 40, 15), Charge(theirs, 30, 10)) is None


class ExpiryContract:
    async def test_what_an_expired_lease_held_is_spent(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(999)
        assert await standing(store, budget()) == Position(reserved=40, remaining=60)

        await store.advance(2)

        assert await standing(store, budget()) == Position(spent=40, remaining=60)

    @pytest.mark.parametrize(("used", "spent"), [(0, 0), (15, 15), (40, 40), (70, 70)])
    async def test_a_late_settlement_corrects_what_was_counted(self, store: Timed, used: int, spent: int) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(23 * HOUR_MS)
        assert (await standing(store, budget())).spent == 40

        positions = await settle(store, "a", Charge(budget(), 40, used))

        assert positions == (Position(spent=spent, remaining=100 - spent),)
        assert await settle(store, "a", Charge(budget(), 40, used)) is None

    async def test_a_settlement_before_anyone_noticed_the_expiry_is_exact(self, store: Timed) -> None:
        await reserve(store, "a", exactly(budget(), 40), ttl_ms=1000)
        await store.advance(HOUR_MS)

        assert await settle(store, "a", Charge(budget(), 40, 15)) == (Position(spent=15, remaining=85),)
        assert await standing(store, budget()) == Position(spent=15, remaining=85)

    async def test_the_oldest_expire_first_and_few_at_a_time(self, store: Timed) -> None:
        many = budget(limit=1000)
        for n in range(50):
            await reserve(store, f"lease-{n}", exactly(many, 1), ttl_ms=1000)
            await store.advance(1)
        await store.advance(1001)

        spent = [(await standing(store, many)).spent for _ in range(3)]

        assert spent == [SWEPT_PER_CALL, 2 * SWEPT_PER_CALL, 50]

    async def test_an_expiry_touches_no_other_lease(self, store: Timed) -> None:
        await reserve(store, "short", exactly(budget(), 10), ttl_ms=1000)
        await reserve(store, "long", exactly(budget(), 20), ttl_ms=HOUR_MS)
        await store.advance(1001)

        assert await standing(store, budget()) == Position(spent=10, reserved=20, remaining=70)


class ClaimContract:
    """What is to be told once is claimed first."""

    async def test_a_mark_is_claimed_once(self, store: Timed) -> None:
        assert await store.store.claim(budget(), "80:100")
        await store.advance(365 * DAY_MS)
        assert not await store.store.claim(budget(), "80:100")

    async def test_of_all_who_claim_at_once_one_is_first(self, store: Timed) -> None:
        answers = await asyncio.gather(*(store.store.claim(budget(), "80:100") for _ in range(8)))

        assert sum(answers) == 1

    async def test_another_mark_or_account_or_partition_is_another_claim(self, store: Timed) -> None:
        assert await store.store.claim(budget(), "80:100")

        assert await store.store.claim(budget(), "90:100")
        assert await store.store.claim(budget("other"), "80:100")
        assert await store.store.claim(budget(partition="zenith"), "80:100")

    async def test_a_claim_on_a_rolling_window_lasts_as_long_as_the_window(self, store: Timed) -> None:
        minute = budget("rolling", window_ms=60_000)
        assert await store.store.claim(minute, "80:100")
        await store.advance(59_999)
        assert not await store.store.claim(minute, "80:100")

        await store.advance(2)

        assert await store.store.claim(minute, "80:100")

    async def test_a_claim_on_a_calendar_window_ends_with_its_account(self, store: Timed) -> None:
        day = budget("day", expires_ms=START_MS + DAY_MS)
        assert await store.store.claim(day, "80:100")
        await store.advance(DAY_MS - 1)
        assert not await store.store.claim(day, "80:100")


class LedgerContract(
    ReserveContract,
    ConcurrencyContract,
    BucketContract,
    RollingContract,
    ExtendContract,
    SettleContract,
    ExpiryContract,
    ClaimContract,
):
    """All that a ledger does."""


class RegistryContract:
    async def test_a_record_is_read_as_it_was_written(self, store: Timed) -> None:
        version = await store.store.put("key", "k1", b"\x00\xff{}", expected=None)

        assert version > 0
        assert await store.store.get("key", "k1") == Record("key", "k1", version, b"\x00\xff{}")

    async def test_a_record_that_nobody_wrote_is_not_there(self, store: Timed) -> None:
        await store.store.put("key", "k1", b"{}", expected=None)

        assert await store.store.get("team", "k1") is None
        assert await store.store.get("key", "k2") is None

    async def test_versions_grow_over_all_records(self, store: Timed) -> None:
        versions = [await store.store.put(kind, "same", b"{}", expected=None) for kind in ("key", "team", "key")]

        assert 0 < versions[0] < versions[1] < versions[2]

    async def test_a_record_is_replaced_by_who_saw_its_last_version(self, store: Timed) -> None:
        version = await store.store.put("key", "k1", b"one", expected=0)

        second = await store.store.put("key", "k1", b"two", expected=version)

        with pytest.raises(Conflict):
            await store.store.put("key", "k1", b"three", expected=version)
        assert await store.store.get("key", "k1") == Record("key", "k1", second, b"two")

    async def test_a_new_record_conflicts_with_one_that_is_there(self, store: Timed) -> None:
        await store.store.put("key", "k1", b"one", expected=None)

        with pytest.raises(Conflict):
            await store.store.put("key", "k1", b"two", expected=0)

    async def test_a_record_that_is_not_there_cannot_be_replaced(self, store: Timed) -> None:
        with pytest.raises(Conflict):
            await store.store.put("key", "k1", b"one", expected=7)
        assert (await store.store.changes(0)).version == 0

    async def test_a_deleted_record_is_gone_and_may_be_written_anew(self, store: Timed) -> None:
        first = await store.store.put("key", "k1", b"one", expected=0)

        assert await store.store.delete("key", "k1")
        assert await store.store.get("key", "k1") is None
        assert not await store.store.delete("key", "k1")
        assert await store.store.put("key", "k1", b"two", expected=0) > first + 1  # the deletion has a version as well

    async def test_changes_from_the_beginning_are_all_records_there_are(self, store: Timed) -> None:
        await store.store.put("key", "k1", b"one", expected=None)
        red = await store.store.put("team", "t1", b"red", expected=None)
        two = await store.store.put("key", "k2", b"two", expected=None)
        await store.store.delete("key", "k1")

        changes = await store.store.changes(0)

        assert changes.whole
        assert changes.version > two
        assert changes.records == (Record("team", "t1", red, b"red"), Record("key", "k2", two, b"two"))

    async def test_changes_since_a_version_name_each_record_once_and_the_deleted(self, store: Timed) -> None:
        await store.store.put("key", "k1", b"one", expected=None)
        await store.store.put("key", "k2", b"two", expected=None)
        seen = await store.store.put("key", "k3", b"three", expected=None)
        again = await store.store.put("key", "k2", b"two again", expected=None)
        await store.store.delete("key", "k1")
        last = await store.store.put("key", "k2", b"two at last", expected=None)

        changes = await store.store.changes(seen)

        assert (changes.version, changes.whole) == (last, False)
        deleted, written = changes.records
        assert deleted == Record("key", "k1", deleted.version, None)
        assert again < deleted.version < last
        assert written == Record("key", "k2", last, b"two at last")

    async def test_nothing_changed_since_the_last_change(self, store: Timed) -> None:
        version = await store.store.put("key", "k1", b"one", expected=None)

        changes = await store.store.changes(version)

        assert (changes.version, changes.records, changes.whole) == (version, (), False)

    async def test_a_version_of_another_registry_is_answered_with_everything(self, store: Timed) -> None:
        version = await store.store.put("key", "k1", b"one", expected=None)

        changes = await store.store.changes(version + 99)

        assert (changes.version, changes.whole) == (version, True)
        assert changes.records == (Record("key", "k1", version, b"one"),)
