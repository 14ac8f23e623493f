"""Server-Sent Events, read and written (WHATWG HTML, section 9.2, https://html.spec.whatwg.org/multipage/server-sent-events.html).

`Decoder` turns bytes into events, `EventBoundary` cuts a byte stream into whole events without reading them, `encode`
writes one event. Both readers take time linear in the stream, however it is cut.
"""

import msgspec

_MOST_BYTES = 16 << 20
_BOM = b"\xef\xbb\xbf"


class SSEError(ValueError):
    """An event that is larger than we hold, or one that the format cannot express. Carries no content."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event. `event` is its type, '' for the default (`message`); `data` the data lines joined by LF, as sent."""

    event: str
    data: bytes


class Decoder:
    """Bytes to events.

    Line ends are LF, CR, CRLF or any mixture; `id`, `retry`, comments and unknown fields are ignored. The bytes of
    `data` are not checked: invalid UTF-8 passes through. An event over `limit` bytes raises SSEError.
    """

    def __init__(self, limit: int = _MOST_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()  # the event under way, line ends already LF
        self._after_cr = False  # an LF that comes first is the second half of a CRLF
        self._begun = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. Raises SSEError."""
        lines = self._with_lf(data)
        if self._held:
            ended = b"\n\n" in lines or (lines.startswith(b"\n") and self._held.endswith(b"\n"))
            self._held += lines
            if not ended:
                self._check(len(self._held))
                return []
            lines = bytes(self._held)
        blocks = lines.split(b"\n\n")
        if len(lines) > self._limit:
            self._check(max(map(len, blocks)))
        self._held = bytearray(blocks.pop())
        if blocks:
            self._strip_bom(blocks)
        return [event for block in blocks if (event := _event(block)) is not None]

    def finish(self) -> list[Event]:
        """The last event, if its blank line is missing: providers do cut it, so what came of the event counts."""
        blocks = [bytes(self._held)]
        self._held.clear()
        self._strip_bom(blocks)
        event = _event(blocks[0])
        return [] if event is None else [event]

    def _with_lf(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" not in data:
            return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _strip_bom(self, blocks: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            blocks[0] = blocks[0].removeprefix(_BOM)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise SSEError(f"An event of the stream is over {self._limit} bytes.")


def _event(block: bytes) -> Event | None:
    """The event of the lines between two blank lines; None if they hold no data."""
    # Nearly every event of every provider is one data line, or an event line and a data line.
    if block[:6] == b"data: ":
        if b"\n" not in block:
            return Event("", block[6:])
    elif block[:7] == b"event: ":
        name, _, rest = block.partition(b"\n")
        if rest[:6] == b"data: " and b"\n" not in rest:
            return Event(str(name[7:], "utf-8", "replace"), rest[6:])
    return _event_of_lines(block)


def _event_of_lines(block: bytes) -> Event | None:
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return Event(str(name, "utf-8", "replace"), b"\n".join(data)) if data else None


def encode(data: bytes, event: str = "") -> bytes:
    """One event as bytes, LF line ends. A line break in `data` starts another data line; in `event`: SSEError."""
    if "\n" in event or "\r" in event:
        raise SSEError("The type of an event cannot hold a line break.")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data) if event else b"data: %b\n\n" % data


class EventBoundary:
    """Cuts a byte stream after whole events; the bytes stay as they are.

    After each `feed`, what was returned so far is the longest beginning of the stream that ends with a blank line.
    More than `limit` bytes without one raise SSEError.
    """

    def __init__(self, limit: int = _MOST_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()
        self._last = b"\n"  # the byte before the next; a stream begins as if after a line end

    def feed(self, data: bytes) -> bytes:
        """The bytes that may go now; `data` itself if nothing is held back. Raises SSEError."""
        if not self._held and data.endswith((b"\n\n", b"\r\n\r\n")):
            self._last = b"\n"
            return data
        end = self._end(data)
        self._last = data[-1:] or self._last
        if end == 0:
            self._hold(data)
            return b""
        whole = data if end == len(data) else data[:end]
        if self._held:
            whole = bytes(self._held) + whole
            self._held.clear()
        self._hold(data[end:])
        return whole

    def finish(self) -> bytes:
        """The rest: an event without its blank line, or nothing."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def _end(self, data: bytes) -> int:
        """Where the last blank line of `data` ends; 0 if there is none."""
        seen = self._last + data
        end = seen.rfind(b"\n\n")
        if b"\r" in seen:
            end = max(end, seen.rfind(b"\n\r"), seen.rfind(b"\r\r"))
        end += 1  # the blank line's end in `data`, which begins one byte later than `seen`
        if data[:1] == b"\n" and end == 0 and self._last == b"\r" and not self._held:
            return 1  # the second half of the CRLF of a blank line that is gone already
        return end + 1 if end and data[end - 1] == 0x0D and data[end : end + 1] == b"\n" else end

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self._limit:
            raise SSEError(f"An event of the stream is over {self._limit} bytes.")
