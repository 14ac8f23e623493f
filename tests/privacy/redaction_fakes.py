"""What the tests of this package share: a detector of e-mail addresses and such, a tenant's key, a vault."""

import re

from extproc.privacy.detect.span import Span
from extproc.privacy.surrogate import Surrogates
from extproc.privacy.vault import Vault

KEY = b"0123456789abcdef"
ANN = "ann@example.org"
ANN_TOKEN = "EMAILADDRESS957d1fe6d2"
BOB = 'bob "the\\builder"\n<b@x.y>'
_PATTERN = re.compile(
    r"(?P<EMAIL_ADDRESS>[\w.+-]+@[\w-]+(?:\.\w+)+)|(?P<CREDIT_CARD>\b\d{16}\b)|(?<=ssn: )(?P<US_SSN>\d{9})"
)


def find(text: str) -> list[Span]:
    """E-mail addresses, numbers of 16 digits, and numbers of 9 digits behind the word that names them."""
    return [Span(*found.span(), str(found.lastgroup)) for found in _PATTERN.finditer(text)]


def vault(key: bytes = KEY) -> Vault:
    return Vault(key, Surrogates().make)


class Unchanged:
    """A response that nothing is done about."""

    outcome = "its outcome"

    def __init__(self, rest: bytes = b"") -> None:
        self._rest = rest

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return self._rest
