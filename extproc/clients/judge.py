"""Services that judge texts: what they are asked and what they say, and the connections to them that are kept open.

A judge is asked while a request or an answer is on its way, so its time is bounded, and nothing is tried twice. What is
asked and answered is in no log and no error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import aiohttp

_MOST_ANSWER_BYTES = 1 << 20
_MOST_CONNECTIONS = 64


class JudgeError(Exception):
    """No judgement could be had. The message is fit for a log: it quotes nothing that came over the network."""


class Ruling(StrEnum):
    ALLOW = "allow"
    BLOCK = "block"
    REDACT = "redact"


@dataclass(frozen=True, slots=True)
class Replacement:
    """Every occurrence of `text` is to become `<label>`. `label` is upper-case letters, digits and `_`."""

    text: str = field(repr=False)
    label: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says. `reasons` are names of categories, fit for metrics: a small closed set of the judge's own."""

    ruling: Ruling
    reasons: tuple[str, ...] = ()
    replacements: tuple[Replacement, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """`phase` is `request` or `response`. `metadata` says whose and what for: names, never content."""

    phase: str
    texts: tuple[str, ...] = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)


class Judge(Protocol):
    async def judge(self, question: Question) -> Judgement:
        """Raises JudgeError."""
        ...


class Connections:
    """Open connections to judges, for one event loop. `close` ends them."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> bytes:
        """The body of a 200. Raises JudgeError."""
        try:
            return await self._post(url, body, headers, seconds)
        except TimeoutError:
            raise JudgeError("the service did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise JudgeError(f"the service cannot be reached: {type(error).__name__}") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> bytes:
        content = {"content-type": "application/json", **headers}
        limit = aiohttp.ClientTimeout(total=seconds)
        asking = self._opened().post(url, data=body, headers=content, timeout=limit, allow_redirects=False)
        async with asking as came:
            if came.status != 200:
                raise JudgeError(f"the service answered {came.status}")
            return await _read(came.content)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_MOST_CONNECTIONS)
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=True, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


async def _read(content: aiohttp.StreamReader) -> bytes:
    answer = bytearray()
    async for piece in content.iter_any():
        answer += piece
        if len(answer) > _MOST_ANSWER_BYTES:
            raise JudgeError("the service's answer is too large")
    return bytes(answer)


def pieces(texts: Sequence[str], most: int, overlap: int) -> list[str]:
    """The texts in pieces of at most `most` characters, each with the last `overlap` of the one before."""
    step = most - overlap
    return [
        text[at : at + most] for text in texts if text.strip() for at in range(0, max(len(text) - overlap, 1), step)
    ]
