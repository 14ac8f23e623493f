"""What a wire format is to the simulator: a record of pure functions over one HTTP request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from extproc.simulator.directives import Directives

Json = dict[str, Any]
JSON_HEADERS = {"content-type": "application/json"}
EVENT_STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}

_decoder = msgspec.json.Decoder()
encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. Header names are lower-case; `token` is unique and `now` the Unix time, so that a format needs
    neither clock nor randomness; `keys` and `models` are those of the settings."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    token: str
    now: int
    keys: tuple[str, ...] = field(default=(), repr=False)
    models: tuple[str, ...] = ()

    def accepts(self, credential: str) -> bool:
        return credential in self.keys if self.keys else credential != ""

    def bearer(self) -> str:
        scheme, _, credential = self.headers.get("authorization", "").partition(" ")
        return credential.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its `event:` name (None where the format has none), its data, and how many tokens of the
    answer it carries, which paces the stream."""

    name: str | None
    data: bytes
    tokens: int = 0

    def frame(self, newline: bytes) -> bytes:
        """The event as it goes over the wire (WHATWG HTML, section 9.2)."""
        head = b"" if self.name is None else b"event: " + self.name.encode() + newline
        return head + b"data: " + self.data + newline + newline


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: a body, or a stream of events."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    events: Iterable[Event] | None = None


class Rejected(Exception):
    """The provider refuses the request. `kind`, `param` and `code` are the error object's fields where it has them."""

    def __init__(
        self, status: int, message: str, *, kind: str | None = None, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.param, self.code = status, message, kind, param, code


@dataclass(frozen=True, slots=True)
class Format:
    """A wire format.

    owns           whether this request is for it
    subject        the text in which directives stand; never raises
    answer         the answer; raises Rejected
    failure        the answer to a refused request, in the provider's error format
    fault          the refusal that stands for a status asked for by a directive
    error_event    the event that reports an error inside a stream
    """

    name: str
    owns: Callable[[Call], bool]
    subject: Callable[[Call], str]
    answer: Callable[[Call, Directives], Reply]
    failure: Callable[[Call, Rejected], Reply]
    fault: Callable[[int], Rejected]
    error_event: Event


def read_object(body: bytes) -> Json | None:
    """The JSON object in a body, None when it is not one."""
    try:
        document = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
