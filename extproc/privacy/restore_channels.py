"""What the event streams of every dialect have in common: texts that grow, each a channel of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec import Raw

from extproc.privacy.json_strings import literal_of
from extproc.privacy.restore import Channel, Escaping, Tokens

Place = tuple[str | int, ...]

_QUOTE = ord('"')
_decode_text = msgspec.json.Decoder(str).decode

decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


@dataclass(frozen=True, slots=True)
class Edited:
    """An event's data after restoring (the very bytes, if it stays the same), and whole events that go before it."""

    data: bytes
    before: bytes = b""


class EventRestorer(Protocol):
    """One dialect. `untroubled`: an event in which no token may be needs no `edit`."""

    @property
    def untroubled(self) -> bool: ...

    def edit(self, data: bytes) -> Edited:
        """One event. Raises what `apischema.malformed` names for what it cannot read."""
        ...

    def end(self) -> bytes:
        """Everything that is still held back, as events."""
        ...


class Channels:
    """The texts of a stream by their places. Only those that hold something back are kept."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._holding: dict[Place, Channel] = {}

    @property
    def hold(self) -> bool:
        return bool(self._holding)

    def feed(self, place: Place, escaping: Escaping, raw: Raw, *, last: bool = False) -> Raw:
        """A JSON string that adds to a text: what may go of the text; the very string, if it stays the same."""
        text = _decode_text(raw)
        channel = self._holding.pop(place, None) or Channel(self._tokens, escaping)
        ready = channel.feed(text)
        if last:
            ready += channel.finish()
        if channel.held:
            self._holding[place] = channel
        return raw if ready == text else Raw(literal_of(ready))

    def is_holding(self, place: Place) -> bool:
        return place in self._holding

    def close(self, ends: Callable[[Place], bool]) -> Mapping[Place, str]:
        """The rests of the texts that end."""
        ended = [place for place in self._holding if ends(place)]
        return {place: self._holding.pop(place).finish() for place in ended}


def every(_: Place) -> bool:
    return True


def is_string(raw: Raw) -> bool:
    return memoryview(raw)[0] == _QUOTE
