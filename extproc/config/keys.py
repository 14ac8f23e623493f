"""Virtual keys: how they are made, and the salted digest that is all the gateway keeps of them.

A key of the document is any text. A key of the registry has a form of its own: `sk-`, the id of its record (which is no
secret), the secret, and a check by which a key that was never made here is told from one that was, without a lookup.
"""

import hmac
import secrets

MAX_KEY_BYTES = 512
"""No key is longer; what is presented and longer is refused before it is hashed."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # without 0, O, I and l
_LETTERS = frozenset(_ALPHABET)
_PREFIX = "sk-"
_LENGTH = 44  # of 58 letters each: 257 bits
_ID_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 16, 40, 6  # 94, 234 and 35 bits
_KEY_LENGTH = len(_PREFIX) + _ID_LENGTH + _SECRET_LENGTH + _CHECK_LENGTH
_CHECK_CONTEXT = "check\x00"  # no key of the registry's form begins so: its digest is never its check


def new_key() -> str:
    """A key that nobody can guess and anybody can read out: `sk-` and 44 letters or digits."""
    return _PREFIX + _letters(_LENGTH)


def digest(salt: bytes, key: str) -> str:
    """HMAC-SHA256 (RFC 2104) of the key under the salt, in hex. Any text has one, so that a lookup cannot fail."""
    return hmac.digest(salt, key.encode(errors="surrogatepass"), "sha256").hex()


def new_id() -> str:
    """The id of a new record, which nobody has had before."""
    return _letters(_ID_LENGTH)


def new_registry_key(salt: bytes, id: str) -> str:
    """A key for the record of this id: `sk-` and 62 letters or digits."""
    unchecked = f"{_PREFIX}{id}{_letters(_SECRET_LENGTH)}"
    return unchecked + _check(salt, unchecked)


def record_id(key: str) -> str:
    """The id of the record that a key of the registry's form names; empty for any other text."""
    body = key[len(_PREFIX) :]
    has_form = len(key) == _KEY_LENGTH and key.startswith(_PREFIX) and _LETTERS.issuperset(body)
    return body[:_ID_LENGTH] if has_form else ""


def has_check(salt: bytes, key: str) -> bool:
    """Whether a key of the registry's form was made under this salt; it may have been deleted since."""
    unchecked, check = key[:-_CHECK_LENGTH], key[-_CHECK_LENGTH:]
    return bool(record_id(key)) and hmac.compare_digest(_check(salt, unchecked), check)


def _letters(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _check(salt: bytes, unchecked: str) -> str:
    number = int.from_bytes(hmac.digest(salt, (_CHECK_CONTEXT + unchecked).encode(), "sha256"))
    letters = []
    for _ in range(_CHECK_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)
