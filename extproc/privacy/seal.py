"""A vault as encrypted bytes, for a store in which it may outlive its exchange.

AES-256-GCM (NIST SP 800-38D) with a key that is made from the tenant's; version and tenant are authenticated with it,
so what one tenant stored opens for no other. The nonce is given, 12 bytes, and must be random: at one nonce a vault, a
key is good for 2^32 of them.
"""

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from extproc.privacy.keyed import keyed
from extproc.privacy.vault import Make, Vault

_VERSION = b"\x01"
_NONCE = 12
_decode = msgspec.msgpack.Decoder(list[tuple[str, bytes, bool, str]]).decode


class SealError(ValueError):
    """What was stored is not a vault of this tenant and key. Carries no content."""


def seal(vault: Vault, key: bytes, tenant: str, nonce: bytes) -> bytes:
    """Version, nonce, ciphertext."""
    if len(nonce) != _NONCE:
        raise ValueError("A nonce must have 12 bytes.")
    rows = [(entity, value.encode("utf-8", "surrogatepass"), *rest) for entity, value, *rest in vault.issued]
    return _VERSION + nonce + _cipher(key).encrypt(nonce, msgspec.msgpack.encode(rows), _authenticated(tenant))


def open_sealed(sealed: bytes, key: bytes, tenant: str, make_surrogate: Make | None = None) -> Vault:
    """The vault again. Raises SealError."""
    if sealed[:1] != _VERSION:
        raise SealError("The vault was sealed by another version.")
    nonce, ciphertext = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    try:
        rows = _decode(_cipher(key).decrypt(nonce, ciphertext, _authenticated(tenant)))
    except (InvalidTag, ValueError):
        raise SealError("The vault is not this tenant's, or was altered.") from None
    vault = Vault(key, make_surrogate)
    for entity, value, is_surrogate, token in rows:
        vault.issue_again(entity, value.decode("utf-8", "surrogatepass"), is_surrogate, token)
    return vault


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(keyed(key, b"seal", "", ""))


def _authenticated(tenant: str) -> bytes:
    return b"vault" + _VERSION + tenant.encode()
