"""The shape of `gateway.yaml`: whose answers are kept, for how long, and which."""

from typing import Annotated

from msgspec import Meta

from extproc.config.document import Models, Name, SecretSource, Section
from extproc.config.document_limits import RequestBytes

Lifetime = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,8}[smhdw]$",
        description="a whole number and its unit, one of s, m, h, d, w, from 1s to 30d",
    ),
]
Temperature = Annotated[float, Meta(ge=0, le=2, description="a number from 0 to 2")]
AnswerBytes = Annotated[
    int, Meta(ge=1024, le=32 << 20, description="a number of bytes from 1024 (1 KiB) to 33554432 (32 MiB)")
]
MemoryBytes = Annotated[
    int, Meta(ge=1 << 20, le=4 << 30, description="a number of bytes from 1048576 (1 MiB) to 4294967296 (4 GiB)")
]


class CacheRouteEntry(Section, frozen=True):
    """What is kept of some models; the first entry that has a model counts.

    `temperature` is the most that a request may ask for (none given is 1). `tool_calls`, `alternatives` (`n` above 1)
    and `kept_by_provider` (Responses' `store`) keep such answers too. `users_apart`: the end users of a tenant share
    nothing. `coalesce`: identical requests wait for the one that is under way.
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
