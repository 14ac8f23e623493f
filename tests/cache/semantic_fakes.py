"""A stand-in for a model: an embedder that counts words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from extproc.cache.semantic.embedder import EmbedderAway
from extproc.cache.semantic.vector import packed

DIMENSIONS = 64


@dataclass
class WordEmbedder:
    """A text's words, hashed into a few dimensions. `away`: it gives no vectors. `asked` are all texts so far."""

    name: str = "words"
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        self.asked += texts
        if self.away:
            raise EmbedderAway("away")
        return [_vector(text) for text in texts]


def _vector(text: str) -> bytes:
    places = Counter(blake2b(word.encode(), digest_size=1).digest()[0] % DIMENSIONS for word in text.lower().split())
    return packed(places[at] for at in range(DIMENSIONS))
