"""Which translator serves an endpoint on a backend's wire format. A new pair is a row here."""

from extproc.apischema.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, Endpoint, Kind
from extproc.config.model import Schema
from extproc.translator.base import Translator
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic
from extproc.translator.openai_to_openai import OpenAIToAzure, OpenAIToOpenAI

_OPENAI = OpenAIToOpenAI()
_AZURE = OpenAIToAzure()

_GENERATION: dict[tuple[str, Schema], Translator] = {
    (CHAT.path, Schema.ANTHROPIC): OpenAIToAnthropic(),
    **{(endpoint.path, Schema.OPENAI): _OPENAI for endpoint in (CHAT, COMPLETIONS, EMBEDDINGS)},
    **{(endpoint.path, Schema.AZURE_OPENAI): _AZURE for endpoint in (CHAT, COMPLETIONS, EMBEDDINGS)},
}
_PASSTHROUGH: dict[Schema, Translator] = {Schema.OPENAI: _OPENAI, Schema.AZURE_OPENAI: _AZURE}


def find(endpoint: Endpoint, schema: Schema) -> Translator | None:
    """The translator for a caller's endpoint and a backend's format; None when the format cannot serve it."""
    if endpoint.kind is Kind.PASSTHROUGH:
        return _PASSTHROUGH.get(schema)
    return _GENERATION.get((endpoint.path, schema))
