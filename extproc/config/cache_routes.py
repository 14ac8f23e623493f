"""The section `cache`, from its entries in the document."""

from extproc.config.cache import CacheRoute, CacheSettings
from extproc.config.credentials import SecretReader, decoded_key
from extproc.config.document import SecretSource
from extproc.config.document_cache import CacheRouteEntry, CacheSection
from extproc.config.mistakes import Mistakes
from extproc.config.named import Served
from extproc.config.rules import duration

_KEY_BYTES = 32
_LONGEST_SECONDS = 30 * 86_400


def build_cache(section: CacheSection, served: Served, secrets: SecretReader, mistakes: Mistakes) -> CacheSettings:
    """The section; what is wrong with it goes to `mistakes`."""
    return CacheSettings(
        key=_key(section.key, secrets, mistakes),
        routes=tuple(
            _route(entry, f"cache.routes[{index}]", served, mistakes) for index, entry in enumerate(section.routes)
        ),
        memory_bytes=section.memory_bytes,
    )


def _route(entry: CacheRouteEntry, path: str, served: Served, mistakes: Mistakes) -> CacheRoute:
    served.check_counted(entry.models, f"{path}.models", mistakes)
    return CacheRoute(
        name=entry.name,
        models=entry.models,
        ttl_seconds=_ttl(entry.ttl, f"{path}.ttl", mistakes),
        most_temperature=entry.temperature,
        tool_calls=entry.tool_calls,
        alternatives=entry.alternatives,
        kept_by_provider=entry.kept_by_provider,
        users_apart=entry.users_apart,
        most_request_bytes=entry.max_request_bytes,
        most_answer_bytes=entry.max_answer_bytes,
        coalesce=entry.coalesce,
    )


def _ttl(text: str, path: str, mistakes: Mistakes) -> int:
    seconds = duration(text)
    if seconds > _LONGEST_SECONDS:
        mistakes.add(path, "must be at most 30d")
    return seconds


def _key(source: SecretSource, secrets: SecretReader, mistakes: Mistakes) -> bytes:
    """The key; of no use where `mistakes` has why."""
    text = secrets.read(source, "cache.key")
    key = b"" if text is None else decoded_key(text)
    if text is not None and len(key) != _KEY_BYTES:
        mistakes.add("cache.key", f"must be {_KEY_BYTES} bytes in hex or base64; `openssl rand -hex 32` makes some")
    return key
