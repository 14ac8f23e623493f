"""OpenAI's embeddings: the fields of a request that translators read, and the answer that they write.

Reference: https://platform.openai.com/docs/api-reference/embeddings (seen 2026-11-21).
"""

import base64
import sys
from array import array
from typing import Any

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import invalid
from extproc.errors import InvalidRequest, Unsupported


class EmbeddingsRequest(Struct):
    """`input` is a text, texts, token numbers or lists of them. `encoding_format` is `float` or `base64`."""

    input: str | list[Any]
    encoding_format: str | None = None
    dimensions: int | None = None

    @property
    def texts(self) -> list[str]:
        """The input as texts. Raises Unsupported for tokens: their numbers are those of OpenAI's own tokenizer."""
        if isinstance(self.input, str):
            return [self.input]
        texts = [each for each in self.input if isinstance(each, str)]
        if len(texts) < len(self.input):
            raise Unsupported("input: this model takes texts, not tokens", param="input")
        return texts

    @property
    def wants_base64(self) -> bool:
        """Raises InvalidRequest for a format that OpenAI does not have."""
        if self.encoding_format not in (None, "float", "base64"):
            raise InvalidRequest("encoding_format: neither float nor base64", param="encoding_format")
        return self.encoding_format == "base64"


class _Embedding(Struct):
    object: str
    index: int
    embedding: Raw


class _Usage(Struct):
    prompt_tokens: int
    total_tokens: int


class _List(Struct, omit_defaults=True):
    object: str
    data: list[_Embedding]
    model: str
    usage: _Usage | None = None


_REQUEST = msgspec.json.Decoder(EmbeddingsRequest)
_VECTOR = msgspec.json.Decoder(list[float])
_TEXT = msgspec.json.Decoder(str)


def parse(body: bytes) -> EmbeddingsRequest:
    """The request in a body. Raises InvalidRequest that names the field at fault."""
    try:
        return _REQUEST.decode(body)
    except MALFORMED as error:
        raise invalid(error) from error


def answer(model: str, vectors: list[Raw], input_tokens: int | None) -> bytes:
    """The whole answer. Each vector is a JSON array of numbers, or base64 in a JSON string."""
    data = [_Embedding("embedding", index, vector) for index, vector in enumerate(vectors)]
    usage = None if input_tokens is None else _Usage(input_tokens, input_tokens)
    return msgspec.json.encode(_List("list", data, model, usage))


def formatted(vector: Raw, *, as_base64: bool) -> Raw:
    """A vector in the format that the caller asked for: numbers, or little-endian 32-bit floats in base64.

    Raises what decoding raises (MALFORMED), or ValueError, for what is neither.
    """
    is_base64 = bytes(vector)[:1] == b'"'
    if is_base64 == as_base64:
        return vector
    return Raw(msgspec.json.encode(_packed(vector) if as_base64 else _unpacked(vector)))


def _packed(vector: Raw) -> str:
    numbers = array("f", _VECTOR.decode(vector))
    return base64.b64encode(_little_endian(numbers).tobytes()).decode()


def _unpacked(vector: Raw) -> list[float]:
    numbers = array("f", base64.b64decode(_TEXT.decode(vector), validate=True))
    return _little_endian(numbers).tolist()


def _little_endian(numbers: "array[float]") -> "array[float]":
    """From the machine's order to little-endian, or back."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
