"""Virtual keys: how they are made, and the salted digest that is all the gateway keeps of them."""

import hmac
import secrets

MAX_KEY_BYTES = 512
"""No key is longer; what is presented and longer is refused before it is hashed."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # without 0, O, I and l
_LENGTH = 44  # of 58 letters each: 257 bits


def new_key() -> str:
    """A key that nobody can guess and anybody can read out: `sk-` and 44 letters or digits."""
    return "sk-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def digest(salt: bytes, key: str) -> str:
    """HMAC-SHA256 (RFC 2104) of the key under the salt, in hex. Any text has one, so that a lookup cannot fail."""
    return hmac.digest(salt, key.encode(errors="surrogatepass"), "sha256").hex()
