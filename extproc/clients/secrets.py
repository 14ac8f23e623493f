"""Secrets that are looked up where an organisation keeps them: they do not expire, but may be replaced at any time."""

import math
import re

from extproc.clients.tokens import Token, TokenError
from extproc.config.credentials import MOST_SECRET_CHARACTERS
from extproc.config.document import HEADER_VALUE
from extproc.config.model import Secret

_LOOK_AGAIN_SECONDS = 300.0


def looked_up(value: object) -> Token:
    """A secret as it was found, without the white space around it. Raises TokenError for what no header can carry."""
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise TokenError("the secret has no such text")
    if len(text) > MOST_SECRET_CHARACTERS or not re.fullmatch(HEADER_VALUE, text):
        raise TokenError("the secret is not fit to be sent in a header")
    return Token(Secret(text), math.inf, _LOOK_AGAIN_SECONDS)
