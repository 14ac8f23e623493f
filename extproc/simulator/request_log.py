"""What the simulator received, for tests to look at: requests in a bounded ring, and counts."""

import base64
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived. `target` is path and query; `headers` keep order, case and repetition; `framing` is
    `content-length`, `chunked` or `none`; `directives` is what was applied, in the notation of requests."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    framing: str = "none"
    directives: str = ""

    def header(self, name: str) -> str | None:
        """The first value of a header, None if it was not sent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def document(self) -> dict[str, Any]:
        """For `GET /__log`."""
        return {
            "method": self.method,
            "path": self.target,
            "headers": [list(pair) for pair in self.headers],
            "body": base64.b64encode(self.body).decode(),
            "framing": self.framing,
            "directives": self.directives,
        }


class RequestLog:
    """The last `size` requests, oldest first."""

    def __init__(self, size: int) -> None:
        self._ring: deque[Received] = deque(maxlen=size)

    def __iter__(self) -> Iterator[Received]:
        return iter(tuple(self._ring))

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def enabled(self) -> bool:
        return self._ring.maxlen != 0

    @property
    def last(self) -> Received:
        """The newest request; IndexError when there is none."""
        return self._ring[-1]

    def add(self, received: Received) -> None:
        self._ring.append(received)

    def clear(self) -> None:
        self._ring.clear()


@dataclass(slots=True)
class Stats:
    """Counts since start. `open` requests are being answered now, `streams` of them stream; `abandoned` ones were left
    by the client before the answer ended. `output_tokens` were written to streams, whoever reads them: what a provider
    would bill for."""

    requests: int = 0
    open: int = 0
    streams: int = 0
    abandoned: int = 0
    output_tokens: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    directives: Counter[str] = field(default_factory=Counter)

    def document(self) -> dict[str, Any]:
        """For `GET /__stats`."""
        return {
            "requests": self.requests,
            "open": self.open,
            "streams": self.streams,
            "abandoned": self.abandoned,
            "output_tokens": self.output_tokens,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "directives": dict(sorted(self.directives.items())),
        }
