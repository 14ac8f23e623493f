"""Tokens of Google Cloud.

Machines and pods: https://docs.cloud.google.com/compute/docs/access/authenticate-workloads (seen 2026-11-21).
"""

from collections.abc import Callable

from extproc.clients import oauth
from extproc.clients.oauth import TokenRequest
from extproc.clients.tokens import Token
from extproc.config.model import GcpMetadata

MACHINE = "http://metadata.google.internal"
"""Where a machine of Google asks for its own identity."""


class GcpMachineToken:
    """The service account of the machine or pod. `machine` is the URL, without a path, that answers for it."""

    def __init__(self, credential: GcpMetadata, now: Callable[[], float], machine: str = MACHINE) -> None:
        self._url = f"{machine}/computeMetadata/v1/instance/service-accounts/{credential.account}/token"
        self._now = now

    async def fetch(self) -> Token:
        request = TokenRequest(self._url, headers={"metadata-flavor": "Google"}, nearby=True)
        return await oauth.fetch(request, self._now)
