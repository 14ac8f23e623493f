"""What is known of a language for telling whether two questions are the same: tables, and one function that picks them.

A grammar only ever makes texts equal that mean the same. What it does not know stays as it is, and makes two texts
differ: an entry too few costs a hit, an entry too many costs a wrong answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Rewrite = tuple[re.Pattern[str], str]


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language's tables; every word in them is in lower case.

    `marks` are the words by which the language is known: they carry grammar, and a capital makes them names (May, US).
    What holds one of `asking` is a question or a request, with or without a question mark. `numbers` are words for
    numbers, `months` are those of the year as they are written, `synonyms` give each word of a group its first.
    `contractions` rewrite a text before its words are looked up; `phrases` rewrite the words, in their order, joined by
    single spaces. `decimal_comma`: 1,5 is one and a half.
    """

    language: str
    marks: frozenset[str]
    asking: frozenset[str]
    numbers: Mapping[str, str]
    months: Mapping[str, int]
    synonyms: Mapping[str, str]
    contractions: tuple[Rewrite, ...]
    phrases: tuple[Rewrite, ...]
    decimal_comma: bool


def words(text: str) -> frozenset[str]:
    """Words parted by spaces."""
    return frozenset(text.split())


def numbered(text: str, start: int = 0) -> dict[str, str]:
    """Number words in their order; spellings of one number are parted by `/`."""
    return {word: str(at) for at, group in enumerate(text.split(), start) for word in group.split("/")}


def months(text: str) -> dict[str, int]:
    """The months in their order; spellings of one are parted by `/`."""
    return {word: at for at, group in enumerate(text.split(), 1) for word in group.split("/")}


def groups(text: str) -> dict[str, str]:
    """Groups of words that mean the same wherever they stand, one on a line."""
    rows = [row.split() for row in text.strip().splitlines()]
    return {word: row[0] for row in rows for word in row[1:]}


def rewrites(rows: Sequence[tuple[str, str]]) -> tuple[Rewrite, ...]:
    """Regular expressions over whole words, and what takes their place."""
    return tuple((re.compile(pattern), into) for pattern, into in rows)
