"""The vault of one exchange: which value each placeholder and each surrogate stands for.

Here called tokens, both. No token is a part of another, whatever the case, and none occurs in the document that it is
put into: so what a caller wrote himself is never taken for one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import MappingProxyType

from extproc.privacy.keyed import Draw, keyed
from extproc.privacy.placeholder import DIGITS_PATTERN, digits_of, name_of

_MOST_SURROGATES = 256
_MOST_TOKENS_BEFORE = 4096  # with more tokens than these, there are no more surrogates: each is compared with all
_MOST_BYTES_SEARCHED = 256 << 20
_ATTEMPTS = 16
_ESCAPED_ASCII = re.compile(rb"\\+u00([2-7][0-9a-f])")

Make = Callable[[str, str, Draw], str | None]


class Vault:
    """Values and their tokens.

    `key` is the tenant's, at least 16 bytes. `make_surrogate` is `surrogate.Surrogates.make` or of its form. Its
    `repr` shows numbers only.
    """

    def __init__(self, key: bytes, make_surrogate: Make | None = None) -> None:
        if len(key) < 16:
            raise ValueError("The key of a tenant's placeholders must have at least 16 bytes.")
        self._key = key
        self._make = make_surrogate
        self._tokens: dict[tuple[str, str, bool], str] = {}
        self._values: dict[str, str] = {}
        self._names: set[str] = set()
        self._digits: set[str] = set()
        self._surrogates: list[str] = []
        self._joined = ""  # the surrogates, in lower case
        self._document = _Document(b"")

    def __repr__(self) -> str:
        return f"Vault({len(self._values)} tokens)"

    def __len__(self) -> int:
        return len(self._values)

    @property
    def values(self) -> Mapping[str, str]:
        """The value of each token."""
        return MappingProxyType(self._values)

    @property
    def names(self) -> frozenset[str]:
        """What the placeholders issued so far begin with."""
        return frozenset(self._names)

    @property
    def surrogates(self) -> tuple[str, ...]:
        return tuple(self._surrogates)

    @property
    def issued(self) -> list[tuple[str, str, bool, str]]:
        """Entity, value, whether it is a surrogate, token: all that `issue_again` needs."""
        return [(*known, token) for known, token in self._tokens.items()]

    @contextmanager
    def avoiding(self, document: bytes) -> Iterator[None]:
        """While it lasts, tokens are issued for this JSON document."""
        self._document = _Document(document)
        try:
            yield
        finally:
            self._document = _Document(b"")

    def placeholder(self, value: str, entity: str) -> str:
        known = self._tokens.get((entity, value, False))
        return known if known is not None else self._new_placeholder(value, entity)

    def surrogate(self, value: str, entity: str) -> str:
        """A plausible stand-in; a placeholder where none can be made, or too many were."""
        known = self._tokens.get((entity, value, True))
        return known or self._new_surrogate(value, entity) or self.placeholder(value, entity)

    def hashed(self, value: str, entity: str) -> str:
        """What stands for a value for good, the same each time; nothing restores it."""
        return f"<{entity}:{keyed(self._key, b'hash', entity, value).hex()[:16]}>"

    def issue_again(self, entity: str, value: str, is_surrogate: bool, token: str) -> None:
        """Takes over a token of an earlier exchange of the tenant."""
        self._tokens[entity, value, is_surrogate] = token
        self._values[token] = value
        if is_surrogate:
            self._surrogates.append(token)
            self._joined = "\n".join(self._surrogates).lower()
        else:
            name = name_of(entity)
            self._names.add(name)
            self._digits.add(token[len(name) :])

    def take_over(self, earlier: "Vault") -> None:
        """The tokens of earlier exchanges of the tenant, for a vault that has none: all that the document has not."""
        for entity, value, is_surrogate, token in earlier.issued:
            if not self._is_written(entity, is_surrogate, token):
                self.issue_again(entity, value, is_surrogate, token)

    def _is_written(self, entity: str, is_surrogate: bool, token: str) -> bool:
        if is_surrogate:
            return self._document.has_text(token.lower())
        name = name_of(entity)
        return self._document.has_placeholder(name, token[len(name) :])

    def _new_placeholder(self, value: str, entity: str) -> str:
        name = name_of(entity)
        for attempt in count():
            digits = digits_of(self._key, entity, value, attempt)
            token = name + digits
            if not (digits in self._digits or self._document.has_placeholder(name, digits) or self._overlaps(token)):
                break
        self.issue_again(entity, value, False, token)
        return token

    def _overlaps(self, token: str) -> bool:
        """With placeholders alone, digits of its own keep a token apart from every other."""
        if not self._joined:
            return False
        lower = token.lower()
        return lower in self._joined or any(other in lower for other in self._joined.splitlines())

    def _new_surrogate(self, value: str, entity: str) -> str | None:
        if self._make is None or len(self._surrogates) >= _MOST_SURROGATES or len(self) > _MOST_TOKENS_BEFORE:
            return None
        for attempt in range(_ATTEMPTS):
            token = self._make(value, entity, Draw(keyed(self._key, b"surrogate", entity, value, attempt)))
            if token is None:
                return None
            if self._is_free(token):
                self.issue_again(entity, value, True, token)
                return token
        return None

    def _is_free(self, token: str) -> bool:
        lower = token.lower()
        others = (other.lower() for other in self._values)
        return not any(lower in other or other in lower for other in others) and not self._document.has_text(lower)


class _Document:
    """What the caller wrote, to be searched in any case and however its ASCII letters are escaped."""

    def __init__(self, document: bytes) -> None:
        self._given = document
        self._lower: bytes | None = None
        self._placeholders: dict[str, frozenset[bytes]] = {}
        self._bytes_searched = 0

    def has_placeholder(self, name: str, digits: str) -> bool:
        found = self._placeholders.get(name)
        if found is None:
            pattern = f"{name.lower()}(?=({DIGITS_PATTERN}))".encode()
            found = self._placeholders[name] = frozenset(re.findall(pattern, self._searched()))
        return bool(found) and digits.encode() in found

    def has_text(self, lower: str) -> bool:
        """Whether a text occurs, or may: there is an end to how much is searched."""
        self._bytes_searched += len(self._given)
        return self._bytes_searched > _MOST_BYTES_SEARCHED or lower.encode() in self._searched()

    def _searched(self) -> bytes:
        if self._lower is None:
            lower = self._given.lower()
            self._lower = _ESCAPED_ASCII.sub(_unescaped, lower) if b"\\u00" in lower else lower
        return self._lower


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode()).lower()
