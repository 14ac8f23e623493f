"""OpenAI embeddings (caller) to Bedrock's embedding models, Amazon Titan Text Embeddings and Cohere Embed (backend).

References: https://platform.openai.com/docs/api-reference/embeddings/create,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html (all seen 2026-11-21).

The model's id says whose document its InvokeModel takes.

* Titan embeds one text a request, so that a batch of more is refused. `normalize` is its own and passed on.
* Cohere asks what the vectors are for. A caller may say so in `input_type` (`extra_body`); without one the texts are
  documents to be searched. `truncate` and `max_tokens` are Cohere's own and passed on. Its answer on Bedrock counts no
  tokens.
* `dimensions` are known by Titan 2 and Cohere 4; for the others they are a loss.
"""

from collections.abc import Callable

import msgspec
from msgspec import Raw

from extproc.apischema import openai_embeddings
from extproc.apischema.bedrock import CohereEmbedRequest, EmbedAnswer, TitanEmbedRequest, model_path
from extproc.apischema.malformed import MALFORMED
from extproc.config.model import Target
from extproc.errors import Unsupported, UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.translator.base import Call, Outcome, Response, UpstreamRequest
from extproc.translator.losses import Losses
from extproc.translator.openai_errors import upstream_error
from extproc.translator.openai_to_bedrock_response import error_answer

_KNOWN = frozenset({"dimensions", "encoding_format", "input", "model"})
_IGNORED = frozenset({"user"})  # tells users apart for OpenAI's abuse detection
_TITANS_OWN = frozenset({"normalize"})
_COHERES_OWN = frozenset({"input_type", "max_tokens", "truncate"})
_DOCUMENT = Raw(b'"search_document"')
_WITH_DIMENSIONS = ("titan-embed-text-v2", "cohere.embed-v4")
_ANSWER = msgspec.json.Decoder(EmbedAnswer)


class EmbeddingsToBedrock:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        step = _Request(call, target)
        step.refuse_unknown()
        step.set_dimensions()
        return UpstreamRequest(
            path=model_path(target.backend.base_path, target.model, "invoke"),
            body=msgspec.json.encode(step.body()),
            dropped=step.losses.dropped,
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        return _WholeEmbeddings(call)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


class _Request:
    """One request: what is asked for, and the fields of it that are the model's own."""

    def __init__(self, call: Call, target: Target) -> None:
        self.asked = openai_embeddings.parse(call.body)
        self.dimensions: int | None = None
        self.losses = Losses(target.backend)
        self.given = {name: value for name, value in call.fields.items() if bytes(value) != b"null"}
        self._model = target.model
        self._wants_base64 = self.asked.wants_base64  # refuses other formats, though it is the answer that has them
        self._own, self._build = _family(target.model)

    def refuse_unknown(self) -> None:
        for name in self.given:
            if name not in _KNOWN | _IGNORED | self._own:
                self.losses.lose(name)

    def set_dimensions(self) -> None:
        known = any(name in self._model for name in _WITH_DIMENSIONS)
        if self.asked.dimensions is not None:
            why_not = "" if known else "the model's vectors have one size"
            self.dimensions = self.losses.keep("dimensions", self.asked.dimensions, why_not)

    def body(self) -> TitanEmbedRequest | CohereEmbedRequest:
        return self._build(self)


def _titan(request: _Request) -> TitanEmbedRequest:
    texts = request.asked.texts
    if len(texts) != 1:
        raise Unsupported("input: this model embeds one text a request", param="input")
    return TitanEmbedRequest(texts[0], request.dimensions, request.given.get("normalize"))


def _cohere(request: _Request) -> CohereEmbedRequest:
    given = request.given
    return CohereEmbedRequest(
        texts=request.asked.texts,
        input_type=given.get("input_type", _DOCUMENT),
        embedding_types=["float"],
        output_dimension=request.dimensions,
        truncate=given.get("truncate"),
        max_tokens=given.get("max_tokens"),
    )


def _family(model: str) -> tuple[frozenset[str], Callable[[_Request], TitanEmbedRequest | CohereEmbedRequest]]:
    """The fields that are the model's own, and who writes its requests."""
    if "titan-embed-text" in model:
        return _TITANS_OWN, _titan
    if "cohere.embed" in model:
        return _COHERES_OWN, _cohere
    raise Unsupported("model: embeddings of this model on Bedrock are not known here", param="model")


class _WholeEmbeddings:
    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        as_base64 = openai_embeddings.parse(self._call.body).wants_base64
        try:
            given = _ANSWER.decode(self._body)
            vectors = [openai_embeddings.formatted(vector, as_base64=as_base64) for vector in given.vectors]
        except (ValueError, *MALFORMED):
            raise self._failed() from None
        if not vectors:
            raise self._failed()
        counted = given.input_text_token_count
        self.outcome.usage = None if counted is None else TokenUsage(input_tokens=counted)
        self.outcome.complete = True
        return openai_embeddings.answer(self._call.model, vectors, counted)

    def _failed(self) -> UpstreamError:
        error = upstream_error(502, "The provider's answer cannot be read.")
        self.outcome.error = error.type
        return error
