"""The response side of an exchange: what kind of answer came, and what the caller gets of it."""

import re
import zlib
from collections.abc import Callable, Iterable
from itertools import islice

from extproc.apischema.dialect import Dialect
from extproc.errors import (
    GatewayError,
    InternalError,
    InvalidRequest,
    NoBackendAvailable,
    RequestTooLarge,
    UpstreamError,
)
from extproc.exchange.actions import BodyMode, Respond
from extproc.exchange.events import Headers, ResponseHeaders
from extproc.translator.base import Outcome, Response
from extproc.wire.content_encoding import Decoder

FROM_PROVIDER = "via_upstream"
MOST_BUFFERED = 768 << 10
"""Envoy's own buffer for whole responses is 1 MiB; longer ones, and those of unknown length, come in pieces."""

_NOT_FOR_A_HEADER = re.compile(r"[^A-Za-z0-9_.\[\]-]")
_MOST_NAMES, _MOST_NAME = 32, 64

NOT_FOR_CALLERS = (
    "set-cookie",  # the provider's session with us
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
)


_EVENT_STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream")


def is_event_stream(headers: Headers) -> bool:
    return headers.get("content-type", "").startswith(_EVENT_STREAMS)


def is_json(headers: Headers) -> bool:
    return "json" in headers.get("content-type", "").partition(";")[0]


def body_mode(headers: Headers) -> BodyMode:
    """The cheapest way to get this body: in one message when Envoy can hold it, else piece by piece."""
    length = headers.get("content-length", "")
    if not is_event_stream(headers) and length.isdecimal() and int(length) <= MOST_BUFFERED:
        return BodyMode.BUFFERED
    return BodyMode.STREAMED


def local_reply_error(event: ResponseHeaders) -> GatewayError:
    """What to tell the caller when Envoy answered instead of a provider."""
    if event.status == 413:
        return RequestTooLarge("The request body is too large.")
    if event.status in (408, 504):
        return UpstreamError("The provider did not answer in time.", status=504, code="upstream_timeout")
    return NoBackendAvailable("No provider of this model could be reached.", headers={"retry-after": "1"})


def early_reply_error(event: ResponseHeaders) -> GatewayError:
    """What to tell the caller when Envoy answered before a provider was chosen."""
    if event.status == 413:
        return RequestTooLarge("The request body is too large.")
    if event.status == 503:  # the cluster without hosts: after headers, HTTP/2 may send trailers and no body
        return InvalidRequest("The request has no body.")
    if event.status < 500:
        return InvalidRequest("The request was refused, or did not arrive whole.")
    return InternalError("The gateway failed to handle the request.")


def provider_error(error: UpstreamError, provider: str) -> UpstreamError:
    """The provider's error as the caller may see it.

    A refused credential or an unpaid bill is the operator's, not the caller's: it must not look like a bad virtual key
    or a spent budget, and the provider's words may quote the credential. Trying again does not help.
    """
    if error.status in (401, 403) or error.code == "upstream_authentication":
        what, code = "refused the gateway's credential", "upstream_authentication"
    elif error.status == 402 or error.code == "upstream_billing":
        what, code = "wants to be paid by the gateway's operator", "upstream_billing"
    else:
        return error
    return UpstreamError(f"The provider {provider} {what}.", status=502, code=code, headers={"x-should-retry": "false"})


def header_list(names: Iterable[str]) -> str:
    """Names, some of which a caller chose, as the value of a header: no byte that could end it, and not too long."""
    plain = (_NOT_FOR_A_HEADER.sub("?", name[:_MOST_NAME]) for name in names)
    return ",".join(islice(plain, _MOST_NAMES))


def respond(error: GatewayError, dialect: Dialect, request_id: str) -> Respond:
    """The error in the caller's dialect."""
    return Respond(
        status=error.status,
        headers=(("content-type", "application/json"), *error.headers.items()),
        body=dialect.body(error, request_id),
        details=error.code or error.type,
    )


class Decoded:
    """A response whose bytes are decompressed before they are read."""

    def __init__(self, inner: Response, decoder: Decoder) -> None:
        self._inner = inner
        self._decoder = decoder

    @property
    def outcome(self) -> Outcome:
        return self._inner.outcome

    def feed(self, data: bytes) -> bytes:
        plain = self._plain(lambda: self._decoder.feed(data))
        return self._inner.feed(plain) if plain else b""

    def finish(self) -> bytes:
        plain = self._plain(self._decoder.finish)
        return (self._inner.feed(plain) if plain else b"") + self._inner.finish()

    def _plain(self, decode: Callable[[], bytes]) -> bytes:
        try:
            return decode()
        except (ValueError, zlib.error):
            raise UpstreamError("The provider's response could not be decompressed.") from None


class ErrorAnswer:
    """An error response of a provider, collected whole and said again in the caller's dialect.

    `read` is the translator's `error` for the response's status.
    """

    _MOST_BYTES = 1 << 20

    def __init__(self, read: Callable[[bytes], UpstreamError], dialect: Dialect, request_id: str) -> None:
        self.outcome = Outcome()
        self._read = read
        self._dialect = dialect
        self._request_id = request_id
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size <= self._MOST_BYTES:
            self._pieces.append(data)
        return b""

    def finish(self) -> bytes:
        error = self._read(b"".join(self._pieces))
        self.outcome.error = error.code or error.type
        return self._dialect.body(error, self._request_id)
