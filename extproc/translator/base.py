"""What a translator is: a pair of wire formats, the caller's and the backend's.

A `Translator` turns a `Call` into the request for one target, and makes the `Response` that turns what comes back into
the caller's format. Both are pure: bytes in, bytes out, no I/O, no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Raw

from extproc.apischema.endpoints import Endpoint
from extproc.config.model import Target
from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage


@dataclass(frozen=True, slots=True)
class Call:
    """The caller's request, parsed once.

    `path` is as sent, with its query. `fields` are the body's top-level fields, values untouched. `model` is the name
    the caller used. `wants_usage`: the caller of a stream asked for `stream_options.include_usage`. `created` is the
    Unix time in seconds at which the request came, `headers` are the caller's, with lower-case names.
    """

    endpoint: Endpoint
    path: str
    body: bytes
    fields: Mapping[str, Raw]
    model: str
    stream: bool = False
    wants_usage: bool = False
    created: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request in the backend's format. `headers` are the format's own, never credentials.

    `body` None: the caller's body serves as it is. `dropped` names the caller's parameters that the format cannot
    express (only when the backend is set to drop them).
    """

    path: str
    body: bytes | None
    headers: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What a response turned out to be, filled in while it flows.

    `usage` is the provider's own; None where it gave none. `text` collects everything generated (answer, reasoning,
    tool arguments), for counting when there is no usage. `chunks` counts the output events of a stream. `complete` says
    that the provider's own end of the answer was seen. `error` is the type of an error inside a 200.
    """

    usage: TokenUsage | None = None
    response_id: str = ""
    response_model: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    chunks: int = 0
    complete: bool = False
    error: str = ""


class Response(Protocol):
    """A response on its way from a backend to the caller.

    `feed` takes bytes cut anywhere and returns what the caller may have now; it returns the very object it was given
    when nothing changes. `finish` is called once at the end of the body and returns the rest; a body that ended before
    its time becomes a dialect-correct error event (streams) or raises `UpstreamError` (whole bodies).
    """

    @property
    def outcome(self) -> Outcome: ...

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class Translator(Protocol):
    """A pair of wire formats. `identity`: both are the same, so a response needs no change to be understood."""

    @property
    def identity(self) -> bool: ...

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        """The request for one target. Raises InvalidRequest, or Unsupported for what the format cannot express."""
        ...

    def response(self, call: Call, *, streamed: bool) -> Response:
        """The transformer of a successful (2xx) response; `streamed` says that it is an event stream."""
        ...

    def error(self, status: int, body: bytes) -> UpstreamError:
        """An error response of the provider, its message kept. `body` may be anything, HTML included."""
        ...
