"""The shape of `gateway.yaml`: whose answers are kept, for how long, and which."""

from typing import Annotated, ClassVar

from msgspec import Meta

from extproc.config.cache import Followers, SemanticMode
from extproc.config.document import FilePath, Lifetime, Models, Name, SecretSource, Section, UpstreamModel
from extproc.config.document_limits import RequestBytes
from extproc.config.document_service import Score, ServiceUrl

Temperature = Annotated[float, Meta(ge=0, le=2, description="a number from 0 to 2")]
AnswerBytes = Annotated[
    int, Meta(ge=1024, le=32 << 20, description="a number of bytes from 1024 (1 KiB) to 33554432 (32 MiB)")
]
MemoryBytes = Annotated[
    int, Meta(ge=1 << 20, le=4 << 30, description="a number of bytes from 1048576 (1 MiB) to 4294967296 (4 GiB)")
]
EmbedderMilliseconds = Annotated[int, Meta(ge=10, le=800, description="a number of milliseconds from 10 to 800")]
FalseHits = Annotated[float, Meta(ge=0.0001, le=0.5, description="a share from 0.0001 to 0.5")]
Percent = Annotated[float, Meta(ge=0, le=100, description="a number from 0 to 100")]


class EmbedderEntry(Section, frozen=True):
    """What may refuse a semantic hit: OpenAI's embeddings API at `url` (the whole of it, `/v1/embeddings` included),
    or the model in `directory` (`model.onnx` and `tokenizer.json`). `threshold` is the least similarity of a hit."""

    exactly_one: ClassVar[tuple[str, ...]] = ("url", "directory")

    url: ServiceUrl | None = None
    model: UpstreamModel | None = None
    credential: SecretSource | None = None
    timeout_ms: EmbedderMilliseconds = 500
    directory: FilePath | None = None
    threshold: Score = 0.85


class SemanticEntry(Section, frozen=True):
    """Questions in other words. In mode `shadow` the cached answer is only compared with the fresh one, in mode `serve`
    it is given, and compared in `check` percent of cases. Above `most_false_hits` the route stops serving."""

    mode: SemanticMode = SemanticMode.SHADOW
    most_false_hits: FalseHits = 0.01
    check: Percent = 5.0
    embedder: EmbedderEntry | None = None


class CacheRouteEntry(Section, frozen=True):
    """What is kept of some models; the first entry that has a model counts.

    `temperature` is the most that a request may ask for (none given is 1). `tool_calls`, `alternatives` (`n` above 1)
    and `kept_by_provider` (Responses' `store`) keep such answers too. `users_apart`: the end users of a tenant share
    nothing. `coalesce`: identical requests share the answer of the one that is under way; it is `free` for `followers`,
    or `charged` as if each had asked. `semantic`: questions in other words.
    """

    name: Name
    models: Models = ("*",)
    ttl: Lifetime = "1h"
    temperature: Temperature = 1.0
    tool_calls: bool = False
    alternatives: bool = False
    kept_by_provider: bool = False
    users_apart: bool = False
    max_request_bytes: RequestBytes = 1 << 20
    max_answer_bytes: AnswerBytes = 1 << 20
    coalesce: bool = True
    followers: Followers = Followers.FREE
    semantic: SemanticEntry | None = None


class CacheSection(Section, frozen=True):
    """Answers that are given again: kept in the store, or in the worker itself where the store is not Redis.

    `key` is 32 random bytes in hex or base64, the same for all gateways that share a store. `memory_bytes` bounds what
    a worker keeps by itself.
    """

    key: SecretSource
    routes: Annotated[
        tuple[CacheRouteEntry, ...], Meta(min_length=1, max_length=100, description="a list of 1 to 100 routes")
    ]
    memory_bytes: MemoryBytes = 64 << 20
