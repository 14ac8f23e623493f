"""Virtual keys, from their entries in the document."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from extproc.config.credentials import SecretReader
from extproc.config.document import KeyEntry
from extproc.config.keys import MAX_KEY_BYTES, digest
from extproc.config.mistakes import Mistakes
from extproc.config.model import WILDCARD, Key

_KEY = re.compile(r"[!-~]+")


def build_key(
    entry: KeyEntry, path: str, salt: bytes, models: Iterable[str], secrets: SecretReader, mistakes: Mistakes
) -> Key | None:
    """The key of an entry; None when `mistakes` has why there is none.

    `path` is where the entry stands, `models` the names that the document gives to models.
    """
    made = _digest(entry, path, salt, secrets, mistakes)
    names = tuple(models)
    for index, name in enumerate(entry.models):
        if not _is_served(name, names):
            mistakes.add(f"{path}.models[{index}]", f"there is no model {name!r}", wrong=name, names=names)
    expires = _expires(entry, path, mistakes)
    if mistakes.touches(path) or made is None:
        return None
    return Key(alias=entry.alias, digest=made, team=entry.team or "", models=entry.models, expires=expires)


def _digest(entry: KeyEntry, path: str, salt: bytes, secrets: SecretReader, mistakes: Mistakes) -> str | None:
    if entry.secret is None:
        return entry.digest
    secret = secrets.read(entry.secret, f"{path}.secret")
    if secret is None:
        return None
    if len(secret) > MAX_KEY_BYTES or not _KEY.fullmatch(secret):
        mistakes.add(f"{path}.secret", f"a key must be at most {MAX_KEY_BYTES} characters of visible ASCII, no spaces")
        return None
    return digest(salt, secret)


def _is_served(name: str, models: Iterable[str]) -> bool:
    """Whether a key's model is `*`, a model's name, or covered by a model whose name ends in `*`."""
    covered = (model == name or (model.endswith(WILDCARD) and name.startswith(model[:-1])) for model in models)
    return name == WILDCARD or any(covered)


def _expires(entry: KeyEntry, path: str, mistakes: Mistakes) -> float | None:
    if entry.expires is None:
        return None
    try:
        moment = datetime.fromisoformat(entry.expires.upper())
    except ValueError:
        mistakes.add(f"{path}.expires", "there is no such date or time")
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
