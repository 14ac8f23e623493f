"""The section `cache`: what it means, what is wrong with it, and what of it administrators see."""

import base64
from pathlib import Path
from typing import Any

import pytest
from gateway_documents import RIGHT, loaded

from extproc.config.cache import CacheRoute, CacheSettings, LocalEmbedder, RemoteEmbedder, Semantic, SemanticMode
from extproc.config.mistakes import ConfigErrors
from extproc.config.redacted import redacted_view
from extproc.config.secret import Secret

KEY = "5f" * 32
SMALL = "routes: [{name: faq}]"


def cache(fields: str, key: str = KEY) -> CacheSettings:
    """The section with these fields, each on a line."""
    made = loaded(document(fields), {"KEY": key}).cache
    assert made is not None
    return made


def document(fields: str) -> str:
    return f"{RIGHT}cache:\n  key: {{env: KEY}}\n" + "".join(f"  {line}\n" for line in fields.splitlines())


def test_there_is_none_by_default() -> None:
    assert loaded(RIGHT).cache is None


def test_a_small_section() -> None:
    assert cache(SMALL) == CacheSettings(key=b"\x5f" * 32, routes=(CacheRoute(name="faq"),), memory_bytes=67108864)


def test_the_defaults_of_the_document_are_those_of_the_settings() -> None:
    assert cache(SMALL).routes == (
        CacheRoute(
            name="faq",
            models=("*",),
            ttl_seconds=3600,
            most_temperature=1.0,
            tool_calls=False,
            alternatives=False,
            kept_by_provider=False,
            users_apart=False,
            most_request_bytes=1048576,
            most_answer_bytes=1048576,
            coalesce=True,
            semantic=None,
        ),
    )


def test_everything_there_is() -> None:
    made = cache(
        """\
memory_bytes: 1048576
routes:
  - name: faq
    models: [gpt-*]
    ttl: 30d
    temperature: 0.3
    tool_calls: true
    alternatives: true
    kept_by_provider: true
    users_apart: true
    max_request_bytes: 1024
    max_answer_bytes: 33554432
    coalesce: false
  - {name: rest, ttl: 1s, temperature: 0}
"""
    )
    assert made.memory_bytes == 1048576
    assert made.routes == (
        CacheRoute(
            name="faq",
            models=("gpt-*",),
            ttl_seconds=2592000,
            most_temperature=0.3,
            tool_calls=True,
            alternatives=True,
            kept_by_provider=True,
            users_apart=True,
            most_request_bytes=1024,
            most_answer_bytes=33554432,
            coalesce=False,
        ),
        CacheRoute(name="rest", ttl_seconds=1, most_temperature=0),
    )


def semantic(fields: str) -> Semantic | None:
    """That of the one route."""
    return cache(f"routes: [{{name: faq, semantic: {{{fields}}}}}]").routes[0].semantic


def test_a_semantic_route_is_in_shadow_mode_without_an_embedder() -> None:
    assert semantic("") == Semantic(SemanticMode.SHADOW, 0.01, 5.0, None, 0.85)


def test_a_remote_embedder() -> None:
    asked = "{url: 'http://127.0.0.1:8000/v1/embeddings', model: small, credential: {env: KEY}, threshold: 0.9}"
    remote = RemoteEmbedder("http://127.0.0.1:8000/v1/embeddings", "small", Secret(KEY), 500)
    made = semantic(f"mode: serve, most_false_hits: 0.02, check: 10, embedder: {asked}")
    assert made == Semantic(SemanticMode.SERVE, 0.02, 10, remote, 0.9)


def test_a_local_embedder() -> None:
    made = semantic("embedder: {directory: /models/minilm}")
    assert made is not None
    assert made.embedder == LocalEmbedder(Path("/models/minilm"))


@pytest.mark.parametrize("text", [KEY, KEY.upper(), base64.b64encode(b"\x5f" * 32).decode()])
def test_a_key_is_the_same_in_hex_and_base64(text: str) -> None:
    assert cache(SMALL, text).key == b"\x5f" * 32


