"""Who calls: the virtual key of a request, in any of the headers that SDKs send it in."""

import hmac
from collections.abc import Mapping

from extproc.config.keys import MAX_KEY_BYTES, digest
from extproc.config.model import Key
from extproc.errors import Unauthenticated

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Where the OpenAI, Anthropic, Azure and Google SDKs put a key, in the order in which they are read."""


class Authenticator:
    """Finds the key of a request. Keys are known by their salted digest only.

    The digest of what was presented is looked up, so that the time taken depends on no stored key; the comparison that
    follows is constant-time all the same.
    """

    def __init__(self, salt: bytes, keys: tuple[Key, ...]) -> None:
        self._salt = salt
        self._keys = {key.digest: key for key in keys}

    def authenticate(self, headers: Mapping[str, str], now: float) -> Key:
        """The key of a request at Unix time `now`. Raises Unauthenticated."""
        presented = presented_key(headers)
        if not presented:
            raise Unauthenticated("No API key was given. Send it as 'Authorization: Bearer <key>'.")
        key = self._find(presented)
        if key is None:
            raise Unauthenticated("The API key is not known here.")
        if key.expires is not None and now >= key.expires:
            raise Unauthenticated("The API key has expired.")
        return key

    def _find(self, presented: str) -> Key | None:
        if len(presented) > MAX_KEY_BYTES:
            return None
        made = digest(self._salt, presented)
        key = self._keys.get(made)
        return key if key is not None and hmac.compare_digest(key.digest, made) else None


def presented_key(headers: Mapping[str, str]) -> str:
    """The key as the caller sent it, without the `Bearer` scheme; empty when there is none."""
    for name in KEY_HEADERS:
        value = headers.get(name)
        if value:
            scheme, _, rest = value.partition(" ")
            return rest.strip() if scheme.lower() == "bearer" and rest else value.strip()
    return ""
