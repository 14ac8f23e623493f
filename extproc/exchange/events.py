"""What Envoy tells us of an exchange, in order.

The downstream filter sends RequestHeaders, RequestBody (once, whole), ResponseHeaders, then ResponseBody or
ResponseTrailers. The upstream filter sends Attempt, for the second and later attempts only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.genai.usage import TokenUsage

Headers = Mapping[str, str]
"""Lower-case names, pseudo-headers included. Of a repeated header the last value is kept."""


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    headers: Headers
    end_of_stream: bool


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The whole body. Trailers may follow; the body is complete all the same."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """Envoy is about to send attempt `number` (2, 3, …) to `cluster`."""

    cluster: str
    number: int


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    """The final response's headers. `cluster` answered on attempt `attempt`.

    `details` is Envoy's RESPONSE_CODE_DETAILS: `via_upstream` when a provider answered, otherwise Envoy's own words.
    """

    status: int
    headers: Headers
    end_of_stream: bool
    cluster: str
    attempt: int
    details: str


@dataclass(frozen=True, slots=True)
class ResponseBody:
    data: bytes
    end_of_stream: bool


@dataclass(frozen=True, slots=True)
class ResponseTrailers:
    """The end of a response that Python did not look at. `usage` is what Envoy extracted, if it found any."""

    usage: TokenUsage | None