MISTAKES = {
    "a short key": (SMALL, "ab" * 31, "cache.key: must be 32 bytes in hex or base64; `openssl rand -hex 32` makes"),
    "a long key": (SMALL, "ab" * 33, "cache.key: must be 32 bytes in hex or base64"),
    "a key that is neither": (SMALL, "secret!", "cache.key: must be 32 bytes in hex or base64"),
    "an empty key": (SMALL, " ", "cache.key: the secret is empty"),
    "no routes": ("routes: []", KEY, "cache.routes: must be a list of 1 to 100 routes"),
    "two routes of one name": (
        "routes: [{name: faq}, {name: faq}]",
        KEY,
        "cache.routes[1].name: is the name of cache.routes[0] already",
    ),
    "an unknown model": (
        "routes: [{name: faq, models: [gpt-4]}]",
        KEY,
        "cache.routes[0].models[0]: there is no model 'gpt-4' (did you mean 'gpt-4o'?)",
    ),
    "no models": ("routes: [{name: faq, models: []}]", KEY, "cache.routes[0].models: must be a list with at least one"),
    "no time to live": ("routes: [{name: faq, ttl: 0s}]", KEY, "cache.routes[0].ttl: must be a whole number and its"),
    "a month to live": ("routes: [{name: faq, ttl: 1mo}]", KEY, "cache.routes[0].ttl: must be a whole number and its"),
    "long to live": ("routes: [{name: faq, ttl: 31d}]", KEY, "cache.routes[0].ttl: must be at most 30d"),
    "a hot route": (
        "routes: [{name: faq, temperature: 2.1}]",
        KEY,
        "cache.routes[0].temperature: must be a number from 0 to 2",
    ),
    "no semantic mode": (
        "routes: [{name: faq, semantic: {mode: on}}]",
        KEY,
        "cache.routes[0].semantic.mode: must be",
    ),
    "wrong whenever it likes": (
        "routes: [{name: faq, semantic: {most_false_hits: 1}}]",
        KEY,
        "cache.routes[0].semantic.most_false_hits: must be a share from 0.0001 to 0.5",
    ),
    "an embedder without a model": (
        "routes: [{name: faq, semantic: {embedder: {url: 'https://embed.example/v1/embeddings'}}}]",
        KEY,
        "cache.routes[0].semantic.embedder: a url needs a model",
    ),
    "a local embedder with a key": (
        "routes: [{name: faq, semantic: {embedder: {directory: /models/small, credential: {env: KEY}}}}]",
        KEY,
        "cache.routes[0].semantic.embedder: the model and the credential are for a url",
    ),
    "two embedders": (
        "routes: [{name: faq, semantic: {embedder: {directory: /models/small, url: 'https://embed.example/'}}}]",
        KEY,
        "cache.routes[0].semantic.embedder: must have exactly one of url, directory",
    ),
    "little memory": (
        f"{SMALL}\nmemory_bytes: 1024",
        KEY,
        "cache.memory_bytes: must be a number of bytes from 1048576",
    ),
    "large answers": (
        "routes: [{name: faq, max_answer_bytes: 33554433}]",
        KEY,
        "cache.routes[0].max_answer_bytes: must be a number of bytes from 1024 (1 KiB) to 33554432 (32 MiB)",
    ),
    "a misspelt field": (
        "routes: [{name: faq, tool_call: true}]",
        KEY,
        "cache.routes[0].tool_call: there is no such field (did you mean 'tool_calls'?)",
    ),
}


@pytest.mark.parametrize(("fields", "key", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake(fields: str, key: str, message: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        cache(fields, key)
    assert message in str(caught.value)
    assert len(caught.value.mistakes) == 1


def test_the_view_has_everything_but_the_key() -> None:
    gateway = loaded(document("routes: [{name: faq, models: [gpt-4o], ttl: 1d, temperature: 0.3}]"), {"KEY": KEY})
    view: dict[str, Any] = redacted_view(gateway)["cache"]
    assert view == {
        "memory_bytes": 67108864,
        "routes": [
            {
                "name": "faq",
                "models": ["gpt-4o"],
                "ttl": "86400s",
                "temperature": 0.3,
                "tool_calls": False,
                "alternatives": False,
                "kept_by_provider": False,
                "users_apart": False,
                "max_request_bytes": 1048576,
                "max_answer_bytes": 1048576,
                "coalesce": True,
                "semantic": None,
            }
        ],
    }
    assert_hidden(repr(view) + repr(gateway))


def test_the_view_of_a_semantic_route_has_no_credential() -> None:
    embedder = "{url: 'https://embed.example/v1/embeddings', model: small, credential: {env: KEY}}"
    gateway = loaded(document(f"routes: [{{name: faq, semantic: {{embedder: {embedder}}}}}]"), {"KEY": KEY})
    view: dict[str, Any] = redacted_view(gateway)["cache"]["routes"][0]["semantic"]
    assert view == {
        "mode": "shadow",
        "most_false_hits": 0.01,
        "check": 5.0,
        "embedder": {
            "url": "https://embed.example/v1/embeddings",
            "model": "small",
            "timeout_ms": 500,
            "threshold": 0.85,
        },
    }
    assert_hidden(repr(view) + repr(gateway))


def assert_hidden(shown: str) -> None:
    assert not [hidden for hidden in (KEY, "\\x5f", "_____") if hidden in shown]
