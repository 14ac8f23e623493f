"""The section `cache`, from its entries in the document."""

from pathlib import Path

from extproc.config.cache import CacheRoute, CacheSettings, LocalEmbedder, RemoteEmbedder, Semantic
from extproc.config.credentials import SecretReader, decoded_key
from extproc.config.document import SecretSource
from extproc.config.document_cache import CacheRouteEntry, CacheSection, EmbedderEntry, SemanticEntry
from extproc.config.mistakes import Mistakes
from extproc.config.named import Served
from extproc.config.rules import duration
from extproc.config.secret import Secret

_KEY_BYTES = 32
_LONGEST_SECONDS = 30 * 86_400


def build_cache(section: CacheSection, served: Served, secrets: SecretReader, mistakes: Mistakes) -> CacheSettings:
    """The section; what is wrong with it goes to `mistakes`."""
    return CacheSettings(
        key=_key(section.key, secrets, mistakes),
        routes=tuple(
            _route(entry, f"cache.routes[{index}]", served, secrets, mistakes)
            for index, entry in enumerate(section.routes)
        ),
        memory_bytes=section.memory_bytes,
    )


def _route(entry: CacheRouteEntry, path: str, served: Served, secrets: SecretReader, mistakes: Mistakes) -> CacheRoute:
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
        followers=entry.followers,
        semantic=_semantic(entry.semantic, f"{path}.semantic", secrets, mistakes),
    )


def _semantic(entry: SemanticEntry | None, path: str, secrets: SecretReader, mistakes: Mistakes) -> Semantic | None:
    if entry is None:
        return None
    embedder = entry.embedder or EmbedderEntry()
    return Semantic(
        mode=entry.mode,
        most_false_hits=entry.most_false_hits,
        check_percent=entry.check,
        embedder=_embedder(embedder, f"{path}.embedder", secrets, mistakes),
        threshold=embedder.threshold,
    )


def _embedder(
    entry: EmbedderEntry, path: str, secrets: SecretReader, mistakes: Mistakes
) -> RemoteEmbedder | LocalEmbedder | None:
    if entry.directory is not None:
        if entry.model is not None or entry.credential is not None:
            mistakes.add(path, "the model and the credential are for a url")
        return LocalEmbedder(Path(entry.directory))
    if entry.url is None:
        return None
    if entry.model is None:
        mistakes.add(path, "a url needs a model")
    key = secrets.read(entry.credential, f"{path}.credential") if entry.credential is not None else None
    return RemoteEmbedder(entry.url, entry.model or "", None if key is None else Secret(key), entry.timeout_ms)


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
