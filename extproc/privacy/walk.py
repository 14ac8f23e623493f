"""Redacts a request's body: every string that may hold what somebody wrote, wherever it is.

* A body in which nothing is found is handed back as it was given; otherwise only the strings concerned are other bytes.
* JSON inside a string (tool arguments, tool results) is read as JSON and stays valid: what was escaped in it is found,
  and no escape is cut in two.
* Neighbouring text parts of one message are also searched across their seams. What is found across a seam is replaced
  in the part where it begins.
* What a member is called may say what it is: in somebody's own document, `"ssn": "…"` is searched with its name.
* Reasoning that a provider signed must come back as it was given. It holds what was restored in it, and nothing else
  that the provider has not written itself: so only the values found elsewhere in the request are replaced in it.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import NamedTuple

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.errors import InvalidRequest
from extproc.privacy.apply import Action, Find, Finding, Policy, apply, blocked, disjoint, stand_in
from extproc.privacy.detect.span import Span
from extproc.privacy.json_strings import Context, Literal, literal_of, literals, replaced, text_of
from extproc.privacy.structure import CONTEXTS, SIGNATURE, SIGNATURES, is_media
from extproc.privacy.vault import Vault

_MOST_DEPTH = 4  # of JSON inside strings inside JSON; deeper is text
_SEAM = 512  # characters on either side of a seam that are searched again
_THINKING, _PART = b"thinking", b"text"
_IDENTIFIER = re.compile(rb"[A-Za-z_]{0,40}+")
_JSON_BEGINS = re.compile(rb'"(?: |\\[nrt])*+[{\[]')
_check_json = msgspec.json.Decoder(msgspec.Raw).decode

Replacement = tuple[int, int, bytes]


@dataclass(frozen=True, slots=True)
class RedactedBody:
    """A body without what was found in it, and how often what was found. `body` is the one given if nothing changed."""

    body: bytes = field(repr=False)
    counts: Mapping[Finding, int]

    @property
    def blocked(self) -> frozenset[str]:
        """The entities for which the request is to be refused."""
        return blocked(self.counts)


def redact_body(body: bytes, find: Find, policy: Policy, vault: Vault) -> RedactedBody:
    """Redacts a JSON body that `wire.json_object.parse_object` accepts. Raises InvalidRequest for what is no JSON."""
    walk = _Walk(find, policy, vault)
    try:
        with vault.avoiding(body):
            redacted = walk.document(body, Context.ROOT)
    except MALFORMED:
        raise InvalidRequest("The request body is not valid JSON.") from None
    return RedactedBody(redacted, walk.counts)


class _Edit(NamedTuple):
    """What takes the place of a piece of text."""

    start: int
    end: int
    new: str

    def ends(self) -> int:
        return self.end


class _Walk:
    """One pass over one body."""

    def __init__(self, find: Find, policy: Policy, vault: Vault) -> None:
        self.counts: Counter[Finding] = Counter()
        self._find = find
        self._policy = policy
        self._vault = vault

    def document(self, document: bytes, root: Context, depth: int = 0) -> bytes:
        """The document redacted, or the very one given."""
        changes: list[Replacement] = []
        thoughts: list[Literal] = []
        for group in _groups(document, root):
            if len(group) > 1:
                changes += self._parts(document, group)
            elif group[0].name == _THINKING and group[0].context is not Context.DATA:
                thoughts += group
            else:
                changes += _change(group[0], self._leaf(document, group[0], depth))
        signed = _signed(document, root) if thoughts else frozenset()
        for literal in thoughts:
            again = self._known(document, literal) if literal.holder in signed else self._leaf(document, literal, depth)
            changes += _change(literal, again)
        return replaced(document, sorted(changes)) if changes else document

    def _leaf(self, document: bytes, literal: Literal, depth: int) -> str | None:
        """A string redacted; None if it stays the same."""
        text = text_of(document, literal)
        inner = self._inner(text, depth)
        if inner is not None:
            return inner if inner != text else None
        if literal.context is not Context.DATA or literal.is_name or not literal.name:
            return self._text(text, self._find(text))
        return self._text(text, self._find_named(str(literal.name, "utf-8"), text))

    def _inner(self, text: str, depth: int) -> str | None:
        """JSON in a string, redacted; None for what is no such thing."""
        if depth >= _MOST_DEPTH or not text.lstrip(" \t\r\n").startswith(("{", "[")):
            return None
        document = text.encode()
        try:
            _check_json(document)
        except MALFORMED:
            return None
        return str(self.document(document, Context.DATA, depth + 1), "utf-8")

    def _find_named(self, name: str, text: str) -> list[Span]:
        """What is found in a text that follows its name; positions in the text."""
        before = len(name) + 2
        return [_moved(span, -before) for span in self._find(f"{name}: {text}") if span.end > before]

    def _text(self, text: str, spans: Sequence[Span]) -> str | None:
        if not spans:
            return None
        redacted = apply(text, spans, self._policy, self._vault)
        self.counts.update(redacted.counts)
        return redacted.text if redacted.text != text else None

    def _known(self, document: bytes, literal: Literal) -> str | None:
        """A text in which the values that have a token get it again."""
        tokens = {value: token for token, value in self._vault.values.items()}
        text = text_of(document, literal)
        present = sorted((value for value in tokens if value in text), key=len, reverse=True)
        pattern = "|".join(map(re.escape, present))
        return re.sub(pattern, lambda found: tokens[found[0]], text) if present else None

    def _parts(self, document: bytes, parts: list[Literal]) -> Iterator[Replacement]:
        """Neighbouring texts, each for itself and across their seams."""
        texts = [text_of(document, part) for part in parts]
        whole = "".join(texts)
        starts = list(accumulate(map(len, texts), initial=0))
        spans = [_moved(span, at) for text, at in zip(texts, starts, strict=False) for span in self._find(text)]
        edits = list(self._edits(whole, [*spans, *self._across(whole, starts[1:-1])]))
        for part, text, start in zip(parts, texts, starts, strict=False):
            new = _edited(text, start, edits)
            yield from _change(part, new if new != text else None)

    def _across(self, whole: str, seams: list[int]) -> Iterator[Span]:
        """What reaches over a seam."""
        for start, end in _windows(seams, len(whole)):
            for found in self._find(whole[start:end]):
                span = _moved(found, start)
                if bisect_right(seams, span.start) < bisect_left(seams, span.end):
                    yield span

    def _edits(self, whole: str, spans: list[Span]) -> Iterator[_Edit]:
        for span in disjoint(spans):
            finding = Finding(span.entity, self._policy.action(span.entity))
            self.counts[finding] += 1
            if finding.action is not Action.OBSERVE:
                yield _Edit(span.start, span.end, stand_in(whole[span.start : span.end], finding, self._vault))


def _groups(document: bytes, root: Context) -> Iterator[list[Literal]]:
    """The strings that may be text, one by one; neighbouring parts together."""
    parts: list[Literal] = []
    for literal in literals(document, root, CONTEXTS):
        if is_media(document, literal):
            continue
        if not _is_part(document, literal):
            if not (literal.is_name and _IDENTIFIER.fullmatch(literal.name)):
                yield [literal]
            continue
        if parts and parts[0].siblings != literal.siblings:
            yield parts
            parts = []
        parts.append(literal)
    if parts:
        yield parts


def _is_part(document: bytes, literal: Literal) -> bool:
    """Whether it is a part's text; what may be a JSON document is none, but a whole in itself."""
    if literal.name != _PART or not literal.siblings or literal.context is Context.DATA:
        return False
    return _JSON_BEGINS.match(document, literal.start) is None


