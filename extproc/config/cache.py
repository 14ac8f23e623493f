"""The cache, validated and frozen: whose answers are kept, for how long, and which."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRoute:
    """What is kept of some models; the first route that has a model counts.

    `name` is in the key of every entry and in metrics. `most_temperature` bounds what is asked with (none given is 1).
    `tool_calls` keeps answers that call tools, `alternatives` those to `n` above 1, `kept_by_provider` those that a
    provider remembers under an id. `users_apart` keeps the end users of a tenant apart. `coalesce` lets identical
    requests wait for the one under way.
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


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """`key` is what keys and entries are sealed with: 32 bytes, the same for all who share a store.

    `memory_bytes` bounds what a worker keeps by itself, where the store is not Redis.
    """

    key: bytes = field(repr=False)
    routes: tuple[CacheRoute, ...]
    memory_bytes: int = 64 << 20
