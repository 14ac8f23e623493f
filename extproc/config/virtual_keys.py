"""Virtual keys, from their entries in the document."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from extproc.config.credentials import SecretReader
from extproc.config.document_callers import KeyEntry
from extproc.config.keys import MAX_KEY_BYTES, digest
from extproc.config.mistakes import Mistakes
from extproc.config.model import Key
from extproc.config.named import Named, Served, check_tags

_KEY = re.compile(r"[!-~]+")


class KeyBuilder:
    """Makes the keys of one document; what is wrong with them goes to `mistakes`."""

    def __init__(self, salt: bytes, served: Served, teams: Named, secrets: SecretReader, mistakes: Mistakes) -> None:
        self._salt = salt
        self._served = served
        self._teams = teams
        self._secrets = secrets
        self._mistakes = mistakes

    def build(self, entry: KeyEntry, path: str) -> Key | None:
        """The key of an entry; None when `mistakes` has why there is none. `path` is where the entry stands."""
        made = self._digest(entry, path)
        self._served.check_all(entry.models, f"{path}.models", self._mistakes)
        self._check_aliases(entry, f"{path}.aliases")
        check_tags(entry.tags, f"{path}.tags", self._mistakes)
        if entry.team is not None:
            self._teams.check(entry.team, f"{path}.team", self._mistakes)
        networks = tuple(self._networks(entry, f"{path}.networks"))
        expires = self._expires(entry, path)
        if self._mistakes.touches(path) or made is None:
            return None
        return Key(
            alias=entry.alias,
            digest=made,
            user=entry.user or "",
            team=entry.team or "",
            models=entry.models,
            endpoints=entry.endpoints,
            aliases=tuple(entry.aliases.items()),
            networks=networks,
            tags=entry.tags,
            blocked=entry.blocked,
            expires=expires,
            metadata=tuple(entry.metadata.items()),
        )

    def _digest(self, entry: KeyEntry, path: str) -> str | None:
        if entry.secret is None:
            return entry.digest
        secret = self._secrets.read(entry.secret, f"{path}.secret")
        if secret is None:
            return None
        if len(secret) > MAX_KEY_BYTES or not _KEY.fullmatch(secret):
            message = f"a key must be at most {MAX_KEY_BYTES} characters of visible ASCII, no spaces"
            self._mistakes.add(f"{path}.secret", message)
            return None
        return digest(self._salt, secret)

    def _check_aliases(self, entry: KeyEntry, path: str) -> None:
        for name, model in entry.aliases.items():
            if self._served.has(name):
                self._mistakes.add(f"{path}.{name}", "is the name of a model already")
            self._served.check(model, f"{path}.{name}", self._mistakes)

    def _networks(self, entry: KeyEntry, path: str) -> Iterator[IPv4Network | IPv6Network]:
        for index, written in enumerate(entry.networks):
            try:
                yield ip_network(written)
            except ValueError:
                self._mistakes.add(f"{path}[{index}]", _why_no_network(written))

    def _expires(self, entry: KeyEntry, path: str) -> float | None:
        if entry.expires is None:
            return None
        try:
            moment = datetime.fromisoformat(entry.expires.upper())
        except ValueError:
            self._mistakes.add(f"{path}.expires", "there is no such date or time")
            return None
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _why_no_network(written: str) -> str:
    try:
        meant = ip_network(written, strict=False)
    except ValueError:
        return "there is no such network"
    return f"has bits set beyond its prefix (is {meant} meant?)"
