"""Flights: one leads, the others wait; whoever leads must end it, and whoever waits does not wait for ever."""

import asyncio

import pytest

from extproc.cache.entry import Entry
from extproc.cache.flight import Flights, Lead, Seat

ENTRY = Entry("/chat/completions", b"{}", None, 1.0, 60)
LONG = 30.0


def board(flights: Flights, followers: int) -> tuple[Lead, list["asyncio.Task[Entry | Lead | None]"]]:
    lead = flights.join("a")
    assert isinstance(lead, Lead)
    tasks = []
    for _ in range(followers):
        seat = flights.join("a")
        assert isinstance(seat, Seat)
        tasks.append(asyncio.create_task(seat.wait(LONG)))
    return lead, tasks


async def test_all_who_wait_get_the_answer() -> None:
    flights = Flights()
    lead, tasks = board(flights, 3)
    assert lead.followers == 3
    lead.land(ENTRY)
    assert await asyncio.gather(*tasks) == [ENTRY] * 3
    assert len(flights) == 0


async def test_requests_that_differ_do_not_wait_for_each_other() -> None:
    flights = Flights()
    assert isinstance(flights.join("a"), Lead)
    assert isinstance(flights.join("b"), Lead)


async def test_the_lead_falls_to_the_longest_waiting_and_on_to_the_next() -> None:
    flights = Flights()
    lead, (first, second, third) = board(flights, 3)
    lead.fail()
    promoted = await first
    assert isinstance(promoted, Lead)
    assert not second.done()
    promoted.fail()
    last = await second
    assert isinstance(last, Lead)
    last.land(ENTRY)
    assert await third == ENTRY
    assert len(flights) == 0


async def test_newcomers_join_a_promoted_leader() -> None:
    flights = Flights()
    lead, (first,) = board(flights, 1)
    lead.fail()
    promoted = await first
    assert isinstance(promoted, Lead)
    seat = flights.join("a")
    assert isinstance(seat, Seat)
    promoted.land(ENTRY)
    assert await seat.wait(LONG) == ENTRY


async def test_a_failure_that_nobody_waits_for_ends_the_flight() -> None:
    flights = Flights()
    lead, _ = board(flights, 0)
    lead.fail()
    assert isinstance(flights.join("a"), Lead)


async def test_an_answer_that_is_not_shared_sends_everyone_on_at_once() -> None:
    flights = Flights()
    lead, tasks = board(flights, 3)
    lead.dismiss()
    assert await asyncio.gather(*tasks) == [None] * 3


async def test_only_the_first_end_counts() -> None:
    flights = Flights()
    lead, tasks = board(flights, 1)
    lead.land(ENTRY)
    again = flights.join("a")
    lead.fail()
    lead.dismiss()
    assert await tasks[0] == ENTRY
    assert isinstance(again, Lead)
    assert isinstance(flights.join("a"), Seat)


async def test_a_leader_that_stalls_is_waited_for_no_longer_than_agreed() -> None:
    flights = Flights()
    lead, _ = board(flights, 0)
    seat = flights.join("a")
    assert isinstance(seat, Seat)
    assert await seat.wait(0.0) is None
    newcomer = flights.join("a")
    assert isinstance(newcomer, Lead)
    lead.land(ENTRY)  # too late, and nobody's business any more
    assert isinstance(flights.join("a"), Seat)


async def cancelled(task: "asyncio.Task[Entry | Lead | None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_follower_that_leaves_is_not_promoted() -> None:
    flights = Flights()
    lead, (first, second) = board(flights, 2)
    await asyncio.sleep(0)
    await cancelled(first)
    lead.fail()
    assert isinstance(await second, Lead)


async def test_a_follower_that_leaves_as_it_is_promoted_hands_the_lead_on() -> None:
    flights = Flights()
    lead, (first, second) = board(flights, 2)
    await asyncio.sleep(0)
    lead.fail()
    await cancelled(first)
    assert isinstance(await second, Lead)
