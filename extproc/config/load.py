"""From the text of `gateway.yaml` to a `Gateway`.

First the text becomes plain values (`tree`), then these are checked against the document's types (`shape`), then every
part that has its right shape is given its meaning. Mistakes are collected all the way: one try shows them all, but for
those that a malformed entry hides within itself.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping

import msgspec

from extproc.config import shape, tree
from extproc.config.backends import build_backend
from extproc.config.chains import BackendNames, build_model
from extproc.config.credentials import SecretReader
from extproc.config.document import (
    AccountingSection,
    BackendEntry,
    GatewayDocument,
    KeyEntry,
    LimitsSection,
    ModelEntry,
    PriceEntry,
)
from extproc.config.mistakes import Mistakes
from extproc.config.model import Backend, Gateway, Key, Model
from extproc.config.parts import Parts
from extproc.config.prices import build_prices
from extproc.config.providers import SPEAKS_OPENAI
from extproc.config.virtual_keys import build_key

_VERSION_DIGITS = 12
_DOCUMENT = msgspec.inspect.type_info(GatewayDocument)


def load(text: str, source: str, environ: Mapping[str, str], read_file: Callable[[str], bytes]) -> Gateway:
    """The gateway that a document describes.

    `source` is the document's file name, for messages. Secrets come from `environ` and, by absolute path, `read_file`,
    which raises OSError. Raises ConfigError; when the text can be read at all it is a ConfigErrors with every mistake.
    """
    mistakes = Mistakes(source)
    values = tree.read(text, source, mistakes)
    shape.check(values, _DOCUMENT, "", mistakes)
    secrets = SecretReader(environ, read_file, mistakes)
    gateway = _Builder(Parts(values, mistakes), secrets, mistakes).gateway(_version(text))
    mistakes.raise_if_any()
    return gateway


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]


class _Builder:
    """Gives the parts of one document their meaning."""

    def __init__(self, parts: Parts, secrets: SecretReader, mistakes: Mistakes) -> None:
        self._parts = parts
        self._secrets = secrets
        self._mistakes = mistakes

    def gateway(self, version: str) -> Gateway:
        """The gateway, as far as its document allows."""
        backends = self._backends()
        names = BackendNames({backend.name: backend for backend in backends}, self._parts.names("backends"))
        accounting = self._parts.section("accounting", AccountingSection())
        salt = bytes.fromhex(self._parts.text("keys.salt") or "")
        return Gateway(
            backends=backends,
            models=self._models(names),
            keys=self._keys(salt),
            key_salt=salt,
            passthrough=self._passthrough(names),
            max_request_bytes=self._parts.section("limits", LimitsSection()).max_request_bytes,
            usage_extraction=accounting.usage_extraction,
            unknown_price=accounting.unknown_price,
            prices=tuple(build_prices(self._parts.entries("accounting.prices", PriceEntry), self._mistakes)),
            version=version,
        )

    def _backends(self) -> tuple[Backend, ...]:
        entries = self._parts.entries("backends", BackendEntry)
        self._refuse_repeats(((path, entry.name) for path, entry in entries), "name")
        built = (build_backend(entry, path, self._secrets, self._mistakes) for path, entry in entries)
        return tuple(backend for backend in built if backend is not None)

    def _models(self, backends: BackendNames) -> tuple[Model, ...]:
        entries = self._parts.entries("models", ModelEntry)
        self._refuse_repeats(((path, entry.name) for path, entry in entries), "name")
        return tuple(build_model(entry, path, backends, self._mistakes) for path, entry in entries)

    def _keys(self, salt: bytes) -> tuple[Key, ...]:
        entries = self._parts.entries("keys.entries", KeyEntry)
        self._refuse_repeats(((path, entry.alias) for path, entry in entries), "alias")
        models = self._parts.names("models")
        built = [(path, build_key(entry, path, salt, models, self._secrets, self._mistakes)) for path, entry in entries]
        keys = [(path, key) for path, key in built if key is not None]
        self._refuse_repeats(((path, key.digest) for path, key in keys), "")
        return tuple(key for _, key in keys)

    def _passthrough(self, backends: BackendNames) -> Backend | None:
        name = self._parts.text("passthrough")
        backend = backends.find(name, "passthrough", self._mistakes) if name is not None else None
        if backend is not None and backend.schema not in SPEAKS_OPENAI:
            self._mistakes.add("passthrough", f"the backend {backend.name!r} does not speak OpenAI's format")
        return backend

    def _refuse_repeats(self, values: Iterable[tuple[str, str]], field: str) -> None:
        """Every value may stand once. `field` names it in the entry; '' for the key that an entry stands for."""
        seen: dict[str, str] = {}
        for path, value in values:
            first = seen.setdefault(value, path)
            if first != path and field:
                self._mistakes.add(f"{path}.{field}", f"is the {field} of {first} already")
            elif first != path:
                self._mistakes.add(path, f"is the same key as {first}")
