"""The endpoints that callers may use, by path.

Paths are OpenAI's (https://platform.openai.com/docs/api-reference), Anthropic's for messages
(https://platform.claude.com/docs/en/api), Cohere's and Jina's for rerank; all seen 2026-11-21. `operation` is
OpenTelemetry's `gen_ai.operation.name` where it has one.
"""

from dataclasses import dataclass
from enum import Enum

from extproc.apischema import dialect as dialects
from extproc.apischema.dialect import OPENAI, Dialect


class Kind(Enum):
    """How the gateway treats an endpoint."""

    GENERATION = "generation"  # has a `model`, has usage, may be translated
    MODELS = "models"  # answered by the gateway itself
    QUOTA = "quota"  # answered by the gateway itself
    COUNT_TOKENS = "count_tokens"  # answered by the backend where it can, else by the gateway itself
    PASSTHROUGH = "passthrough"  # sent as it is to a backend of OpenAI's format


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: `path` without the `/v1` prefix, as backends append it to their base path.

    `dialect` is how its callers are told of errors.
    """

    path: str
    operation: str
    kind: Kind
    dialect: Dialect = OPENAI


CHAT = Endpoint("/chat/completions", "chat", Kind.GENERATION)
COMPLETIONS = Endpoint("/completions", "text_completion", Kind.GENERATION)
EMBEDDINGS = Endpoint("/embeddings", "embeddings", Kind.GENERATION)
RESPONSES = Endpoint("/responses", "chat", Kind.GENERATION, dialects.RESPONSES)
MESSAGES = Endpoint("/messages", "chat", Kind.GENERATION, dialects.ANTHROPIC)
COUNT_TOKENS = Endpoint("/messages/count_tokens", "count_tokens", Kind.COUNT_TOKENS, dialects.ANTHROPIC)
RERANK = Endpoint("/rerank", "rerank", Kind.GENERATION)
MODELS = Endpoint("/models", "list_models", Kind.MODELS)
QUOTA = Endpoint("/quota", "quota", Kind.QUOTA)

_ENDPOINTS = (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, MESSAGES, COUNT_TOKENS, RERANK, MODELS, QUOTA)
_EXACT = {**{f"/v1{endpoint.path}": endpoint for endpoint in _ENDPOINTS}, "/v2/rerank": RERANK}
_PASSTHROUGH = frozenset(
    {
        "assistants",
        "audio",
        "batches",
        "containers",
        "conversations",
        "evals",
        "files",
        "fine_tuning",
        "images",
        "moderations",
        "responses",
        "threads",
        "uploads",
        "vector_stores",
        "videos",
    }
)


def find(path: str) -> Endpoint | None:
    """The endpoint of a request path; the query string is not part of the match. `None`: no such endpoint.

    A pass-through endpoint keeps its whole path. `/v1/models/{id}` is part of MODELS.
    """
    bare = path.partition("?")[0]
    found = _EXACT.get(bare)
    if found is not None:
        return found
    if not bare.startswith("/v1/"):
        return None
    head = bare[4:].partition("/")[0]
    if head == "models":
        return Endpoint(bare[3:], MODELS.operation, Kind.MODELS)
    if head in _PASSTHROUGH and _is_plain(bare):
        return Endpoint(bare[3:], head, Kind.PASSTHROUGH)
    return None


def _is_plain(path: str) -> bool:
    """No dot segments, empty segments or escapes by which a path could leave the endpoint it was admitted for."""
    return not any(part in ("", ".", "..") or "%" in part or "\\" in part for part in path[1:].split("/"))
