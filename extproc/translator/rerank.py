"""Rerank (callers of Cohere's and of Jina's dialect) to Cohere's Rerank, version 2 (backend).

References: https://docs.cohere.com/v2/reference/rerank, https://docs.cohere.com/v1/reference/rerank,
https://docs.cohere.com/v2/docs/migrating-v1-to-v2, https://api.jina.ai/redoc#tag/rerank (read in Cohere's SDK and in
excerpts, 2026-11-21).

| caller        | dialect                    | documents in the answer                                               |
|---------------|----------------------------|-----------------------------------------------------------------------|
| `/v2/rerank`  | Cohere's: the backend's own | never; only the model's name changes, all else passes through         |
| `/v1/rerank`  | Cohere's first, and Jina's | as `return_documents` says; without it they come, as at Jina's        |

The two dialects of `/v1/rerank` cannot be told apart by a plain request, so its answer holds the fields of both.
"""

from collections.abc import Mapping

import msgspec

from extproc.apischema import cohere, rerank
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.rerank import Document, RerankRequest, Result, Usage
from extproc.config.model import Target
from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.translator.base import Call, Outcome, Response, UpstreamRequest
from extproc.translator.fields import given, says_nothing
from extproc.translator.losses import Losses
from extproc.translator.openai_errors import upstream_error
from extproc.translator.openai_meter import WholeMeter
from extproc.translator.openai_to_cohere_response import error_answer
from extproc.wire.json_object import encode_object

_KNOWN = frozenset(RerankRequest.__struct_fields__) | {"model", "priority", "relevant_spans"}
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "return_embeddings": (False,),
    "truncation": (True,),  # Cohere always shortens documents that are too long
}
_META = msgspec.json.Decoder(cohere.Meta | None)
_ANSWER = msgspec.json.Decoder(cohere.RerankAnswer)


class RerankToCohere:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        path = target.backend.base_path + "/rerank"
        if _speaks_backend(call):
            return UpstreamRequest(path=path, body=encode_object({**call.fields, "model": target.model}))
        losses = Losses(target.backend)
        for name, value in call.fields.items():
            if name not in _KNOWN and not says_nothing(name, value, _NEUTRAL):
                losses.lose(name)
        return UpstreamRequest(path=path, body=_body(call, target.model), dropped=losses.dropped)

    def response(self, call: Call, *, streamed: bool) -> Response:
        return WholeMeter(_observe) if _speaks_backend(call) else _WholeRanking(call)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


def _speaks_backend(call: Call) -> bool:
    return call.path.startswith("/v2/")


def _body(call: Call, model: str) -> bytes:
    asked = rerank.parse(call.body)
    limit = asked.max_doc_length if asked.max_tokens_per_doc is None else asked.max_tokens_per_doc
    out = cohere.RerankRequest(
        model=model,
        query=asked.query,
        documents=[asked.text(index) for index in range(len(asked.documents))],
        top_n=asked.top_n,
        max_tokens_per_doc=limit,
        relevant_spans=given(call, "relevant_spans"),
        priority=given(call, "priority"),
    )
    return msgspec.json.encode(out)


def _observe(body: bytes, outcome: Outcome) -> None:
    """What an answer that passes through tells."""
    try:
        answer = _ANSWER.decode(body)
    except MALFORMED:
        outcome.error = "malformed_response"
    else:
        outcome.response_id, outcome.usage = answer.id, _usage(answer)


def _usage(answer: cohere.RerankAnswer) -> TokenUsage | None:
    """The tokens, where Cohere tells them: most models are billed by searches."""
    try:
        meta = _META.decode(answer.meta)
    except MALFORMED:
        return None
    return meta.total() if meta is not None else None


class _WholeRanking:
    """A ranking in the words of both dialects of `/v1/rerank`."""

    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        asked, answer = rerank.parse(self._call.body), self._answer()
        usage = self.outcome.usage = _usage(answer)
        self.outcome.response_id = answer.id
        results = [self._result(asked, result) for result in answer.results]
        self.outcome.complete = True
        spent = None if usage is None else Usage(usage.total_tokens, usage.input_tokens)
        return msgspec.json.encode(
            rerank.RerankAnswer(answer.id, "list", self._call.model, results, answer.meta, spent)
        )

    def _result(self, asked: RerankRequest, result: cohere.RerankResult) -> Result:
        if not 0 <= result.index < len(asked.documents):
            raise self._failed("The provider ranked a document that it was not given.")
        document = None if asked.return_documents is False else Document(asked.text(result.index))
        return Result(result.index, result.relevance_score, document)

    def _answer(self) -> cohere.RerankAnswer:
        try:
            return _ANSWER.decode(self._body)
        except MALFORMED:
            raise self._failed("The provider's answer cannot be read.") from None

    def _failed(self, message: str) -> UpstreamError:
        error = upstream_error(502, message)
        self.outcome.error = error.type
        return error
