"""Flights: one leads, the others wait; whoever leads must end it, and whoever waits does not wait for ever."""

import asyncio

import pytest

from extproc.cache.broadcast import MOST_BACKLOG, MOST_WAITING, Broadcast, End, Room
from extproc.cache.entry import Entry
from extproc.cache.flight import Flights, Landing, Lead, Outcome, Seat

ANSWER = Landing(Entry("/chat/completions", b"{}", None, 1.0, 60))
LONG = 30.0


def board(flights: Flights, followers: int) -> tuple[Lead, list["asyncio.Task[Outcome]"]]:
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
    lead.land(ANSWER)
    assert await asyncio.gather(*tasks) == [ANSWER] * 3
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
    last.land(ANSWER)
    assert await third == ANSWER
    assert len(flights) == 0


async def test_newcomers_join_a_promoted_leader() -> None:
    flights = Flights()
    lead, (first,) = board(flights, 1)
    lead.fail()
    promoted = await first
    assert isinstance(promoted, Lead)
    seat = flights.join("a")
    assert isinstance(seat, Seat)
    promoted.land(ANSWER)
    assert await seat.wait(LONG) == ANSWER


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
    lead.land(ANSWER)
    again = flights.join("a")
    lead.fail()
    lead.dismiss()
    assert await tasks[0] == ANSWER
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
    lead.land(ANSWER)  # too late, and nobody's business any more
    assert isinstance(flights.join("a"), Seat)


async def cancelled(task: "asyncio.Task[Outcome]") -> None:
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


# -- streams ----------------------------------------------------------------------------------------------------------


async def test_a_newcomer_gets_all_of_a_stream_that_has_ended() -> None:
    broadcast = Broadcast("form", Room())
    broadcast.add(b"one ")
    broadcast.add(b"two")
    broadcast.end()
    listener = broadcast.listen()
    assert (await listener.take(), await listener.take(), listener.end) == (b"one two", b"", End.WHOLE)


async def test_a_stream_that_is_too_long_is_closed_to_newcomers_and_given_on_to_the_rest() -> None:
    room = Room()
    broadcast = Broadcast("form", room)
    listener = broadcast.listen()
    piece = b"x" * (MOST_BACKLOG // 2)
    broadcast.add(piece)
    broadcast.add(piece)
    assert (broadcast.open, room.left) == (True, (64 << 20) - MOST_BACKLOG)
    broadcast.add(b"y")
    assert (broadcast.open, room.left) == (False, 64 << 20)
    broadcast.end()
    assert await listener.take() == piece + piece + b"y"
    assert (await listener.take(), listener.end) == (b"", End.WHOLE)


async def test_all_streams_of_a_worker_share_one_room() -> None:
    room = Room(left=5)
    one, two = Broadcast("form", room), Broadcast("form", room)
    one.add(b"1234")
    two.add(b"12")
    assert (one.open, two.open, room.left) == (True, False, 1)
    one.abort()
    assert (one.open, room.left) == (False, 5)


async def test_who_does_not_take_what_comes_is_cut_off() -> None:
    broadcast = Broadcast("form", Room())
    slow, quick = broadcast.listen(), broadcast.listen()
    piece = b"x" * (1 << 20)
    for _ in range(MOST_WAITING // len(piece) + 1):
        broadcast.add(piece)
        assert await quick.take() == piece
    broadcast.end()
    assert (await slow.take(), slow.end) == (b"", End.BROKEN)
    assert (await quick.take(), quick.end) == (b"", End.WHOLE)


async def test_who_has_left_is_given_nothing() -> None:
    broadcast = Broadcast("form", Room())
    listener = broadcast.listen()
    listener.leave()
    broadcast.add(b"one")
    assert (len(broadcast), listener.take_now()) == (0, b"")


async def test_newcomers_to_a_stream_that_is_too_long_wait_for_the_whole() -> None:
    flights = Flights()
    lead = flights.join("a", "form")
    assert isinstance(lead, Lead)
    lead.begin("form").add(b"x" * (MOST_BACKLOG + 1))
    seat = flights.join("a", "form")
    assert isinstance(seat, Seat)
    assert seat.waits
    lead.land(ANSWER)
    assert await seat.wait() == ANSWER
