"""OpenAI embeddings (caller) to Cohere's Embed, version 2 (backend).

References: https://platform.openai.com/docs/api-reference/embeddings/create, https://docs.cohere.com/reference/embed
(read in the SDKs' types and in excerpts, 2026-11-21).

Cohere asks what the vectors are for. A caller may say so in `input_type` (`extra_body`); without one the texts are
documents to be searched, and searching with the same vectors still works, only less well. `truncate`, `max_tokens` and
`priority` are Cohere's own and passed on as they are.
"""

import msgspec
from msgspec import Raw

from extproc.apischema import openai_embeddings
from extproc.apischema.cohere import EmbedAnswer, EmbedRequest
from extproc.apischema.malformed import MALFORMED
from extproc.config.model import Target
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome, Response, UpstreamRequest
from extproc.translator.fields import given, present
from extproc.translator.losses import Losses
from extproc.translator.openai_errors import upstream_error
from extproc.translator.openai_to_cohere_response import error_answer

_KNOWN = frozenset(
    {"dimensions", "encoding_format", "input", "input_type", "max_tokens", "model", "priority", "truncate"}
)
_IGNORED = frozenset({"user"})  # tells users apart for OpenAI's abuse detection
_DOCUMENT = Raw(b'"search_document"')
_ANSWER = msgspec.json.Decoder(EmbedAnswer)


class EmbeddingsToCohere:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        asked = openai_embeddings.parse(call.body)
        losses = Losses(target.backend)
        for name, value in call.fields.items():
            if name not in _KNOWN and name not in _IGNORED and present(value) is not None:
                losses.lose(name)
        out = EmbedRequest(
            model=target.model,
            texts=asked.texts,
            input_type=given(call, "input_type") or _DOCUMENT,
            embedding_types=["base64" if asked.wants_base64 else "float"],
            output_dimension=asked.dimensions,
            truncate=given(call, "truncate"),
            max_tokens=given(call, "max_tokens"),
            priority=given(call, "priority"),
        )
        path = target.backend.base_path + "/embed"
        return UpstreamRequest(path=path, body=msgspec.json.encode(out), dropped=losses.dropped)

    def response(self, call: Call, *, streamed: bool) -> Response:
        return _WholeEmbeddings(call)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


class _WholeEmbeddings:
    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        asked = openai_embeddings.parse(self._call.body)
        answer = self._answer()
        self.outcome.response_id = answer.id
        self.outcome.usage = answer.meta.total() if answer.meta is not None else None
        vectors = answer.embeddings.base64 if asked.wants_base64 else answer.embeddings.float
        if vectors is None:
            raise self._failed("The provider's answer holds no vectors of the type that was asked for.")
        self.outcome.complete = True
        usage = self.outcome.usage
        return openai_embeddings.answer(self._call.model, vectors, None if usage is None else usage.input_tokens)

    def _answer(self) -> EmbedAnswer:
        try:
            return _ANSWER.decode(self._body)
        except MALFORMED:
            raise self._failed("The provider's answer cannot be read.") from None

    def _failed(self, message: str) -> UpstreamError:
        error = upstream_error(502, message)
        self.outcome.error = error.type
        return error
