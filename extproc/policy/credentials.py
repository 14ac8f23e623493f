"""The provider's credential on each attempt, and the removal of every other.

Headers that one attempt sets are still there on the next (Envoy keeps one header map for all attempts), so an attempt
must name every credential header there is: its own to set, all others to remove.
"""

from collections.abc import Iterable

from extproc.config.model import Backend, Schema
from extproc.exchange.actions import HeaderList

CREDENTIAL_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")

NOT_FOR_PROVIDERS = (
    "cookie",
    "proxy-authorization",
    "openai-organization",  # the caller's account, where the request goes out under the operator's
    "openai-project",
    "anthropic-version",
    "anthropic-beta",
)
"""Headers of the caller, or of an earlier attempt, that no provider gets unless its own attempt sets them."""


_HEADER_OF_SCHEMA = {
    Schema.AZURE_OPENAI: "api-key",
    Schema.ANTHROPIC: "x-api-key",
    Schema.GEMINI: "x-goog-api-key",
}
"""Where a format has its credential, if not as a bearer token in `authorization`."""


def credential_header(backend: Backend) -> HeaderList:
    """The credential as the backend's format wants it; empty for a backend without one."""
    if backend.credential is None:
        return ()
    value = backend.credential.reveal()
    name = _HEADER_OF_SCHEMA.get(backend.schema, "authorization")
    return ((name, f"Bearer {value}" if name == "authorization" else value),)


def headers_to_set(backend: Backend) -> HeaderList:
    """What every request to this backend carries, whatever it asks: the credential and the operator's own headers."""
    return (*credential_header(backend), *backend.headers)


def headers_to_remove(backend: Backend, chain: Iterable[Backend]) -> tuple[str, ...]:
    """Every name that the caller or another attempt of this chain may have set, and this backend does not."""
    own = {name for name, _ in headers_to_set(backend)}
    others = {name for other in chain for name, _ in headers_to_set(other)}
    return tuple(sorted((others | {*CREDENTIAL_HEADERS, *NOT_FOR_PROVIDERS}) - own))
