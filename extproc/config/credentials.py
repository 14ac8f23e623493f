"""Secrets, fetched from where the document says they are."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from extproc.config.document import HEADER_VALUE, SecretSource
from extproc.config.mistakes import Mistakes

MOST_SECRET_CHARACTERS = 8192
_MOST_DOCUMENT_CHARACTERS = 65536
_HEX = re.compile(r"([0-9a-fA-F]{2})+")


class SecretReader:
    """Reads secrets from the environment and from files; both are given, so that loading a document is a function."""

    def __init__(self, environ: Mapping[str, str], read_file: Callable[[str], bytes], mistakes: Mistakes) -> None:
        self._environ = environ
        self._read_file = read_file
        self._mistakes = mistakes

    def read(self, source: SecretSource, path: str) -> str | None:
        """The secret without the white space around it, fit to be a header's value; None where that is a mistake."""
        text = self._text(source, path)
        if text is None:
            return None
        secret = text.strip()
        if not secret:
            self._mistakes.add(path, "the secret is empty")
            return None
        if len(secret) > MOST_SECRET_CHARACTERS or not re.fullmatch(HEADER_VALUE, secret):
            self._mistakes.add(path, "the secret must be one line of visible ASCII of at most 8192 characters")
            return None
        return secret

    def read_document(self, source: SecretSource, path: str) -> str | None:
        """A secret of many lines, such as a key file, as it is; None where that is a mistake."""
        text = self._text(source, path)
        if text is not None and len(text) > _MOST_DOCUMENT_CHARACTERS:
            self._mistakes.add(path, f"is longer than {_MOST_DOCUMENT_CHARACTERS} characters")
            return None
        return text

    def check_file(self, name: str, path: str) -> None:
        """That a file which someone else will read can be read. It counts as one of the document's secret files."""
        self._from_file(name, path)

    def _text(self, source: SecretSource, path: str) -> str | None:
        if source.env is not None:
            return self._from_environment(source.env, f"{path}.env")
        if source.file is not None:
            return self._from_file(source.file, f"{path}.file")
        return source.value

    def _from_environment(self, name: str, path: str) -> str | None:
        text = self._environ.get(name)
        if text is None:
            self._mistakes.add(path, f"the environment variable {name} is not set")
        return text

    def _from_file(self, name: str, path: str) -> str | None:
        try:
            return self._read_file(name).decode()
        except OSError as error:
            self._mistakes.add(path, f"the file {name} cannot be read: {error.strerror or type(error).__name__}")
        except UnicodeDecodeError:
            self._mistakes.add(path, f"the file {name} is not text")
        return None


def decoded_key(text: str) -> bytes:
    """The bytes of a key that is written in hex or base64; none where it is neither."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
