"""The provider's credential on each attempt, and the removal of every other.

Headers that one attempt sets are still there on the next (Envoy keeps one header map for all attempts), so an attempt
must name every credential header there is: its own to set, all others to remove.

Keys are headers that never change. What is fetched in the background, and what is made of the request itself, is a
`LiveCredential`: it is asked on each attempt, and never waits.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from extproc.config.model import (
    AwsByEnvoy,
    AwsChain,
    AwsKeys,
    AwsSecret,
    Backend,
    FetchedCredential,
    Schema,
    Secret,
    VaultSecret,
)
from extproc.errors import CredentialUnavailable
from extproc.exchange.actions import HeaderList
from extproc.policy.sigv4 import Signer

CREDENTIAL_HEADERS = (
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-goog-user-project",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",  # Envoy's own signing adds it
)

NOT_FOR_PROVIDERS = (
    "cookie",
    "proxy-authorization",
    "openai-organization",  # the caller's account, where the request goes out under the operator's
    "openai-project",
    "anthropic-version",
    "anthropic-beta",
    "x-amzn-bedrock-service-tier",
)
"""Headers of the caller, or of an earlier attempt, that no provider gets unless its own attempt sets them."""


_HEADER_OF_SCHEMA = {
    Schema.AZURE_OPENAI: "api-key",
    Schema.ANTHROPIC: "x-api-key",
    Schema.GEMINI: "x-goog-api-key",
    Schema.VERTEX: "x-goog-api-key",
}
"""Where a format has its key, if not as a bearer token in `authorization`."""

_AWS_SERVICE = "bedrock"
_JSON = "application/json"


class Tokens(Protocol):
    """What was fetched in the background."""

    def current(self, credential: FetchedCredential) -> Secret | AwsKeys | None:
        """What to use now; None where there is nothing, or nothing that is still valid."""
        ...


class _NoTokens:
    def current(self, credential: FetchedCredential) -> None:
        """Nothing was fetched."""


NO_TOKENS: Tokens = _NoTokens()
"""For documents that are checked, and not served from."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as a provider gets it: `target` is path and query, `authority` what its `host` will be."""

    method: str
    authority: str
    target: str
    body: bytes


class LiveCredential(Protocol):
    """A credential that is not the same for every request."""

    def headers(self, request: Outgoing, now: float) -> HeaderList:
        """The headers to set at Unix time `now`. Raises CredentialUnavailable."""
        ...


def live_credential(backend: Backend, tokens: Tokens) -> LiveCredential | None:
    """How the credential of this backend is made for each attempt; None where it is among `headers_to_set`."""
    credential = backend.credential
    match credential:
        case None | Secret() | AwsByEnvoy():
            return None
        case AwsKeys():
            return _AwsSignature(backend, lambda: credential)
        case AwsChain():
            return _AwsSignature(backend, lambda: tokens.current(credential))
        case AwsSecret() | VaultSecret():
            return _Fetched(backend, lambda: tokens.current(credential), lambda key: _key_header(backend.schema, key))
        case _:
            return _Fetched(backend, lambda: tokens.current(credential), _bearer)


def headers_to_set(backend: Backend) -> HeaderList:
    """What every request to this backend carries, whatever it asks: a key, and the operator's own headers."""
    key = backend.credential
    return (*_key_header(backend.schema, key), *backend.headers) if isinstance(key, Secret) else backend.headers


def headers_to_remove(backend: Backend, chain: Iterable[Backend]) -> tuple[str, ...]:
    """Every name that the caller or another attempt of this chain may have set, and `headers_to_set` does not.

    What a `LiveCredential` sets is among them.
    """
    own = {name for name, _ in headers_to_set(backend)}
    others = {name for other in chain for name, _ in headers_to_set(other)}
    return tuple(sorted((others | {*CREDENTIAL_HEADERS, *NOT_FOR_PROVIDERS}) - own))


def _key_header(schema: Schema, key: Secret) -> HeaderList:
    """A key as the format wants it."""
    name = _HEADER_OF_SCHEMA.get(schema, "authorization")
    return _bearer(key) if name == "authorization" else ((name, key.reveal()),)


def _bearer(token: Secret) -> HeaderList:
    return (("authorization", f"Bearer {token.reveal()}"),)


class _Fetched:
    """A token or key that was fetched, in the header that it goes into."""

    def __init__(
        self, backend: Backend, current: Callable[[], Secret | AwsKeys | None], shape: Callable[[Secret], HeaderList]
    ) -> None:
        self._backend = backend
        self._current = current
        self._shape = shape

    def headers(self, request: Outgoing, now: float) -> HeaderList:
        found = self._current()
        if not isinstance(found, Secret):
            raise _unavailable(self._backend)
        return self._shape(found)


class _AwsSignature:
    """AWS's signature of each request, by the access key there is. The content type is set, so that it is known."""

    def __init__(self, backend: Backend, current: Callable[[], Secret | AwsKeys | None]) -> None:
        self._backend = backend
        self._current = current
        self._keys: AwsKeys | None = None
        self._signer: Signer | None = None

    def headers(self, request: Outgoing, now: float) -> HeaderList:
        signed = {"content-type": _JSON, "host": request.authority}
        added = self._current_signer().sign(request.method, request.target, signed, request.body, now)
        return (("content-type", _JSON), *added)

    def _current_signer(self) -> Signer:
        """The signer of the current key; it stays the same as long as the key does."""
        keys = self._current()
        if not isinstance(keys, AwsKeys):
            raise _unavailable(self._backend)
        if self._signer is None or keys != self._keys:
            self._keys, self._signer = keys, Signer(keys, self._backend.region or "", _AWS_SERVICE)
        return self._signer


def _unavailable(backend: Backend) -> CredentialUnavailable:
    return CredentialUnavailable(f"The gateway has no valid credential for the provider {backend.name} at the moment.")
