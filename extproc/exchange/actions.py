"""What Envoy is to do: the answers to the events, one each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

HeaderList = tuple[tuple[str, str], ...]
Metadata = Mapping[str, str | int]
_NO_METADATA: Metadata = MappingProxyType({})


def _no_metadata() -> Metadata:
    return _NO_METADATA


class BodyMode(Enum):
    """How Envoy hands us the response body: ext_proc's `response_body_mode`."""

    NONE = "none"
    BUFFERED = "buffered"
    STREAMED = "streamed"


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on; nothing changes."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Send this to a provider. `body` None leaves the body as it is.

    `headers` are set, `remove` removed; between them they name every credential header of every provider, because
    headers of one attempt are still there on the next. `clusters` is the chain, first attempt first: set by the
    downstream filter only. `native_usage` has Envoy read the response's usage, so that its body need not come to us.
    `metadata` goes to Envoy's dynamic metadata, namespace `llm`.
    """

    path: str
    authority: str
    headers: HeaderList
    remove: tuple[str, ...]
    body: bytes | None
    clusters: tuple[str, ...] = ()
    native_usage: bool = False
    metadata: Metadata = field(default_factory=_no_metadata)


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the caller now. `details` ends up in the access log as RESPONSE_CODE_DETAILS."""

    status: int
    headers: HeaderList
    body: bytes
    details: str
    metadata: Metadata = field(default_factory=_no_metadata)


@dataclass(frozen=True, slots=True)
class Receive:
    """The answer to response headers: let the body come in `mode`, and its end if `trailers`.

    `status` None keeps the status.
    """

    mode: BodyMode
    headers: HeaderList = ()
    remove: tuple[str, ...] = ()
    status: int | None = None
    trailers: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """The answer to a piece of response body. `body` None passes it on as it came.

    `headers`, `remove` and `status` count in BodyMode.BUFFERED only: afterwards they are already with the caller.
    """

    body: bytes | None
    headers: HeaderList = ()
    remove: tuple[str, ...] = ()
    status: int | None = None
    metadata: Metadata = field(default_factory=_no_metadata)


class Cut(Exception):
    """Raised in place of an action: reset the exchange, because nothing that still comes may reach the caller."""


RequestAction = Continue | Upstream | Respond
