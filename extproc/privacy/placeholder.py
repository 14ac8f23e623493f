"""What stands for a value in a prompt: a word such as `EMAILADDRESS7f3a9c2e10`.

Its shape was chosen for the way there and back:

* Letters and digits only. No encoder escapes them: not JSON (Go, PHP and .NET turn `<`, `>`, `&`, `+` and `/` into
  `\\u003c` and the like, in tool arguments twice over), not HTML, not URLs, not Markdown (models write `\\_` and `**`),
  no shell and no template language. Models also write hyphens as U+2011. A bare word is one everywhere.
* It begins with what it stands for, so that a model can reason about it; ten digits follow, which models copy as they
  copy any commit id. The first is a decimal digit, so a name ends where the digits begin, whatever the case.
* The case does not count when it comes back: `emailaddress7f3a9c2e10` is restored. Whatever else is altered is left.

It depends on the tenant's key, the entity and the value alone: the same in every turn, message and process, and of no
use to who has not the key. Ten digits make 39 bits: the chance that any two of 10,000 values share one
is 1 in 14,000, and then the vault takes the next `attempt`.
"""

import re
from functools import lru_cache

from extproc.privacy.keyed import keyed

DIGITS = 10
DIGITS_PATTERN = f"[0-9][0-9a-f]{{{DIGITS - 1}}}"
_NOT_LETTERS = re.compile("[^A-Z]+")


@lru_cache(1024)
def name_of(entity: str) -> str:
    """The letters that a placeholder of an entity begins with: `US_SSN` gives `USSSN`."""
    return _NOT_LETTERS.sub("", entity.upper()) or "VALUE"


def digits_of(key: bytes, entity: str, value: str, attempt: int = 0) -> str:
    """The ten digits: one decimal, nine hexadecimal in lower case."""
    made = keyed(key, b"placeholder", entity, value, attempt)
    return f"{made[0] % 10}{made[1:].hex()[: DIGITS - 1]}"
