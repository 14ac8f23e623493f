"""What Envoy tells us of an exchange, in order.

The downstream filter sends RequestHeaders, RequestBody (once, whole), ResponseHeaders, then ResponseBody or
ResponseTrailers. The upstream filter sends Attempt, for the second and later attempts only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from extproc.genai.usage import TokenUsage

Headers = Mapping[str, str]
"""Lower-case names, pseudo-headers included. Of a repeated header the last value is kept."""

Claims = Mapping[str, object]
"""By the name that Envoy's jwt_authn knows a provider by (`payload_in_metadata`), the payload of the token that it
verified. A payload is a dictionary of JSON values; its numbers are floats."""


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """The caller's request, and what Envoy itself says of the caller: none of this is the caller's to choose.

    `source_address` is an IP address without a port: the connection's, or behind trusted proxies the one that Envoy's
    `xff_num_trusted_hops` leads to; empty when Envoy did not say or the caller has none (a Unix socket). `spiffe_id` is
    the first URI of the client certificate's subject alternative names, if it is a SPIFFE id.
    """

    headers: Headers = field(repr=False)
    end_of_stream: bool
    source_address: str = ""
    spiffe_id: str = ""
    claims: Claims = field(default_factory=dict, repr=False)


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
