"""A text as rules read it: in forms in which look-alikes are the same and what is not seen is gone.

The forms are those of `privacy.detect.normalise`. They are made once a text, whatever the number of rules.
"""

from functools import cached_property

from extproc.privacy.detect import normalise
from extproc.privacy.detect.span import Span


class Reading:
    """`text` is the original; positions in all other forms are the same as in each other."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._normalised = normalise.normalise(text)

    @property
    def view(self) -> bytes:
        """Latin letters without accents, one byte a character."""
        return self._normalised.view

    @cached_property
    def plain(self) -> str:
        """Letters of every script. A lone surrogate is a question mark."""
        plain = normalise.readable(self.text)
        return plain if plain.isascii() else str(plain.encode("utf-8", "replace"), "utf-8")

    @cached_property
    def lower(self) -> str:
        """As `plain`, in lower case (one character for each: the dotted I has none of its own)."""
        return self.plain.replace("İ", "i").lower()

    def span(self, start: int, end: int, name: str) -> Span:
        """A place in any of the forms as one in the original."""
        if start >= end:
            return Span(0, 0, name)
        return Span(*self._normalised.original(start, end), name)
