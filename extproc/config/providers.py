"""What is known of providers without asking the operator.

Addresses are those that the providers publish, as of 2026-11-21; where the format is `openai`, those of their
OpenAI-compatible APIs. Names are OpenTelemetry's `gen_ai.provider.name` where it has one
(https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/).
"""

from dataclasses import dataclass

from extproc.config.model import Schema


@dataclass(frozen=True, slots=True)
class Address:
    """Where a provider's API is: the authority, and what precedes the format's own paths."""

    authority: str
    base_path: str


PROVIDER_OF_SCHEMA = {
    Schema.OPENAI: "openai",
    Schema.OPENAI_RESPONSES: "openai",
    Schema.AZURE_OPENAI: "azure.ai.openai",
    Schema.ANTHROPIC: "anthropic",
    Schema.ANTHROPIC_BEDROCK: "aws.bedrock",
    Schema.ANTHROPIC_VERTEX: "gcp.vertex_ai",
    Schema.GEMINI: "gcp.gemini",
    Schema.VERTEX: "gcp.vertex_ai",
    Schema.BEDROCK: "aws.bedrock",
    Schema.COHERE: "cohere",
    Schema.MISTRAL: "mistral_ai",
}

BASE_PATH_OF_SCHEMA = {
    Schema.OPENAI: "/v1",
    Schema.OPENAI_RESPONSES: "/v1",
    Schema.AZURE_OPENAI: "",
    Schema.ANTHROPIC: "/v1",
    Schema.ANTHROPIC_BEDROCK: "",
    Schema.ANTHROPIC_VERTEX: "/v1",
    Schema.GEMINI: "/v1beta",
    Schema.VERTEX: "/v1",
    Schema.BEDROCK: "",
    Schema.COHERE: "/v2",
    Schema.MISTRAL: "/v1",
}

_ADDRESSES = {
    Schema.OPENAI: {
        "openai": Address("api.openai.com", "/v1"),
        "groq": Address("api.groq.com", "/openai/v1"),
        "mistral_ai": Address("api.mistral.ai", "/v1"),
        "deepseek": Address("api.deepseek.com", ""),
        "x_ai": Address("api.x.ai", "/v1"),
        "perplexity": Address("api.perplexity.ai", ""),
        "cohere": Address("api.cohere.ai", "/compatibility/v1"),
        "gcp.gemini": Address("generativelanguage.googleapis.com", "/v1beta/openai"),
        "openrouter": Address("openrouter.ai", "/api/v1"),
        "fireworks": Address("api.fireworks.ai", "/inference/v1"),
    },
    Schema.OPENAI_RESPONSES: {"openai": Address("api.openai.com", "/v1")},
    Schema.AZURE_OPENAI: {},  # every resource has its own host
    Schema.ANTHROPIC: {"anthropic": Address("api.anthropic.com", "/v1")},
    Schema.GEMINI: {"gcp.gemini": Address("generativelanguage.googleapis.com", "/v1beta")},
    Schema.COHERE: {"cohere": Address("api.cohere.com", "/v2")},
    Schema.MISTRAL: {"mistral_ai": Address("api.mistral.ai", "/v1")},
}

_BEDROCK = frozenset({Schema.BEDROCK, Schema.ANTHROPIC_BEDROCK})
_VERTEX = frozenset({Schema.VERTEX, Schema.ANTHROPIC_VERTEX})
_ANTHROPIC = frozenset({Schema.ANTHROPIC, Schema.ANTHROPIC_BEDROCK, Schema.ANTHROPIC_VERTEX})
_VERTEX_WITHOUT_REGION = {
    "global": "aiplatform.googleapis.com",
    "us": "aiplatform.us.rep.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
}

WITH_REGION = _BEDROCK | _VERTEX
WITH_PROJECT = _VERTEX
WITH_API_VERSION = _ANTHROPIC | {Schema.AZURE_OPENAI}
WITH_PROMPT_CACHING = _ANTHROPIC | {Schema.BEDROCK}
"""The formats for which a field of a backend has a meaning. Regions and projects are required there, unless a key of
Vertex AI stands for both."""

WITH_AWS_SIGNATURE = _BEDROCK
WITH_GCP_TOKEN = _VERTEX | {Schema.GEMINI, Schema.OPENAI}  # Vertex AI speaks OpenAI's format as well
WITH_ENTRA_TOKEN = frozenset({Schema.AZURE_OPENAI, Schema.OPENAI, Schema.OPENAI_RESPONSES, Schema.ANTHROPIC})
"""The formats whose providers take such a credential."""

SPEAKS_OPENAI = frozenset({Schema.OPENAI, Schema.AZURE_OPENAI})
"""The formats that have the endpoints of OpenAI's API without a model."""


_HAVE_DEFAULTS = ("api.openai.com", ".openai.azure.com", ".services.ai.azure.com", "api.anthropic.com")


def has_published_defaults(authority: str) -> bool:
    """Whether who answers there assumes the defaults that its format's reference names. Compatible servers may have
    their own: vLLM takes them from the model's `generation_config.json`
    (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, from memory, 2026-11-30)."""
    return authority.partition(":")[0].endswith(_HAVE_DEFAULTS)


def addresses(schema: Schema, region: str | None) -> dict[str, Address]:
    """The well-known addresses for a format, by provider; those with a region in their host only where it is given.

    Hosts with regions: https://docs.aws.amazon.com/general/latest/gr/bedrock.html and
    https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations (both seen 2026-11-21).
    """
    if schema not in WITH_REGION:
        return _ADDRESSES[schema]
    if region is None:
        return {}
    host = f"bedrock-runtime.{region}.amazonaws.com" if schema in _BEDROCK else _vertex_host(region)
    return {PROVIDER_OF_SCHEMA[schema]: Address(host, BASE_PATH_OF_SCHEMA[schema])}


def _vertex_host(region: str) -> str:
    return _VERTEX_WITHOUT_REGION.get(region, f"{region}-aiplatform.googleapis.com")
