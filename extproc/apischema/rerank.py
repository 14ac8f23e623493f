"""Rerank as callers speak it: Cohere's versions 1 and 2, and Jina's.

References: https://docs.cohere.com/v1/reference/rerank, https://docs.cohere.com/v2/reference/rerank,
https://api.jina.ai/redoc#tag/rerank (read in Cohere's SDK and in excerpts, 2026-11-21). One request type reads all
three: no name means two things.
"""

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import invalid
from extproc.errors import InvalidRequest, Unsupported


class RerankRequest(Struct):
    """`documents` are texts or objects: Jina's with `text`, Cohere's with `rank_fields`. `max_doc_length` is what Jina
    calls Cohere's `max_tokens_per_doc`."""

    query: str
    documents: list[str | dict[str, Raw]]
    top_n: int | None = None
    return_documents: bool | None = None
    rank_fields: list[str] | None = None
    max_tokens_per_doc: int | None = None
    max_doc_length: int | None = None

    def text(self, index: int) -> str:
        """A document as the text that is ranked. Raises InvalidRequest, or Unsupported for a document without text."""
        document, where = self.documents[index], f"documents[{index}]"
        if isinstance(document, str):
            return document
        if self.rank_fields:
            return "\n".join(f"{name}: {_written(document, name, where)}" for name in self.rank_fields)
        if "text" not in document:
            raise Unsupported(f"{where}: only documents with a text can be ranked", param=where)
        return _decoded(document["text"], f"{where}.text")


def _written(document: dict[str, Raw], name: str, where: str) -> str:
    """A field's value as JSON, which is YAML too: Cohere's form for documents with fields."""
    if name not in document:
        raise InvalidRequest(f"{where}.{name}: missing, but one of rank_fields", param=where)
    return str(document[name], "utf-8", "replace")


def _decoded(text: Raw, where: str) -> str:
    try:
        return _TEXT.decode(text)
    except MALFORMED as error:
        raise invalid(error, where) from error


class Document(Struct):
    text: str


class Result(Struct, omit_defaults=True):
    index: int
    relevance_score: Raw
    document: Document | None = None


class Usage(Struct):
    """Jina's: all of rerank's tokens are input."""

    total_tokens: int
    prompt_tokens: int


class RerankAnswer(Struct, omit_defaults=True):
    """An answer that callers of either dialect can read: `id` and `meta` are Cohere's, `object`, `model` and `usage`
    Jina's, the rest is the same in both."""

    id: str
    object: str
    model: str
    results: list[Result]
    meta: Raw = Raw(b"null")
    usage: Usage | None = None


_REQUEST = msgspec.json.Decoder(RerankRequest)
_TEXT = msgspec.json.Decoder(str)


def parse(body: bytes) -> RerankRequest:
    """The request in a body. Raises InvalidRequest that names the field at fault."""
    try:
        return _REQUEST.decode(body)
    except MALFORMED as error:
        raise invalid(error) from error
