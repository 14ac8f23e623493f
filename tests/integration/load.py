"""A client for many requests at a time."""

import json
import resource
import subprocess
from typing import Any

import aiohttp

from tests.integration.gateway import KEY, Gateway

HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
_FILES = 16_384


def allow_many_files() -> None:
    """For this process and those it starts, as far as the machine lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def many_connections() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers=HEADERS, timeout=aiohttp.ClientTimeout(total=110)
    )


def stream_text(body: bytes) -> str:
    """The text of a whole stream of chat chunks."""
    *events, last = [line.removeprefix(b"data: ") for line in body.splitlines() if line]
    assert last == b"[DONE]"
    chunks: list[dict[str, Any]] = [json.loads(event) for event in events]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def worker_megabytes(gateway: Gateway) -> float:
    """Resident memory of the first worker."""
    supervisor = str(gateway.processes["serve"].pid)
    worker = subprocess.run(["pgrep", "-P", supervisor], capture_output=True, check=True).stdout.split()[0]
    return megabytes(int(worker))


def megabytes(pid: int) -> float:
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout
    return int(shown) / 1024
