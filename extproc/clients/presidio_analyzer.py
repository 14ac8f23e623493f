"""Named entities by a service that has the HTTP API of Presidio's analyzer.

Reference: https://microsoft.github.io/presidio/api-docs/api-docs.html and `presidio-analyzer/app.py` of
https://github.com/microsoft/presidio (both seen 2026-11-30): `POST /analyze` with `text`, `language`, `entities` and
`score_threshold`; 200 with a list of `entity_type`, `start`, `end` and `score` (from 0 to 1). Positions are Python's:
they count characters (code points), and not bytes or UTF-16 units. An entity that the service does not know is left
out, and a request with no other is a 500; an empty text is one too.
"""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.clients.judge import Connections, JudgeError
from extproc.config.model import Secret


@dataclass(frozen=True, slots=True)
class AnalyzerSettings:
    """`url` ends before `/analyze`. `timeout` is in seconds, for one question. What scores less than `least_score` is
    left out."""

    url: str
    language: str
    entities: tuple[str, ...]
    key: Secret | None = None
    least_score: float = 0.5
    timeout: float = 1.0


class Found(NamedTuple):
    """Characters `start` to `end` of the text are an `entity`."""

    start: int
    end: int
    entity: str


class _Result(msgspec.Struct):
    entity_type: str
    start: int
    end: int
    score: float


_decode = msgspec.json.Decoder(list[_Result]).decode
_encode = msgspec.json.encode


class AnalyzerClient:
    """Asks the service about one text at a time."""

    def __init__(self, settings: AnalyzerSettings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections
        self._url = f"{settings.url.rstrip('/')}/analyze"

    async def find(self, text: str) -> list[Found]:
        """What was asked for and is sure enough, in any order. Raises JudgeError.

        Positions that are not in the text are no answer: who counts in another way is wrong about all of them.
        """
        answer = await self._connections.post(self._url, self._question(text), self._headers(), self._settings.timeout)
        try:
            results = _decode(answer)
        except MALFORMED:
            raise JudgeError("the service's answer is not understood") from None
        if not all(0 <= result.start < result.end <= len(text) for result in results):
            raise JudgeError("the service names places that the text does not have")
        return [Found(result.start, result.end, result.entity_type) for result in results if self._counts(result)]

    def _question(self, text: str) -> bytes:
        settings = self._settings
        return _encode(
            {
                "text": text.encode("utf-8", "replace").decode(),  # a lone surrogate as one question mark
                "language": settings.language,
                "entities": settings.entities,
                "score_threshold": settings.least_score,
            }
        )

    def _headers(self) -> dict[str, str]:
        key = self._settings.key
        return {} if key is None else {"authorization": f"Bearer {key.reveal()}"}

    def _counts(self, result: _Result) -> bool:
        return result.entity_type in self._settings.entities and result.score >= self._settings.least_score
