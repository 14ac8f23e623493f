"""A text as the patterns see it: one byte a character, and the way back to the original's positions.

What readers and models take for the same character is made the same: full-width and other compatibility forms, letters
without their accents (both NFKD, where one ASCII character is left), look-alikes of Latin letters (a choice from
Unicode's confusables, https://www.unicode.org/Public/security/latest/confusables.txt, from memory, 2026-11-21), digits
of every script, all kinds of dash, space, dot and quote. What is not seen at all (zero-width characters, soft hyphens,
direction marks, combining marks) is taken out. Tag characters become the ASCII that they stand for: models read them.
"""

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache

LETTER = "\xff"
"""Stands for every letter without a Latin form. Signs without one become a question mark."""

_LETTERS_UP_TO = 0x20000  # beyond are rare ideographs, and the two blocks below
_TAGS = range(0xE0020, 0xE007F)
_SPECIAL_PURPOSE = range(0xE0000, 0xE1000)  # the tags, variation selectors, and places for more that is not seen
_UNSEEN_CATEGORIES = frozenset({"Mn", "Me", "Cf"})
# Hangul fillers, the empty Braille pattern; places for formatting characters to come
_UNSEEN_LETTERS = "\u115f\u1160\u3164\uffa0\u2800\u2065\ufff0\ufff1\ufff2\ufff3\ufff4\ufff5\ufff6\ufff7\ufff8"
_LOOKS_LIKE = dict(
    zip(
        "АВЕЅІЈКМНОРСТХУаеѕіјкмнорсухԁԛԝһΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιοκνρυχօսոցıȷɡɩ",
        "ABESIJKMHOPCTXYaesijkmhopcyxdqwhABEZHIKMNOPTYXaiokvpuxoungijgi",
        strict=True,
    )
)
_SIGNS = {
    **dict.fromkeys("‐‑‒–—―−⁃➖ー", "-"),
    **dict.fromkeys("。・·∙•‧․｡", "."),
    **dict.fromkeys("⁄∕⧸", "/"),
    **dict.fromkeys("‘’‚‛′ʼ´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("\u2028\u2029\x85", "\n"),
    "∶": ":",
}
_LATIN = dict(zip("ßẞøØłŁđĐðÐæÆœŒþ", "sSoOlLdDdDaAoOt", strict=True))  # no decomposition, or one of two letters


@dataclass(frozen=True, slots=True)
class Normalised:
    """`view` is the text in Latin-1 bytes. `removed[i]` is the place in `view` at which `i + 1` characters are gone."""

    view: bytes = field(repr=False)
    removed: tuple[int, ...] = field(default=(), repr=False)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The original's positions of `view[start:end]`, which is not empty."""
        if not self.removed:
            return start, end
        return start + bisect_right(self.removed, start), end + bisect_right(self.removed, end - 1)


def normalise(text: str) -> Normalised:
    """How the built-in patterns see `text`. Lone surrogates are signs like any other."""
    if text.isascii():
        return Normalised(text.encode("ascii"))
    folded = text.translate(_folding())
    view = folded.encode("latin-1", "replace")
    if len(folded) == len(text):
        return Normalised(view)
    unseen = _unseen()
    places = [place for place, char in enumerate(text) if char in unseen]
    return Normalised(view, tuple(place - before for before, place in enumerate(places)))


def readable(text: str) -> str:
    """How an operator's patterns see `text`: letters stay as they are, and positions are those of `normalise`."""
    return text if text.isascii() else text.translate(_compatible())


def warm() -> None:
    """Make the tables now (a tenth of a second), not with the first text that needs them."""
    _folding(), _unseen(), _compatible()


@cache
def _folding() -> dict[int, str | None]:
    """Characters without an entry are left to the codec, which makes them question marks; Latin-1 knows no better."""
    table: dict[int, str | None] = dict.fromkeys(_SPECIAL_PURPOSE)
    table |= {code: chr(code - 0xE0000) for code in _TAGS}
    for code in range(0x80, _LETTERS_UP_TO):
        folded = _fold(chr(code))
        if folded != "?" or code < 0x100:
            table[code] = folded
    return table


@cache
def _unseen() -> frozenset[str]:
    return frozenset(chr(code) for code, folded in _folding().items() if folded is None)


@cache
def _compatible() -> dict[int, str | None]:
    """Forms of one character by NFKC; None for what is not seen."""
    table: dict[int, str | None] = {}
    for code, folded in _folding().items():
        form = unicodedata.normalize("NFKC", chr(code))
        if folded is None:
            table[code] = None
        elif code in _TAGS:
            table[code] = folded
        elif len(form) == 1 and form != chr(code):
            table[code] = form
    return table


def _fold(char: str) -> str | None:
    """What the character becomes: an ASCII character, `LETTER`, or None if it is not seen."""
    for table in (_SIGNS, _LATIN, _LOOKS_LIKE):
        if char in table:
            return table[char]
    category = unicodedata.category(char)
    if category in _UNSEEN_CATEGORIES or char in _UNSEEN_LETTERS:
        return None
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    base = unicodedata.normalize("NFKD", char)[:1]
    if base.isascii():
        return base
    if base in _LOOKS_LIKE:
        return _LOOKS_LIKE[base]
    return LETTER if category[0] == "L" else "?"
