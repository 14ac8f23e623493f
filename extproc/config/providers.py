"""What is known of providers without asking the operator.

Addresses are those of the providers' OpenAI-compatible APIs (Anthropic: its own), as of 2026-11-21. Names are
OpenTelemetry's `gen_ai.provider.name` where it has one
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
    Schema.AZURE_OPENAI: "azure.ai.openai",
    Schema.ANTHROPIC: "anthropic",
}

BASE_PATH_OF_SCHEMA = {Schema.OPENAI: "/v1", Schema.AZURE_OPENAI: "", Schema.ANTHROPIC: "/v1"}

ADDRESSES = {
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
    Schema.AZURE_OPENAI: {},  # every resource has its own host
    Schema.ANTHROPIC: {"anthropic": Address("api.anthropic.com", "/v1")},
}
