"""Restores values in text: the one place that knows what a token looks like on its way back.

`Tokens` is a vault made ready for searching, `Channel` one text that comes in pieces. What a channel holds back is
never more than the longest end of its text that a token of this exchange begins with: what cannot become one goes on.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum

import msgspec

from extproc.privacy.placeholder import DIGITS_PATTERN
from extproc.privacy.vault import Vault

_ANY_CASE = re.ASCII | re.IGNORECASE
_NEVER = "(?!)"
_LEAD = 4


class Escaping(Enum):
    """What a value must become to stand where its token stood."""

    NONE = "none"
    JSON = "json"  # inside a string of a JSON document: quotes, backslashes and control characters are escaped


@dataclass(slots=True)
class Restorations:
    """What became of the tokens in an answer.

    `restored` were replaced by their values. `unknown` look like placeholders of this exchange but are none: the model
    invented or altered them, and they stay as they are (one whose name ends with another entity's counts for both).
    `cut_off`: a text ended in the middle of a placeholder, or what may hold some could not be read.
    """

    restored: int = 0
    unknown: int = 0
    cut_off: int = 0


class Tokens:
    """The tokens of one exchange. `found` counts what became of them."""

    def __init__(self, vault: Vault) -> None:
        self.found = Restorations()
        self._values = {token.lower(): value for token, value in vault.values.items()}
        self._sorted = sorted(self._values)
        self.longest = max(map(len, self._sorted), default=0)
        names = "|".join(sorted(map(re.escape, vault.names), key=len, reverse=True)) or _NEVER
        surrogates = "".join(f"|{re.escape(surrogate)}" for surrogate in vault.surrogates)
        self._token = re.compile(f"(?:{names}){DIGITS_PATTERN}|(?:{names})[0-9]{surrogates}", _ANY_CASE)
        self._stem = re.compile(f"(?:{names})[0-9]", _ANY_CASE)
        firsts = "".join(sorted({re.escape(token[0]) for token in self._sorted}))
        self._first = re.compile(f"[{firsts}]" if firsts else _NEVER, _ANY_CASE)
        self._lead = re.compile(_lead(self._sorted))

    def may_be_in(self, document: bytes, start: int = 0, end: int | None = None) -> bool:
        """Whether a JSON document, or a string in it, may hold a token or end a text with the beginning of one.

        Cheap, and never wrong when it says no: it looks for the first characters of a token, for a string that ends
        with the first of them (a member's name does not count), and for escaped ASCII, which may be anything.
        """
        return self._lead.search(document[start:end].lower()) is not None

    def restore(self, text: str, escaping: Escaping = Escaping.NONE) -> str:
        """A whole text restored; itself if there is nothing to restore."""
        channel = Channel(self, escaping)
        restored = channel.feed(text)
        return restored + channel.finish() if channel.held else restored

    def begin_at(self, text: str, start: int) -> int:
        """Where the longest end of `text[start:]` begins that a token begins with; the length if there is none."""
        for first in self._first.finditer(text, max(start, len(text) - self.longest + 1)):
            if self._begins(text[first.start() :]):
                return first.start()
        return len(text)

    def _begins(self, text: str) -> bool:
        lower = text.lower()
        at = bisect_left(self._sorted, lower)
        return at < len(self._sorted) and self._sorted[at].startswith(lower) and self._sorted[at] != lower

    def split(self, text: str, escaping: Escaping) -> tuple[str, str]:
        """What may go of a text, restored, and what must wait.

        A token cannot lie inside another, nor inside the beginning of one: so whatever follows, no token that is found
        here could have been a part of one that begins earlier.
        """
        pieces: list[str] = []
        at = search_from = 0
        wait = self.begin_at(text, 0)
        while (found := self._token.search(text, search_from)) and found.start() < wait:
            value = self._values.get(found[0].lower())
            if value is None:
                self.found.unknown += 1
                search_from = found.start() + 1
                continue
            self.found.restored += 1
            pieces += text[at : found.start()], _json_escaped(value) if escaping is Escaping.JSON else value
            at = search_from = found.end()
            wait = self.begin_at(text, at) if at > wait else wait
        return ("".join(pieces) + text[at:wait] if pieces else text[:wait]), text[wait:]

    def unread(self) -> None:
        """Counts something that may hold tokens and cannot be read."""
        self.found.cut_off += 1

    def cut_off(self, held: str) -> None:
        """Counts what a text ended with, if more than a placeholder's name is there."""
        self.found.cut_off += self._stem.match(held) is not None


class Channel:
    """One text in pieces."""

    def __init__(self, tokens: Tokens, escaping: Escaping = Escaping.NONE) -> None:
        self.held = ""
        self._tokens = tokens
        self._escaping = escaping

    def feed(self, text: str) -> str:
        """What may go now."""
        ready, self.held = self._tokens.split(self.held + text, self._escaping)
        return ready

    def finish(self) -> str:
        """The rest, when the text has ended."""
        rest, self.held = self.held, ""
        if rest:
            self._tokens.cut_off(rest)
        return rest


def _json_escaped(value: str) -> str:
    return str(msgspec.json.encode(value)[1:-1], "utf-8")


def _lead(tokens: list[str]) -> bytes:
    """A pattern for the first characters of a token, or as many of them as a string ends with."""
    leads = dict.fromkeys(token[:_LEAD] for token in tokens)
    return "|".join([*map(_lead_of, leads), r"\\u00[2-7]"]).encode() if leads else _NEVER.encode()


def _lead_of(beginning: str) -> str:
    first, rest = beginning[0], beginning[1:]
    return f'{re.escape(first)}(?:"(?! *:)|{_lead_of(rest)})' if rest else re.escape(first)
