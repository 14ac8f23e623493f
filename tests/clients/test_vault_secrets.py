"""Secrets of Vault, from a server that speaks as its key-value store, version 2, does."""

import math
from typing import Any

import pytest
from token_server import token_server

from extproc.clients.tokens import Token, TokenError
from extproc.clients.vault import VaultSecretValue
from extproc.config.model import Secret, VaultSecret


def stored(data: Any) -> dict[str, Any]:
    metadata = {"created_time": "2026-11-21T08:00:00Z", "deletion_time": "", "destroyed": False, "version": 3}
    return {"request_id": "1", "lease_id": "", "renewable": False, "data": {"data": data, "metadata": metadata}}


def secret(url: str, namespace: str | None = None) -> VaultSecretValue:
    return VaultSecretValue(VaultSecret(url, "kv", "llm/openai", "key", Secret("hvs.token"), namespace))


async def test_a_field_is_looked_up() -> None:
    async with token_server((200, stored({"key": "sk-stored", "other": "x"}))) as server:
        token = await secret(server.url, "team-a").fetch()
    assert token == Token(Secret("sk-stored"), math.inf, 300.0)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/v1/kv/data/llm/openai")
    assert (asked.headers["x-vault-token"], asked.headers["x-vault-namespace"]) == ("hvs.token", "team-a")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, {"errors": ["permission denied for s3cr3t"]}), "Vault gave no secret: Forbidden"),
        ((404, {"errors": []}), "Vault gave no secret: InvalidPath"),
        ((503, {"errors": ["Vault is sealed"]}), "Vault gave no secret: VaultDown"),
        ((200, "<html>s3cr3t</html>"), "Vault's answer is not understood"),
        ((200, {"data": {}}), "Vault's answer is not understood"),
        ((200, stored({"other": "s3cr3t"})), "the secret has no such text"),
        ((200, stored("s3cr3t")), "the secret has no such text"),
        ((200, stored({"key": "s3cr3t\nof two lines"})), "the secret is not fit to be sent in a header"),
    ],
)
async def test_a_secret_that_is_not_there_is_told_and_never_quoted(answer: tuple[int, Any], message: str) -> None:
    async with token_server(answer) as server:
        with pytest.raises(TokenError) as caught:
            await secret(server.url).fetch()
    assert str(caught.value) == message


async def test_a_vault_that_cannot_be_reached() -> None:
    async with token_server((200, {})) as server:
        url = server.url
    with pytest.raises(TokenError) as caught:
        await secret(url).fetch()
    assert str(caught.value) == "Vault cannot be reached: ConnectionError"
