"""The section `cache` as administrators may see it: without its secrets."""

from typing import Any

from extproc.config.cache import CacheRoute, CacheSettings, LocalEmbedder, RemoteEmbedder, Semantic


def cache_view(cache: CacheSettings) -> dict[str, Any]:
    """JSON-able values."""
    return {"memory_bytes": cache.memory_bytes, "routes": [_route(route) for route in cache.routes]}


def _route(route: CacheRoute) -> dict[str, Any]:
    return {
        "name": route.name,
        "models": list(route.models),
        "ttl": f"{route.ttl_seconds}s",
        "temperature": route.most_temperature,
        "tool_calls": route.tool_calls,
        "alternatives": route.alternatives,
        "kept_by_provider": route.kept_by_provider,
        "users_apart": route.users_apart,
        "max_request_bytes": route.most_request_bytes,
        "max_answer_bytes": route.most_answer_bytes,
        "coalesce": route.coalesce,
        "semantic": None if route.semantic is None else _semantic(route.semantic),
    }


def _semantic(semantic: Semantic) -> dict[str, Any]:
    return {
        "mode": semantic.mode.value,
        "most_false_hits": semantic.most_false_hits,
        "check": semantic.check_percent,
        "embedder": _embedder(semantic),
    }


def _embedder(semantic: Semantic) -> dict[str, Any] | None:
    match semantic.embedder:
        case RemoteEmbedder(url=url, model=model, timeout_ms=timeout_ms):
            return {"url": url, "model": model, "timeout_ms": timeout_ms, "threshold": semantic.threshold}
        case LocalEmbedder(directory=directory):
            return {"directory": str(directory), "threshold": semantic.threshold}
        case None:
            return None
