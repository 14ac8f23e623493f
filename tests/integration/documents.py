"""The gateway documents of the integration tests."""

from typing import Any

from extproc.config.keys import digest

SALT = "00112233445566778899aabbccddeeff"


def backend(name: str, schema: str, **changes: Any) -> dict[str, Any]:
    """A backend on the simulator of the same name, with a credential that names its owner."""
    return {
        "name": name,
        "schema": schema,
        "authority": f"{name}.example.com",
        "credential": {"value": f"credential-of-{name}"},
        **changes,
    }


def key(alias: str, secret: str, **changes: Any) -> dict[str, Any]:
    return {"alias": alias, "digest": digest(bytes.fromhex(SALT), secret), **changes}


def keys(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"salt": SALT, "entries": list(entries)}


def document(**changes: Any) -> dict[str, Any]:
    """Two formats and a provider that is always down; a model for each, and chains over them."""
    made: dict[str, Any] = {
        "version": 1,
        "backends": [
            backend("openai", "openai", provider="openai"),
            backend("anthropic", "anthropic"),
            backend("azure", "azure_openai", api_version="2024-10-21"),
            backend("down", "openai", provider="openai"),
        ],
        "models": [
            {"name": "gpt-4o-mini", "targets": ["openai"]},
            {"name": "claude-sonnet-4-6", "targets": ["anthropic"]},
            {"name": "azure-gpt", "targets": [{"backend": "azure", "model": "gpt-4o"}]},
            {
                "name": "resilient",
                "targets": [
                    {"backend": "down", "model": "gpt-4o"},
                    {"backend": "anthropic", "model": "claude-sonnet-4-6"},
                    {"backend": "openai", "model": "gpt-4o-mini"},
                ],
            },
            {
                "name": "smart",
                "targets": [
                    {"backend": "openai", "model": "gpt-4o"},
                    {"backend": "anthropic", "model": "claude-sonnet-4-6"},
                ],
            },
            {"name": "only-down", "targets": [{"backend": "down", "model": "gpt-4o"}]},
            {"name": "text-embedding-3-small", "targets": ["openai"]},
        ],
        "keys": keys(
            key("demo", "sk-demo", team="platform"),
            key("limited", "sk-demo-limited", models=["gpt-4o-mini"]),
        ),
        "passthrough": "openai",
    }
    return {**made, **changes}
