"""One page of many entries. Going through all keys takes long: others are served in between."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

_AT_ONCE = 1000  # a millisecond or two
Entry = TypeVar("Entry")


def page(entries: Sequence[Entry], number: int, size: int) -> Sequence[Entry]:
    """The entries of page `number` (1, 2, …)."""
    return entries[(number - 1) * size : number * size]


def pages(count: int, size: int) -> int:
    """How many there are."""
    return -(-count // size)


async def oldest_first(entries: Iterable[tuple[float, str] | None], number: int, size: int) -> tuple[list[str], int]:
    """The ids on page `number` of entries (creation time and id) that are not None, and how many there are at all."""
    first: list[tuple[float, str]] = []
    count = 0
    rest = iter(entries)
    while some := list(islice(rest, _AT_ONCE)):
        kept = [entry for entry in some if entry is not None]
        count += len(kept)
        first = sorted(first + kept)[: number * size]
        await asyncio.sleep(0)
    return [entry for _, entry in page(first, number, size)], count


async def found(entries: Iterator[Entry | None], skip: int, most: int) -> list[Entry]:
    """So many of the entries that are not None, after so many."""
    kept: list[Entry] = []
    for index, entry in enumerate(entries):
        if index % _AT_ONCE == 0:
            await asyncio.sleep(0)
        if entry is not None:
            kept.append(entry)
        if len(kept) == skip + most:
            break
    return kept[skip:]
