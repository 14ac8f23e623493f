"""What AWS's own SDK finds: access keys from its chain of places, and secrets in AWS Secrets Manager.

The chain: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html (seen 2026-11-21). The SDK
blocks, so it runs in a thread.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import botocore.session
import msgspec
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

from extproc.clients.secrets import looked_up
from extproc.clients.tokens import Token, TokenError
from extproc.config.model import AwsChain, AwsKeys, AwsSecret, Secret

_CHECK_SECONDS = 300.0
_SURE_SECONDS = 600.0  # the SDK hands out no temporary key that is nearer to its end, but raises
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})


class AwsChainKeys:
    """The access key that the chain has now; a temporary one is renewed by the SDK when it is time."""

    def __init__(self, credential: AwsChain, now: Callable[[], float]) -> None:
        self._profile = credential.profile
        self._now = now
        self._temporary: RefreshableCredentials | None = None

    async def fetch(self) -> Token:
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Token:
        try:
            found = self._temporary or _session(self._profile).get_credentials()
            if found is None:
                raise TokenError("AWS's SDK finds no credential")
            keys = found.get_frozen_credentials()
        except (BotoCoreError, ClientError, OSError, ValueError, LookupError, RuntimeError) as error:
            raise TokenError(f"AWS's SDK has no access key: {_what(error)}") from None
        self._temporary = found if isinstance(found, RefreshableCredentials) else None
        expires = math.inf if self._temporary is None else self._now() + _SURE_SECONDS
        value = AwsKeys(keys.access_key, Secret(keys.secret_key), Secret(keys.token) if keys.token else None)
        return Token(value, expires, _CHECK_SECONDS)


class AwsSecretValue:
    """A secret in AWS Secrets Manager, or one field of it."""

    def __init__(self, credential: AwsSecret) -> None:
        self._credential = credential

    async def fetch(self) -> Token:
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Token:
        credential = self._credential
        try:
            client: Any = _session().create_client("secretsmanager", region_name=credential.region)
            text = client.get_secret_value(SecretId=credential.secret_id).get("SecretString")
        except (BotoCoreError, ClientError, OSError, ValueError) as error:
            raise TokenError(f"AWS Secrets Manager has no such secret: {_what(error)}") from None
        return looked_up(text if credential.field is None else _field(text, credential.field))


def _session(profile: str | None = None) -> Any:
    """The SDK with its own patience cut: a worker that is to end waits for this thread."""
    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(_CONFIG)
    return session


def _field(text: object, name: str) -> object:
    try:
        return msgspec.json.decode(text, type=dict[str, object]).get(name) if isinstance(text, str) else None
    except msgspec.DecodeError:
        raise TokenError("the secret is not a JSON object") from None


def _what(error: Exception) -> str:
    """AWS's name for the mistake, such as ResourceNotFoundException, or the SDK's."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    return code if code.isalnum() and len(code) <= 64 else type(error).__name__
