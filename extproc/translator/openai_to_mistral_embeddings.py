"""OpenAI embeddings (caller) to Mistral's embeddings (backend).

References: https://platform.openai.com/docs/api-reference/embeddings/create,
https://docs.mistral.ai/api/endpoint/embeddings (read in the SDKs' types and in excerpts, 2026-11-21).

`dimensions` is `output_dimension` there. `output_dtype` and `metadata` are Mistral's own and passed on as they are.
Models and servers that do not know `encoding_format` answer with numbers: the caller gets base64 all the same.
"""

import msgspec
from msgspec import Raw

from extproc.apischema import openai_embeddings
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.mistral import EmbeddingsAnswer
from extproc.config.model import Target
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome, Response, UpstreamRequest
from extproc.translator.fields import present
from extproc.translator.losses import Losses
from extproc.translator.openai_errors import upstream_error
from extproc.translator.openai_to_mistral_response import error_answer, error_detail
from extproc.wire.json_object import encode_object

_NAMES = {
    "dimensions": "output_dimension",
    "encoding_format": "encoding_format",
    "metadata": "metadata",
    "output_dtype": "output_dtype",
}
_IGNORED = frozenset({"user"})  # tells users apart for OpenAI's abuse detection
_TRANSLATED = frozenset({"input", "model"})
_ANSWER = msgspec.json.Decoder(EmbeddingsAnswer)


class EmbeddingsToMistral:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        asked = openai_embeddings.parse(call.body)
        losses = Losses(target.backend)
        out: dict[str, object] = {"model": target.model, "input": asked.texts}
        for name, value in call.fields.items():
            if name in _IGNORED or name in _TRANSLATED or present(value) is None:
                continue
            if name in _NAMES:
                out[_NAMES[name]] = value
            else:
                losses.lose(name)
        path = target.backend.base_path + "/embeddings"
        return UpstreamRequest(path=path, body=encode_object(out), dropped=losses.dropped)

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
        answer, vectors = self._answer()
        outcome = self.outcome
        outcome.response_id, outcome.response_model = answer.id, answer.model
        outcome.usage = answer.usage.total() if answer.usage is not None else None
        outcome.complete = True
        spent = None if outcome.usage is None else outcome.usage.input_tokens
        return openai_embeddings.answer(answer.model or self._call.model, vectors, spent)

    def _answer(self) -> tuple[EmbeddingsAnswer, list[Raw]]:
        """The answer, and its vectors in order and in the format that the caller asked for."""
        as_base64 = openai_embeddings.parse(self._call.body).wants_base64
        try:
            answer = _ANSWER.decode(self._body)
            ordered = sorted(answer.data, key=lambda each: each.index)
            return answer, [openai_embeddings.formatted(each.embedding, as_base64=as_base64) for each in ordered]
        except (*MALFORMED, ValueError):
            message, param = error_detail(self._body)
            error = upstream_error(502, message or "The provider's answer cannot be read.", param=param)
            self.outcome.error = error.type
            raise error from None
