"""The cache, validated and frozen: whose answers are kept, for how long, and which."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from extproc.config.secret import Secret


class SemanticMode(StrEnum):
    """What becomes of a semantic hit: it is only compared with a fresh answer, or it is served."""

    SHADOW = "shadow"
    SERVE = "serve"


class Followers(StrEnum):
    """What an answer costs those who waited for somebody else's request: nothing, or what it cost that one."""

    FREE = "free"
    CHARGED = "charged"


@dataclass(frozen=True, slots=True)
class RemoteEmbedder:
    """Has OpenAI's embeddings API at `url`, the endpoint's path included. `timeout_ms` bounds a question in all."""

    url: str
    model: str
    key: Secret | None = None
    timeout_ms: int = 500


@dataclass(frozen=True, slots=True)
class LocalEmbedder:
    """A directory with `model.onnx` and `tokenizer.json`."""

    directory: Path


@dataclass(frozen=True, slots=True)
class Semantic:
    """How a route answers questions that were asked in other words.

    `most_false_hits` is the share of wrong answers above which it stops. `check_percent` of its hits are asked again
    upstream, to know. `threshold` is the least similarity (0 to 1) that the embedder, if there is one, must find.
    """

    mode: SemanticMode = SemanticMode.SHADOW
    most_false_hits: float = 0.01
    check_percent: float = 5.0
    embedder: RemoteEmbedder | LocalEmbedder | None = None
    threshold: float = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRoute:
    """What is kept of some models; the first route that has a model counts.

    `name` is in the key of every entry and in metrics. `most_temperature` bounds what is asked with (none given is 1).
    `tool_calls` keeps answers that call tools, `alternatives` those to `n` above 1, `kept_by_provider` those that a
    provider remembers under an id. `users_apart` keeps the end users of a tenant apart. `coalesce` lets identical
    requests share the answer of the one under way, and `followers` says what it costs them. Without `semantic` only the
    same request gets an answer again.
    """

    name: str
    models: tuple[str, ...] = ("*",)
    ttl_seconds: int = 3600
    most_temperature: float = 1.0
    tool_calls: bool = False
    alternatives: bool = False
    kept_by_provider: bool = False
    users_apart: bool = False
    most_request_bytes: int = 1 << 20
    most_answer_bytes: int = 1 << 20
    coalesce: bool = True
    followers: Followers = Followers.FREE
    semantic: Semantic | None = None


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """`key` is what keys and entries are sealed with: 32 bytes, the same for all who share a store.

    `memory_bytes` bounds what a worker keeps by itself, where the store is not Redis.
    """

    key: bytes = field(repr=False)
    routes: tuple[CacheRoute, ...]
    memory_bytes: int = 64 << 20
