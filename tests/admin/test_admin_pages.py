"""Pages of more entries than are gone through at once."""

import asyncio

import pytest

from extproc.admin.pages import found, oldest_first, pages


@pytest.mark.parametrize(
    ("number", "ids"), [(1, ["1", "3"]), (2, ["5", "7"]), (1250, ["4997", "4999"]), (1251, []), (9999, [])]
)
async def test_the_oldest_come_first_whatever_order_they_are_in(number: int, ids: list[str]) -> None:
    entries = [(float(created), str(created)) if created % 2 else None for created in reversed(range(5000))]
    assert await oldest_first(entries, number, 2) == (ids, 2500)


async def test_of_two_of_one_moment_the_lesser_id_comes_first() -> None:
    assert await oldest_first([(1.0, "b"), (1.0, "a")], 1, 2) == (["a", "b"], 2)


async def test_nothing_is_one_page_of_nothing() -> None:
    assert await oldest_first([], 1, 10) == ([], 0)
    assert (pages(0, 10), pages(10, 10), pages(11, 10)) == (0, 1, 2)


async def test_what_is_found_is_counted_without_gaps() -> None:
    assert await found(iter([None, 1, None, 2, 3, None, 4]), 1, 2) == [2, 3]
    assert await found(iter([None, 1]), 1, 2) == []


async def test_others_run_while_many_are_gone_through() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await found(iter([None] * 5000), 0, 1)
    await oldest_first([None] * 5000, 1, 1)
    task.cancel()
    assert turns >= 8
