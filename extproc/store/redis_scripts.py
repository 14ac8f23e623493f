"""The scripts of `lua/`: each is one atomic operation on the server.

They are sent by their hash, and whole to a server that does not know them: one that is new, or was started again.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """`sha` is what EVALSHA calls it."""

    source: str
    sha: str


def _script(*names: str) -> Script:
    folder = files("extproc.store") / "lua"
    source = "\n".join((folder / f"{name}.lua").read_text() for name in names)
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


RESERVE = _script("ledger", "reserve")
EXTEND = _script("ledger", "extend")
SETTLE = _script("ledger", "settle")
READ = _script("ledger", "read")
REGISTRY_PUT = _script("registry_put")
REGISTRY_CHANGES = _script("registry_changes")
CACHE_RELEASE = _script("cache_release")
CACHE_RENEW = _script("cache_renew")
CACHE_PUBLISH = _script("cache_publish")
CACHE_WATCH = _script("cache_watch")
