"""A gateway with a backend of every wire format, each on a simulator of its provider.

A model has its backend's name, so that a test names only the backend; models that embed are `embed-` and that name.
Every token of input costs a thousand nano-dollars, one of output ten thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extproc.config.model import Schema
from extproc.config.providers import PROVIDER_OF_SCHEMA
from extproc.simulator.settings import Settings
from tests.integration.documents import backend, key, keys
from tests.integration.gateway import KEY

AWS_KEY, AWS_SECRET = "AKIDEXAMPLE", "credential-of-bedrock-claude"
SIGNED = {"access_key_id": {"value": AWS_KEY}, "secret_access_key": {"value": AWS_SECRET}}
REGION = {"region": "us-east-1"}
COMMAND = "command-a-03-2025"


@dataclass(frozen=True)
class Row:
    """A backend: its format, the simulator's word for that, its model, and where and how the provider is asked.

    `path` and `stream_path` are those of chat, `responses` and `embed_path` of the endpoints of these names.
    """

    name: str
    schema: str
    format: str
    model: str
    path: str
    credential: tuple[str, str]
    stream_path: str = ""
    provider: str = ""
    responses: str = ""
    embed_model: str = ""
    embed_path: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def gen_ai_provider(self) -> str:
        return self.provider or PROVIDER_OF_SCHEMA[Schema(self.schema)]

    @property
    def secret(self) -> str:
        """What the provider knows the gateway by."""
        return AWS_KEY if "aws" in self.fields.get("credential", {}) else self.credential[1].removeprefix("Bearer ")

    def asked_at(self, *, stream: bool) -> str:
        return self.stream_path if stream and self.stream_path else self.path


def _bearer(name: str) -> tuple[str, str]:
    return "authorization", f"Bearer credential-of-{name}"


CLAUDE = "claude-opus-4-6"
BEDROCK_CLAUDE = "us.anthropic.claude-opus-4-6-v1:0"
BEDROCK_PATH = "/model/us.anthropic.claude-opus-4-6-v1%3A0"
TITAN, TITAN_PATH = "amazon.titan-embed-text-v2:0", "/model/amazon.titan-embed-text-v2%3A0/invoke"
SIGNING, SIGNING_PATH = "gemini-3.1-pro-preview", "/v1beta/models/gemini-3.1-pro-preview"
"""A model of Gemini that wants the signatures of its calls back; the older one wants none."""

PRO = "gemini-2.5-pro"
VERTEX_PATH = "/v1/projects/acme/locations/europe-west4/publishers/google/models"
EXPRESS_PATH = "/v1/publishers/google/models/gemini-2.5-pro"
VERTEX_CLAUDE_PATH = "/v1/projects/acme/locations/us-east5/publishers/anthropic/models/claude-opus-4-6"
AZURE_PATH = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"
AZURE_EMBED_PATH = "/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21"

ROWS = (
    Row(
        "openai", "openai", "openai", "gpt-4o-mini", "/v1/chat/completions", _bearer("openai"), provider="openai",
        responses="/v1/responses", embed_model="text-embedding-3-small", embed_path="/v1/embeddings",
    ),
    Row(
        "compatible", "openai", "openai", "llama-3.3-70b-versatile", "/v1/chat/completions", _bearer("compatible"),
        provider="groq",
    ),
    Row(
        "responses", "openai_responses", "openai", "gpt-5.5", "/v1/responses", _bearer("responses"),
        responses="/v1/responses",
    ),
    Row(
        "azure", "azure_openai", "azure", "gpt-4o-mini", AZURE_PATH, ("api-key", "credential-of-azure"),
        responses="/openai/v1/responses", embed_model="text-embedding-3-small", embed_path=AZURE_EMBED_PATH,
        fields={"api_version": "2024-10-21"},
    ),
    Row("anthropic", "anthropic", "anthropic", CLAUDE, "/v1/messages", ("x-api-key", "credential-of-anthropic")),
    Row(
        "bedrock-claude", "anthropic_bedrock", "bedrock", BEDROCK_CLAUDE, f"{BEDROCK_PATH}/invoke",
        ("authorization", f"AWS4-HMAC-SHA256 Credential={AWS_KEY}/"),
        stream_path=f"{BEDROCK_PATH}/invoke-with-response-stream",
        fields=REGION | {"credential": {"aws": SIGNED}},
    ),
    Row(
        "vertex-claude", "anthropic_vertex", "anthropic_vertex", CLAUDE, f"{VERTEX_CLAUDE_PATH}:rawPredict",
        _bearer("vertex-claude"), stream_path=f"{VERTEX_CLAUDE_PATH}:streamRawPredict",
        fields={"region": "us-east5", "project": "acme"},
    ),
    Row(
        "gemini", "gemini", "gemini", SIGNING, f"{SIGNING_PATH}:generateContent",
        ("x-goog-api-key", "credential-of-gemini"), stream_path=f"{SIGNING_PATH}:streamGenerateContent?alt=sse",
        embed_model="gemini-embedding-001", embed_path="/v1beta/models/gemini-embedding-001:batchEmbedContents",
    ),
    Row(
        "vertex", "vertex", "gemini", PRO, f"{VERTEX_PATH}/{PRO}:generateContent", ("authorization", "Bearer token-1"),
        stream_path=f"{VERTEX_PATH}/{PRO}:streamGenerateContent?alt=sse",
        embed_model="text-embedding-005", embed_path=f"{VERTEX_PATH}/text-embedding-005:predict",
        fields={"region": "europe-west4", "project": "acme"},
    ),
    Row(
        "vertex-express", "vertex", "gemini", PRO, f"{EXPRESS_PATH}:generateContent",
        ("x-goog-api-key", "credential-of-vertex-express"),
        stream_path=f"{EXPRESS_PATH}:streamGenerateContent?alt=sse",
    ),
    Row(
        "bedrock", "bedrock", "bedrock", BEDROCK_CLAUDE, f"{BEDROCK_PATH}/converse", _bearer("bedrock"),
        stream_path=f"{BEDROCK_PATH}/converse-stream", embed_model=TITAN, embed_path=TITAN_PATH,
        fields=REGION,
    ),
    Row(
        "cohere", "cohere", "cohere", COMMAND, "/v2/chat", _bearer("cohere"),
        embed_model="embed-v4.0", embed_path="/v2/embed",
    ),
    Row(
        "mistral", "mistral", "mistral", "mistral-large-latest", "/v1/chat/completions", _bearer("mistral"),
        embed_model="mistral-embed", embed_path="/v1/embeddings",
    ),
)  # fmt: skip
BY_NAME = {row.name: row for row in ROWS}
EMBEDDING = tuple(row for row in ROWS if row.embed_model)

DOWN = {
    "down-gemini": ("gemini", "gemini", SIGNING, {}),
    "down-bedrock": ("bedrock", "bedrock", BEDROCK_CLAUDE, REGION),
}
"""Backends that never answer: name to schema, format, model and further fields."""

SIMULATORS = {
    **{row.name: Settings(formats=(row.format,), keys=(row.secret,), log_size=20) for row in ROWS},
    **{name: Settings(formats=(form,), always="status=503", log_size=20) for name, (_, form, _, _) in DOWN.items()},
}


def made(service_account: Path) -> dict[str, Any]:
    """The document. `service_account` is the key file of the account that calls Vertex AI."""
    return {
        "version": 1,
        "backends": [
            *(_backend(row, service_account) for row in ROWS),
            *(backend(name, schema, **more) for name, (schema, _, _, more) in DOWN.items()),
        ],
        "models": [
            *(_model(row.name, (row.name, row.model)) for row in ROWS),
            *(_model(f"embed-{row.name}", (row.name, row.embed_model)) for row in EMBEDDING),
            _model("rerank", ("cohere", "rerank-v3.5")),
            _model("three-formats", *((name, model) for name, (_, _, model, _) in DOWN.items()), ("cohere", COMMAND)),
        ],
        "keys": keys(key("demo", KEY, team="platform")),
        "accounting": {"prices": list(_prices())},
    }


def _model(name: str, *targets: tuple[str, str]) -> dict[str, Any]:
    return {"name": name, "targets": [{"backend": where, "model": model} for where, model in targets]}


def _backend(row: Row, service_account: Path) -> dict[str, Any]:
    more = {"provider": row.provider} if row.provider else {}
    if row.name == "vertex":
        more["credential"] = {"gcp": {"service_account": {"file": str(service_account)}}}
    return backend(row.name, row.schema, **more, **row.fields)


def _prices() -> Iterator[dict[str, Any]]:
    priced = {(row.gen_ai_provider, model) for row in ROWS for model in (row.model, row.embed_model) if model}
    for provider, model in sorted(priced):
        yield {"provider": provider, "model": model, "input": 1.0, "output": 10.0}
