"""Tokens of Google Cloud for a service account's key, or for an identity that Google exchanges (workload identity).

google-auth makes the assertions and knows the exchanges; it blocks, so it runs in a thread.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import Any

from google.auth import aws, identity_pool
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from extproc.clients import oauth
from extproc.clients.tokens import Token, TokenError
from extproc.config.model import GcpAccount

_SERVICE_ACCOUNT: Any = service_account.Credentials  # the library's types are not for strict checks
_AWS: Any = aws.Credentials
_POOL: Any = identity_pool.Credentials
_SUBJECT_IS_OF_AWS = "urn:ietf:params:aws:token-type:aws4_request"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_TIMEOUT_SECONDS = 10


class GcpAccountToken:
    """Exchanges what the file describes for an access token."""

    def __init__(self, credential: GcpAccount, now: Callable[[], float]) -> None:
        self._credential = credential
        self._now = now

    async def fetch(self) -> Token:
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Token:
        try:
            credentials = _credentials(json.loads(self._credential.document.reveal()))
            credentials.refresh(partial(Request(), timeout=_TIMEOUT_SECONDS))
        except GoogleAuthError as error:
            raise TokenError(f"Google issued no token: {type(error).__name__}{_code(error)}") from None
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
        ) as error:  # unfit files and answers come out as any of these
            raise TokenError(f"the exchange for a token failed: {type(error).__name__}") from None
        if not credentials.token or credentials.expiry is None:
            raise TokenError("Google's answer has no token")
        now = self._now()
        return oauth.issued(credentials.token, credentials.expiry.replace(tzinfo=UTC).timestamp() - now, now)


def _credentials(document: dict[str, Any]) -> Any:
    """The kinds are named one by one: one that runs a program is not among them."""
    if document.get("type") == "service_account":
        return _SERVICE_ACCOUNT.from_service_account_info(document, scopes=_SCOPES)
    if document.get("subject_token_type") == _SUBJECT_IS_OF_AWS:
        return _AWS.from_info(document, scopes=_SCOPES)
    return _POOL.from_info(document, scopes=_SCOPES)


def _code(error: GoogleAuthError) -> str:
    """OAuth's word for what is wrong, which google-auth keeps in the second argument of its exceptions."""
    details = error.args[1] if len(error.args) > 1 else None
    word = oauth.error_code(details.get("error")) if isinstance(details, dict) else ""
    return f": {word}" if word else ""
