"""Which translator serves an endpoint on a backend. A new format is a row here.

OpenAI chat is the hub: a backend's format needs one chat translator, a caller's format one front, and the two are
composed for every pair. Pairs of the same format on both sides have a translator of their own, which changes nothing.
"""

from extproc.apischema.endpoints import (
    CHAT,
    COMPLETIONS,
    COUNT_TOKENS,
    EMBEDDINGS,
    MESSAGES,
    RERANK,
    RESPONSES,
    Endpoint,
    Kind,
)
from extproc.config.model import Backend, Schema
from extproc.translator.anthropic_to_anthropic import AnthropicToAnthropic
from extproc.translator.base import Translator
from extproc.translator.front import Composed, Front
from extproc.translator.hub_to_openai import HubToOpenAI
from extproc.translator.messages_to_chat import MessagesFront
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic
from extproc.translator.openai_to_anthropic_cloud import OpenAIToAnthropicBedrock, OpenAIToAnthropicVertex
from extproc.translator.openai_to_bedrock import OpenAIToBedrock
from extproc.translator.openai_to_bedrock_embeddings import EmbeddingsToBedrock
from extproc.translator.openai_to_cohere import OpenAIToCohere
from extproc.translator.openai_to_cohere_embeddings import EmbeddingsToCohere
from extproc.translator.openai_to_gemini import OpenAIToGemini, OpenAIToVertex
from extproc.translator.openai_to_gemini_embeddings import EmbeddingsToGemini, EmbeddingsToVertex
from extproc.translator.openai_to_mistral import OpenAIToMistral
from extproc.translator.openai_to_mistral_embeddings import EmbeddingsToMistral
from extproc.translator.openai_to_openai import OpenAIToAzure, OpenAIToOpenAI
from extproc.translator.openai_to_responses import OpenAIToResponses
from extproc.translator.prompt_caching import WithPromptCaching
from extproc.translator.rerank import RerankToCohere
from extproc.translator.responses_meter import OpenAIToAzureResponses, OpenAIToOpenAIResponses
from extproc.translator.responses_to_chat import ResponsesFront

_OPENAI, _AZURE = OpenAIToOpenAI(), OpenAIToAzure()
_HAS_RESPONSES = frozenset({"openai"})
"""Providers of OpenAI's format that have the Responses API too; the others are spoken to in chat."""

_CHAT: dict[Schema, Translator] = {
    Schema.OPENAI: _OPENAI,
    Schema.OPENAI_RESPONSES: OpenAIToResponses(),
    Schema.AZURE_OPENAI: _AZURE,
    Schema.ANTHROPIC: WithPromptCaching(OpenAIToAnthropic()),
    Schema.ANTHROPIC_BEDROCK: WithPromptCaching(OpenAIToAnthropicBedrock()),
    Schema.ANTHROPIC_VERTEX: WithPromptCaching(OpenAIToAnthropicVertex()),
    Schema.GEMINI: OpenAIToGemini(),
    Schema.VERTEX: OpenAIToVertex(),
    Schema.BEDROCK: WithPromptCaching(OpenAIToBedrock()),
    Schema.COHERE: OpenAIToCohere(),
    Schema.MISTRAL: OpenAIToMistral(),
}
_BEHIND_A_FRONT: dict[Schema, Translator] = {
    **_CHAT,
    Schema.OPENAI: HubToOpenAI(_OPENAI),
    Schema.AZURE_OPENAI: HubToOpenAI(_AZURE),
}
_CLAUDE = (Schema.ANTHROPIC, Schema.ANTHROPIC_BEDROCK, Schema.ANTHROPIC_VERTEX)


def _composed(front: Front, schemas: tuple[Schema, ...]) -> dict[Schema, Translator]:
    return {schema: Composed(front, _BEHIND_A_FRONT[schema]) for schema in schemas}


_BY_CHAT: dict[Schema, Translator] = _composed(ResponsesFront(), tuple(Schema))
_TABLE: dict[str, dict[Schema, Translator]] = {
    CHAT.path: _CHAT,
    COMPLETIONS.path: {Schema.OPENAI: _OPENAI, Schema.AZURE_OPENAI: _AZURE},
    EMBEDDINGS.path: {
        Schema.OPENAI: _OPENAI,
        Schema.AZURE_OPENAI: _AZURE,
        Schema.GEMINI: EmbeddingsToGemini(),
        Schema.VERTEX: EmbeddingsToVertex(),
        Schema.BEDROCK: EmbeddingsToBedrock(),
        Schema.COHERE: EmbeddingsToCohere(),
        Schema.MISTRAL: EmbeddingsToMistral(),
    },
    MESSAGES.path: {
        **_composed(MessagesFront(), tuple(Schema)),
        **_composed(MessagesFront(own_thinking=True), _CLAUDE),
        Schema.ANTHROPIC: AnthropicToAnthropic(),
    },
    COUNT_TOKENS.path: {Schema.ANTHROPIC: AnthropicToAnthropic()},
    RESPONSES.path: {
        **_BY_CHAT,
        Schema.OPENAI: OpenAIToOpenAIResponses(),
        Schema.OPENAI_RESPONSES: OpenAIToOpenAIResponses(),
        Schema.AZURE_OPENAI: OpenAIToAzureResponses(),
    },
    RERANK.path: {Schema.COHERE: RerankToCohere()},
}
_PASSTHROUGH: dict[Schema, Translator] = {
    Schema.OPENAI: _OPENAI,
    Schema.OPENAI_RESPONSES: _OPENAI,
    Schema.AZURE_OPENAI: _AZURE,
}


_OWN: dict[str, Translator] = {
    CHAT.path: _OPENAI,
    COMPLETIONS.path: _OPENAI,
    EMBEDDINGS.path: _OPENAI,
    MESSAGES.path: AnthropicToAnthropic(),
    RESPONSES.path: OpenAIToOpenAIResponses(),
}


def own(endpoint: Endpoint) -> Translator | None:
    """The translator for answers that are in the caller's format already; None where the endpoint has none."""
    return _OWN.get(endpoint.path)


def find(endpoint: Endpoint, backend: Backend) -> Translator | None:
    """The translator for a caller's endpoint and a backend; None when the backend cannot serve it."""
    if endpoint.kind is Kind.PASSTHROUGH:
        return _PASSTHROUGH.get(backend.schema)
    if endpoint is RESPONSES and backend.schema is Schema.OPENAI and backend.provider not in _HAS_RESPONSES:
        return _BY_CHAT[Schema.OPENAI]
    return _TABLE[endpoint.path].get(backend.schema)
