"""Directives: how a request asks the simulator to misbehave.

A directive stands in the last user text: `[[status=429 retry_after=7]]`. Inside the brackets are names of `Directives`,
each with `=value` unless it is a switch. Text in double brackets that names none of them stays ordinary text; a block
that mixes known and unknown names, or gives a value that cannot be read, is a mistake and refused.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Directives:
    """What to do to this answer; the defaults leave it as the provider would give it.

    Before the answer
      status, retry_after       an error of the provider with this status (400 to 599) and `retry-after` seconds
      html_error                a proxy's HTML page with this status
      stall                     seconds in which nothing is sent, then the connection closes
      slow_headers              seconds before the answer begins
      reset                     TCP reset before anything is sent
    In a stream (of a body that is not streamed: after half of it)
      cut_after, reset_after    the connection ends (FIN, RST) after so many events, without a terminator
      end_after                 the stream ends in good order after so many events, without a terminator
      malformed_after           an event with broken JSON follows so many events
      error_in_stream_after     the provider's own error event ends the stream after so many events
      empty_choices             a chunk without choices (not streamed: an answer without any)
      usage_in_last_chunk       usage rides on the chunk with the finish reason
      split, crlf, gzip         written in pieces of so many bytes; CRLF line ends; content-encoding gzip
      rate                      tokens a second
    The answer
      tokens                    words in the text
      tool_calls                so many tool calls, whatever the text says
      cached_tokens             so many of the input tokens were read from the cache
      no_usage, refusal, redacted_thinking
    """

    status: int | None = None
    retry_after: float | None = None
    html_error: int | None = None
    stall: float | None = None
    slow_headers: float | None = None
    reset: bool = False
    cut_after: int | None = None
    reset_after: int | None = None
    end_after: int | None = None
    malformed_after: int | None = None
    error_in_stream_after: int | None = None
    empty_choices: bool = False
    usage_in_last_chunk: bool = False
    split: int | None = None
    crlf: bool = False
    gzip: bool = False
    rate: float | None = None
    tokens: int | None = None
    tool_calls: int | None = None
    cached_tokens: int | None = None
    no_usage: bool = False
    refusal: bool = False
    redacted_thinking: bool = False

    def __str__(self) -> str:
        given = ((f.name, getattr(self, f.name), f.default) for f in dataclasses.fields(self))
        return " ".join(
            name if value is True else f"{name}={value}" for name, value, default in given if value != default
        )


NONE = Directives()


class DirectiveError(ValueError):
    """A directive that cannot be read."""


def _count(text: str) -> int:
    return _ranged(int(text), 0, 1_000_000)


def _size(text: str) -> int:
    return _ranged(int(text), 1, 1_000_000)


def _error_status(text: str) -> int:
    return _ranged(int(text), 400, 599)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise ValueError(text)
    return value


def _speed(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1e6:
        raise ValueError(text)
    return value


def _ranged(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError(value)
    return value


_SWITCHES = frozenset(f.name for f in dataclasses.fields(Directives) if f.default is False)
_VALUES: Mapping[str, Callable[[str], int | float]] = {
    "status": _error_status,
    "html_error": _error_status,
    "retry_after": _seconds,
    "stall": _seconds,
    "slow_headers": _seconds,
    "cut_after": _count,
    "reset_after": _count,
    "end_after": _count,
    "malformed_after": _count,
    "error_in_stream_after": _count,
    "split": _size,
    "rate": _speed,
    "tokens": _count,
    "tool_calls": _count,
    "cached_tokens": _count,
}
_BLOCK = re.compile(r"\[\[([^\[\]]*)\]\]")


def parse(text: str) -> dict[str, int | float | bool]:
    """Reads `status=429 retry_after=7` (no brackets). Raises DirectiveError."""
    return dict(_item(word) for word in text.split())


def _item(word: str) -> tuple[str, int | float | bool]:
    name, equals, value = word.partition("=")
    if name in _SWITCHES and not equals:
        return name, True
    read = _VALUES.get(name)
    if read is None or not equals:
        raise DirectiveError(f"{word!r} is not a directive")
    try:
        return name, read(value)
    except ValueError:
        raise DirectiveError(f"{word!r} has a value that cannot be used") from None


def find(text: str) -> dict[str, int | float | bool]:
    """All directives in a text; a later one wins. Raises DirectiveError."""
    found: dict[str, int | float | bool] = {}
    for block in _BLOCK.findall(text):
        if _is_directive(block):
            found |= parse(block)
    return found


def strip(text: str) -> str:
    """The text without its directives, so that an answer that quotes it is no directive for the next turn."""
    if "[[" not in text:
        return text
    return _BLOCK.sub(lambda match: "" if _is_directive(match[1]) else match[0], text).strip()


def _is_directive(block: str) -> bool:
    return any(word.partition("=")[0] in _SWITCHES or word.partition("=")[0] in _VALUES for word in block.split())


def combine(*layers: Mapping[str, int | float | bool]) -> Directives:
    """The later layer wins."""
    merged: dict[str, int | float | bool] = {}
    for layer in layers:
        merged |= layer
    return Directives(**merged) if merged else NONE  # type: ignore[arg-type]  # _item reads each name by its own type
