"""Where in a text something was found, and what it is. What finds it and what is done about it share this."""

from typing import NamedTuple


class Span(NamedTuple):
    """A detected entity: `text[start:end]`, positions in characters.

    `entity` is its type, an upper-case name (`EMAIL_ADDRESS`). `validated`: more than its shape was checked (a check
    digit, a registry).
    """

    start: int
    end: int
    entity: str
    validated: bool = False
