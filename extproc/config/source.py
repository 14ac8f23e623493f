"""Where the document comes from: a file, or the embedded default. The only file of this package that does I/O."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from extproc.config.defaults import default_document
from extproc.config.load import load
from extproc.config.model import Gateway
from extproc.errors import ConfigError


class Source:
    """Reads the document at `path`, or the default for this environment when `path` is None.

    It remembers which secret files the document named, so that `fingerprint` changes when any of them does, and
    `last_good` is the text of the last document that was good.
    """

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.name = str(path) if path is not None else "embedded default"
        self._path = path
        self._environ = environ
        self._secret_files: tuple[str, ...] = ()
        self.last_good = ""

    def read(self) -> Gateway:
        """Raises ConfigError."""
        named: list[str] = []

        def read_file(path: str) -> bytes:
            named.append(path)
            return Path(path).read_bytes()

        try:
            text = self._text()
            gateway = load(text, self.name, self._environ, read_file)
        finally:
            self._secret_files = tuple(named)
        self.last_good = text
        return gateway

    def fingerprint(self) -> str:
        """A digest of the document and its secret files as they are now; a file that is not there counts as empty."""
        digest = hashlib.sha256()
        for path in (self._path, *map(Path, self._secret_files)):
            digest.update(_bytes_or_nothing(path))
            digest.update(b"\0")
        return digest.hexdigest()

    def _text(self) -> str:
        if self._path is None:
            return default_document(self._environ)
        try:
            return self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {type(error).__name__}", source=self.name) from None


def _bytes_or_nothing(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except OSError:
        return b""
