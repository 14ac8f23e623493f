"""Tokens of Microsoft Entra, for Azure.

Applications: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, with a secret or
with the token of another issuer. Machines:
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token. Both seen 2026-11-21.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from extproc.clients import oauth
from extproc.clients.oauth import TokenRequest
from extproc.clients.tokens import Token, TokenError
from extproc.config.model import EntraApplication, EntraManagedIdentity, Secret

MACHINE = "http://169.254.169.254"
"""Where a machine of Azure asks for its own identity."""

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, section 2.2


class EntraApplicationToken:
    """The client credentials grant. A federated token is read anew each time, as its file is replaced."""

    def __init__(self, credential: EntraApplication, now: Callable[[], float]) -> None:
        self._credential = credential
        self._now = now

    async def fetch(self) -> Token:
        credential = self._credential
        form = {
            "grant_type": "client_credentials",
            "client_id": credential.client_id,
            "scope": credential.scope,
            **await self._proof(),
        }
        url = f"{credential.login}/{credential.tenant_id}/oauth2/v2.0/token"
        return await oauth.fetch(TokenRequest(url, form=form), self._now)

    async def _proof(self) -> dict[str, str]:
        proof = self._credential.proof
        if isinstance(proof, Secret):
            return {"client_secret": proof.reveal()}
        assertion = await asyncio.to_thread(_read, proof.path)
        return {"client_assertion_type": _JWT_BEARER, "client_assertion": assertion}


class EntraMachineToken:
    """The identity of the machine. `machine` is the URL, without a path, that answers for it."""

    def __init__(self, credential: EntraManagedIdentity, now: Callable[[], float], machine: str = MACHINE) -> None:
        self._credential = credential
        self._now = now
        self._machine = machine

    async def fetch(self) -> Token:
        query = {"api-version": "2018-02-01", "resource": self._credential.scope.removesuffix("/.default")}
        if self._credential.client_id is not None:
            query["client_id"] = self._credential.client_id
        url = f"{self._machine}/metadata/identity/oauth2/token"
        request = TokenRequest(url, headers={"metadata": "true"}, query=query, nearby=True)
        return await oauth.fetch(request, self._now)


def _read(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except OSError as error:
        raise TokenError(f"the file {path} cannot be read: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise TokenError(f"the file {path} holds no token") from None
    if not token:
        raise TokenError(f"the file {path} is empty")
    return token
