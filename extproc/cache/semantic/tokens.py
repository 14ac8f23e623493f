"""A question cut into tokens: words in lower case, numbers, signs, and what has to be quoted exactly.

What is quoted, addresses, and names of code (with a `_`, a dot or a capital inside) keep every character. A word keeps
its capitals where only they tell it from a word of grammar (`US`, `May`).
"""

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass

_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "−": "-", "–": "-", "—": "-", "\u00a0": " ", "\u202f": " "})
_TOKEN = re.compile(
    r"""
    (?P<quoted> "[^"]*" | “[^”]*” | „[^“”]*[“”] | «[^»]*» | `[^`]*` | (?<!\w)'[^']+'(?!\w) )
  | (?P<address> https?://[^\s"'<>]*[^\s"'<>.,;:!?)\]] )
  | (?P<measure> (?<![\w.,])\d+(?:[.,]\d+)*(?=(?:km|kg|mg|cm|mm|ml|ms|gb|mb|kb|tb|g|m|s|h|l)\b) )
  | (?P<figures> (?<![\w.,])\d+(?:[.,:]\d+)+(?![\w-]) )
  | (?P<word> (?<!\w)\#?[^\W_][^\W_]*(?:(?:['_@:/.-]|\\)+\w+|_|\+\+|\#)* | \w+ )
  | (?P<point> (?<!\S)\.(?=\w) | (?<=\d)! )
  | (?P<stop> [.!?;:…。？！¿¡]+ )
  | (?P<sign> \S )
    """,
    re.VERBOSE,
)
_OF_CODE = re.compile(r"_|[@:/.\\#]|[a-z][A-Z]")


@dataclass(frozen=True, slots=True)
class Token:
    """`exact`: no grammar may touch it."""

    text: str
    exact: bool = False


SENTENCE = Token(";")


def tokens(text: str) -> list[Token]:
    """In their order. Words have the case in which they were written; the stops between sentences are `;`. A stop that
    belongs to a word or a number (`.NET`, `5!`) is a token of its own."""
    plain = unicodedata.normalize("NFC", text).translate(_QUOTES).strip()
    found = [_token(match) for match in _TOKEN.finditer(plain)]
    while found and found[0] == SENTENCE:
        del found[0]
    while found and found[-1] == SENTENCE:
        del found[-1]
    return found


def lowered(found: Sequence[Token], marks: Container[str]) -> list[Token]:
    """The same with words in lower case, but for those that their capitals make another word."""
    shouted = all(token.text.isupper() for token in found if token.text[0].isalpha())
    return [
        token if token.exact or (not shouted and _is_name(found, at, marks)) else Token(token.text.lower())
        for at, token in enumerate(found)
    ]


def _is_name(found: Sequence[Token], at: int, marks: Container[str]) -> bool:
    """Not at the beginning, where every word has a capital, nor beside a number: May 6 is a day."""
    word = found[at].text
    beside = (token.text[0].isdigit() for token in found[max(at - 1, 0) : at + 2])
    return at > 0 and len(word) > 1 and word[0].isupper() and word.lower() in marks and not any(beside)


def _token(match: re.Match[str]) -> Token:
    text = match[0]
    kind = match.lastgroup
    if kind == "stop":
        return SENTENCE
    if kind == "quoted":
        return Token(f'"{text[1:-1]}"', exact=True)
    is_exact = kind == "address" or (kind == "word" and _OF_CODE.search(text))
    return Token(text, exact=bool(is_exact))
