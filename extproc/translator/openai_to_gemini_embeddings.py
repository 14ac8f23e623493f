"""OpenAI embeddings (caller) to Gemini's (backend): AI Studio and Vertex AI.

References: https://platform.openai.com/docs/api-reference/embeddings/create,
https://ai.google.dev/api/embeddings#method:-models.batchembedcontents,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api (all seen 2026-11-21).

AI Studio, and Vertex AI for models named `gemini…`, embed with `:batchEmbedContents`; Vertex AI's other text models
(`text-embedding-005`, …) with `:predict`. Vertex AI would cut text that is too long without a word; it is told not to,
so that the caller gets an error as from OpenAI.

`task_type` and `title` are Gemini's own and passed on as they are.
"""

from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from extproc.apischema import openai_embeddings
from extproc.apischema.gemini import (
    BatchEmbedContentsRequest,
    Content,
    EmbedContentConfig,
    EmbedContentRequest,
    EmbedContentResponse,
    ErrorDetail,
    Part,
    PredictInstance,
    PredictParameters,
    PredictRequest,
    PredictResponse,
)
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_embeddings import EmbeddingsRequest
from extproc.config.model import Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.translator.base import Call, Outcome, Response, UpstreamRequest
from extproc.translator.fields import given, present
from extproc.translator.losses import Losses
from extproc.translator.openai_to_gemini import studio_path, vertex_path
from extproc.translator.openai_to_gemini_response import error_answer, read_error, upstream_error

_KNOWN = frozenset({"dimensions", "encoding_format", "input", "model", "task_type", "title"})
_IGNORED = frozenset({"user"})  # tells users apart for OpenAI's abuse detection
_BATCH = msgspec.json.Decoder(EmbedContentResponse)
_PREDICTIONS = msgspec.json.Decoder(PredictResponse)
_VECTOR = msgspec.json.Decoder(list[float])


class EmbeddingsToGemini:
    """The pair, for AI Studio. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        asked, losses = openai_embeddings.parse(call.body), Losses(target.backend)
        for name, value in call.fields.items():
            if name not in _KNOWN and name not in _IGNORED and present(value) is not None:
                losses.lose(name)
        texts, _ = asked.texts, asked.wants_base64  # both raise for what could not be answered
        if not texts or not all(texts):
            raise InvalidRequest("input: empty", param="input")
        path, body = self.document(call, asked, target)
        return UpstreamRequest(path=path, body=msgspec.json.encode(body), dropped=losses.dropped)

    def response(self, call: Call, *, streamed: bool) -> Response:
        return _WholeEmbeddings(call, as_base64=openai_embeddings.parse(call.body).wants_base64)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)

    def document(self, call: Call, asked: EmbeddingsRequest, target: Target) -> tuple[str, Struct]:
        """The path, and the request."""
        model = target.model if "/" in target.model else f"models/{target.model}"
        task, title = given(call, "task_type"), given(call, "title")
        requests = [
            EmbedContentRequest(Content([Part(text=text)]), model, task, title, asked.dimensions)
            for text in asked.texts
        ]
        return f"{studio_path(target)}:batchEmbedContents", BatchEmbedContentsRequest(requests)


class EmbeddingsToVertex(EmbeddingsToGemini):
    """The pair, for Vertex AI."""

    def document(self, call: Call, asked: EmbeddingsRequest, target: Target) -> tuple[str, Struct]:
        task, title = given(call, "task_type"), given(call, "title")
        if "gemini" in target.model:
            config = EmbedContentConfig(task, title, asked.dimensions, auto_truncate=False)
            contents = [Content([Part(text=text)]) for text in asked.texts]
            requests = [EmbedContentRequest(content, embed_content_config=config) for content in contents]
            return f"{vertex_path(target)}:batchEmbedContents", BatchEmbedContentsRequest(requests)
        instances = [PredictInstance(text, task, title) for text in asked.texts]
        parameters = PredictParameters(auto_truncate=False, output_dimensionality=asked.dimensions)
        return f"{vertex_path(target)}:predict", PredictRequest(instances, parameters)


class _Embedded(NamedTuple):
    """What both answers come to: the vectors in order, and the input's tokens if they are known."""

    vectors: list[Raw]
    tokens: int | None


class _WholeEmbeddings:
    """The answer of either method."""

    def __init__(self, call: Call, *, as_base64: bool) -> None:
        self.outcome = Outcome()
        self._call = call
        self._as_base64 = as_base64
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        try:
            found = _embedded(self._body)
            vectors = [openai_embeddings.formatted(_checked(each), as_base64=self._as_base64) for each in found.vectors]
        except MALFORMED:
            detail = read_error(self._body) or ErrorDetail()
            error = upstream_error(detail, 502, "The provider's answer cannot be read.")
            self.outcome.error = error.type
            raise error from None
        if found.tokens is not None:
            self.outcome.usage = TokenUsage(input_tokens=found.tokens)
        self.outcome.complete = True
        return openai_embeddings.answer(self._call.model, vectors, found.tokens)


def _embedded(body: bytearray) -> _Embedded:
    """Raises DecodeError for a body that is the answer of neither method."""
    try:
        batch = _BATCH.decode(body)
    except msgspec.ValidationError:
        return _predicted(_PREDICTIONS.decode(body))
    counted = batch.usage_metadata.prompt_token_count if batch.usage_metadata is not None else None
    return _Embedded([embedding.values for embedding in batch.embeddings], counted)


def _predicted(answer: PredictResponse) -> _Embedded:
    embeddings = [prediction.embeddings for prediction in answer.predictions]
    counts = [each.statistics.token_count for each in embeddings if each.statistics is not None]
    known = [int(count) for count in counts if count is not None]
    return _Embedded([embedding.values for embedding in embeddings], sum(known) if known else None)


def _checked(vector: Raw) -> Raw:
    """Raises ValidationError for what is no vector of numbers."""
    _VECTOR.decode(vector)
    return vector
