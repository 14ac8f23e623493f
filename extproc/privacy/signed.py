"""Reasoning that a provider signed: it must come back as it was given, so only known values are replaced in it.

It holds what was restored in it, and else nothing that the provider has not written itself.
"""

import re
from collections.abc import Mapping, Sequence

from extproc.privacy.apply import Find
from extproc.privacy.detect.span import Span
from extproc.privacy.json_strings import Context, literals
from extproc.privacy.search import Together
from extproc.privacy.structure import SIGNATURE, SIGNATURES

_COMPARED_PER_BYTE = 64  # characters of a request that are compared with values, for each byte of it


def signed(document: bytes, root: Context) -> frozenset[int]:
    """The objects that have a signature."""
    found = literals(document, root, SIGNATURES)
    return frozenset(one.holder for one in found if one.name == SIGNATURE and one.end - one.start > len(b'""'))


class KnownValues:
    """The values that have a token in a request of some size. Made once, when all of them are known."""

    def __init__(self, values: Mapping[str, str], size: int, find: Find) -> None:
        self._tokens = {value: token for token, value in values.items()}
        self._most = _COMPARED_PER_BYTE * size
        self._find = find

    def replaced(self, texts: Sequence[str]) -> list[str]:
        """The texts with the tokens again. With very many values, only where a value is found as it is in any text."""
        if len(self._tokens) * sum(map(len, texts)) > self._most:
            return self._as_found(texts)
        whole = "\0".join(texts)
        present = sorted((value for value in self._tokens if value in whole), key=len, reverse=True)
        if not present:
            return list(texts)
        expression = re.compile("|".join(map(re.escape, present)))
        return [expression.sub(lambda found: self._tokens[found[0]], text) for text in texts]

    def _as_found(self, texts: Sequence[str]) -> list[str]:
        found: dict[int, list[Span]] = {}
        search: Together[int] = Together(self._find, lambda place, _, spans: found.__setitem__(place, spans))
        for place, text in enumerate(texts):
            search.add(place, text.encode())
        search.finish()
        return [self._at(text, found.get(place, ())) for place, text in enumerate(texts)]

    def _at(self, text: str, spans: Sequence[Span]) -> str:
        pieces: list[str] = []
        at = 0
        for span in spans:
            value = text[span.start : span.end]
            pieces += text[at : span.start], self._tokens.get(value, value)
            at = span.end
        return "".join(pieces) + text[at:]
