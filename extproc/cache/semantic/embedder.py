"""What turns texts into vectors, and the one that asks an embeddings API for them.

The API is OpenAI's (https://platform.openai.com/docs/api-reference/embeddings/create, seen 2026-11-21), which is also
that of the gateway itself: asked through it, embeddings have keys, limits and accounting like everything else.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import aiohttp
import msgspec
from msgspec import Struct

from extproc.apischema.malformed import MALFORMED
from extproc.cache.semantic.vector import packed
from extproc.config.model import Secret

_MOST_BYTES = 4 << 20


class EmbedderAway(Exception):
    """There are no vectors, in time or at all. The message quotes nothing that came over the network."""


class Embedder(Protocol):
    """`name` tells models apart: vectors of two cannot be compared."""

    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """A vector (`vector.packed`) for each text, in their order. Raises EmbedderAway."""
        ...


class _Embedding(Struct):
    index: int
    embedding: list[float]


class _Answer(Struct):
    data: list[_Embedding]


_decode = msgspec.json.Decoder(_Answer).decode


class HttpEmbedder:
    """Asks `url` (the path of the endpoint included) for vectors of `model`, with a key as a bearer token.

    `seconds` bounds a question in all. `session` gives the connections, in the event loop that they are for; they are
    the caller's to close.
    """

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        url: str,
        model: str,
        *,
        key: Secret | None = None,
        seconds: float,
    ) -> None:
        self._session = session
        self._url = url
        self._model = model
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=seconds)

    @property
    def name(self) -> str:
        return self._model

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        body = await self._ask(texts)
        try:
            found = {each.index: packed(each.embedding) for each in _decode(body).data}
            return [found[index] for index in range(len(texts))]
        except (*MALFORMED, ValueError, KeyError):
            raise EmbedderAway("the answer of the embeddings endpoint is not understood") from None

    async def _ask(self, texts: Sequence[str]) -> bytes:
        question = msgspec.json.encode({"model": self._model, "input": list(texts), "encoding_format": "float"})
        headers = {"content-type": "application/json"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key.reveal()}"
        try:
            async with self._session().post(
                self._url, data=question, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as answer:
                return await _body(answer)
        except (aiohttp.ClientError, OSError) as error:
            raise EmbedderAway(f"the embeddings endpoint cannot be reached: {type(error).__name__}") from None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """At most as much as a batch of vectors can be."""
    if answer.status != 200:
        raise EmbedderAway(f"the embeddings endpoint answered {answer.status}")
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > _MOST_BYTES:
            raise EmbedderAway("the answer of the embeddings endpoint is too large")
    return bytes(body)