def _signed(document: bytes, root: Context) -> frozenset[int]:
    """The objects that have a signature."""
    found = literals(document, root, SIGNATURES)
    return frozenset(one.holder for one in found if one.name == SIGNATURE and one.end - one.start > len(b'""'))


def _change(literal: Literal, text: str | None) -> list[Replacement]:
    return [] if text is None else [(literal.start, literal.end, literal_of(text))]


def _moved(span: Span, by: int) -> Span:
    return Span(max(0, span.start + by), span.end + by, span.entity, span.validated)


def _windows(seams: list[int], length: int) -> Iterator[tuple[int, int]]:
    """The neighbourhoods of the seams, those that touch made one."""
    start = end = 0
    for seam in seams:
        if end and seam - _SEAM > end:
            yield start, end
            end = 0
        if not end:
            start = max(0, seam - _SEAM)
        end = min(seam + _SEAM, length)
    if end:
        yield start, end


def _edited(text: str, start: int, edits: list[_Edit]) -> str:
    """The part that begins at `start` of the whole, with its share of the edits."""
    pieces: list[str] = []
    at = 0
    for edit in islice(edits, bisect_right(edits, start, key=_Edit.ends), None):
        first = edit.start - start
        if first >= len(text):
            break
        pieces += text[at : max(0, first)], edit.new if first >= 0 else ""
        at = min(edit.end - start, len(text))
    return "".join(pieces) + text[at:]
