"""Notices that the document, or a secret file it names, has changed."""

import asyncio
from collections.abc import Callable

_INTERVAL_SECONDS = 1.0


async def watch(fingerprint: Callable[[], str], on_change: Callable[[], None]) -> None:
    """Calls `on_change` after each change, until cancelled.

    Contents are compared rather than times: Kubernetes swaps a mounted ConfigMap by a symbolic link, and an editor
    may write a file twice.
    """
    seen = fingerprint()
    while True:
        await asyncio.sleep(_INTERVAL_SECONDS)
        now = fingerprint()
        if now != seen:
            seen = now
            on_change()
