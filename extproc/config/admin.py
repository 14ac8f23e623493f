"""The tokens of administrators, from their section in the document."""

import re
from collections.abc import Iterator

from extproc.config.credentials import SecretReader
from extproc.config.document_callers import AdminSection
from extproc.config.mistakes import Mistakes
from extproc.config.model import Secret

_TOKEN = re.compile(r"[!-~]{16,512}")


def build_admin_tokens(section: AdminSection, secrets: SecretReader, mistakes: Mistakes) -> Iterator[Secret]:
    """The tokens of the section `admin`; what is wrong with them is in `mistakes`."""
    for index, source in enumerate(section.tokens):
        path = f"admin.tokens[{index}]"
        token = secrets.read(source, path)
        if token is not None and not _TOKEN.fullmatch(token):
            mistakes.add(path, "a token must be 16 to 512 characters of visible ASCII, no spaces")
        elif token is not None:
            yield Secret(token)
