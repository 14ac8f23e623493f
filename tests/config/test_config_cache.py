"""The section `cache`: what it means, what is wrong with it, and what of it administrators see."""

import base64
from typing import Any

import pytest
from gateway_documents import RIGHT, loaded

from extproc.config.cache import CacheRoute, CacheSettings
from extproc.config.mistakes import ConfigErrors
from extproc.config.redacted import redacted_view

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
            }
        ],
    }
    shown = repr(view) + repr(gateway)
    assert not [hidden for hidden in (KEY, "\\x5f", "_____") if hidden in shown]
