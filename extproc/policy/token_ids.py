"""Prompts that are given as token ids, which nobody here can read: what completions and embeddings take beside text.

https://platform.openai.com/docs/api-reference/embeddings/create (`input`: a list of integers, or of such lists; seen
2026-11-30), and `prompt` of completions likewise.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from extproc.apischema.malformed import MALFORMED

_FIELDS = ("input", "prompt")
_NUMBER_BEGINS = b"-0123456789"
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def has_token_ids(fields: Mapping[str, Raw]) -> bool:
    """Whether any of a request's texts is a list in which there is a number; `fields` are those of its body."""
    return any(_is_list_with_number(fields[name]) for name in _FIELDS if name in fields)


def _is_list_with_number(raw: Raw) -> bool:
    elements = _elements(raw)
    return any(memoryview(element)[0] in _NUMBER_BEGINS or _is_list_of_numbers(element) for element in elements)


def _is_list_of_numbers(raw: Raw) -> bool:
    return any(memoryview(element)[0] in _NUMBER_BEGINS for element in _elements(raw))


def _elements(raw: Raw) -> list[Raw]:
    if memoryview(raw)[0] != ord("["):
        return []
    try:
        return _decode_list(raw)
    except MALFORMED:
        return []
