"""A small document that is right, and ways to change it."""

from collections.abc import Mapping

from extproc.config.load import load
from extproc.config.model import Gateway

SALT = "00112233445566778899aabbccddeeff"
DIGEST = "ab" * 32
RIGHT = f"""\
version: 1
backends:
  - name: openai
    schema: openai
models:
  - name: gpt-4o
    targets: [openai]
keys:
  salt: {SALT}
  entries:
    - {{alias: dev, digest: {DIGEST}}}
"""


def changed(old: str, new: str) -> str:
    """The document with one passage replaced."""
    assert RIGHT.count(old) == 1, f"{old!r} must be in the document once"
    return RIGHT.replace(old, new)


def loaded(text: str, environ: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None) -> Gateway:
    """The gateway of a document called gateway.yaml."""

    def read_file(path: str) -> bytes:
        content = (files or {}).get(path)
        if content is None:
            raise FileNotFoundError(2, "No such file or directory")
        return content

    return load(text, "gateway.yaml", environ or {}, read_file)
