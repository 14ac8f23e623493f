"""Secrets in Vault's key-value store, version 2.

https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 (seen 2026-11-21). Its client library blocks, so it runs
in a thread.
"""

import asyncio
from typing import Any

import hvac
from hvac.exceptions import VaultError

from extproc.clients.secrets import looked_up
from extproc.clients.tokens import Token, TokenError
from extproc.config.model import VaultSecret

_TIMEOUT_SECONDS = 10


class VaultSecretValue:
    """One field of the newest version of a secret."""

    def __init__(self, credential: VaultSecret) -> None:
        self._credential = credential

    async def fetch(self) -> Token:
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Token:
        try:
            found = self._read()["data"]["data"]
        except VaultError as error:
            raise TokenError(f"Vault gave no secret: {type(error).__name__}") from None
        except OSError as error:
            raise TokenError(f"Vault cannot be reached: {type(error).__name__}") from None
        except (ValueError, LookupError, TypeError):
            raise TokenError("Vault's answer is not understood") from None
        return looked_up(found.get(self._credential.field) if isinstance(found, dict) else None)

    def _read(self) -> Any:
        credential = self._credential
        client: Any = hvac.Client(
            credential.address,
            token=credential.token.reveal(),
            namespace=credential.namespace,
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        return client.secrets.kv.v2.read_secret_version(
            credential.path, mount_point=credential.mount, raise_on_deleted_version=True
        )
