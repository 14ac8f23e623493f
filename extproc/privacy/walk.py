"""Redacts a request's body: every string that may hold what somebody wrote, wherever it is.

* A body in which nothing is found is handed back as it was given; otherwise only the strings concerned are other bytes.
* JSON inside a string (tool arguments, tool results) is read as JSON and stays valid: what was escaped in it is found,
  and no escape is cut in two. All that is in a document's strings is read as one document, level by level.
* In somebody's own document, long numbers are searched too; one in which something is found becomes a string.
* Neighbouring text parts of one message are also searched across their seams (`seams`).
* What a member is called may say what it is: in somebody's own document, `"ssn": "…"` is searched with its name.
* In reasoning that a provider signed only known values are replaced (`signed`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.errors import InvalidRequest
from extproc.privacy.apply import Action, Applied, Find, Finding, Policy, blocked
from extproc.privacy.data_urls import text_in, with_text
from extproc.privacy.detect.span import Span
from extproc.privacy.integers import MOST_DIGITS, as_integer
from extproc.privacy.json_strings import (
    Context,
    Literal,
    Replacement,
    content_of,
    literal_of,
    literals,
    replaced,
    text_of,
    unescaped,
)
from extproc.privacy.seams import Edit, Parts, Window
from extproc.privacy.search import SMALL, Collected, OneByOne, Search, Together
from extproc.privacy.signed import KnownValues, signed
from extproc.privacy.structure import CONTEXTS, PECULIAR, Kind, counts_in, kind_of
from extproc.privacy.vault import Vault

_MOST_DEPTH = 16  # of JSON inside strings inside JSON, each of which doubles the backslashes; deeper is text
_IDENTIFIER = re.compile(rb"[A-Za-z_]{0,40}+")
# Without one of these, it does not matter whether a text is JSON.
_WORTH_READING = re.compile(rb'\\|"[^"\\]|[0-9]{7}')
_THINKING = b'"thinking"'
_SPACE = b" \t\r\n"
_JSON_BEGINS = _SPACE + b"{["
_QUOTE = ord('"')
_SHORTEST_JSON = 9  # with a long number, or, where nothing is escaped, with a string
_LONGEST_NAME = 60  # bytes: words farther from a number do not count for it
_INNER_BYTES = bytes(range(0x80, 0xC0))  # of characters of which the first byte is gone
_check_json = msgspec.json.Decoder(msgspec.Raw).decode

_STRUCTURE = frozenset({Kind.ID, Kind.URL})
_EVERYTHING: frozenset[Kind] = frozenset()

_Searched = Literal | Window
_NewSearch = Callable[[Find, Callable[[_Searched, str, list[Span]], None]], Search[_Searched]]


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
    return _redacted(body, _Redaction(find, Together, _EVERYTHING, policy, vault))


def mask_body(body: bytes, find: Find) -> bytes:
    """What `find` finds in the texts of a JSON document becomes `<entity>`: what rules redact, each text by itself."""
    vault = Vault(bytes(16))  # no token is ever made with this key
    return _redacted(body, _Redaction(find, OneByOne, _STRUCTURE, Policy(default=Action.MASK), vault)).body


def texts_of(document: bytes) -> list[str]:
    """What would be searched, without ids and URLs of media. Raises InvalidRequest for what is no JSON."""
    collected = Collected()
    try:
        _collect(document, Context.ROOT, collected, 0)
    except MALFORMED:
        raise InvalidRequest("The request body is not valid JSON.") from None
    return collected.texts


def _collect(document: bytes, root: Context, collected: Collected, depth: int) -> None:
    reading = _Reading(document, collected, depth)
    reading.read(root, _STRUCTURE)
    if reading.inner:
        _collect(reading.inner_document(), Context.DATA, collected, depth + 1)


class _Reading:
    """One pass over a document, that of the request or all those in its strings: gives its texts to the search.

    `inner` are strings that are JSON, with their content; `groups` are parts; `thoughts` is reasoning that was signed.
    """

    def __init__(self, document: bytes, search: Search[_Searched], depth: int) -> None:
        self.document = document
        self.inner: list[tuple[Literal, bytes]] = []
        self.groups: list[tuple[list[Literal], Parts]] = []
        self.thoughts: list[Literal] = []
        self._search = search
        self._reads_json = depth < _MOST_DEPTH
        self._last_name = b""
        self._repeats_left = len(document)  # bytes of names: one is searched with each text of an array, not for ever
        self._parts: list[tuple[Literal, str]] = []

    def read(self, root: Context, without: frozenset[Kind]) -> None:
        document, add = self.document, self._search.add
        signatures = signed(document, root) if _THINKING in document else frozenset()
        for literal in literals(document, root, CONTEXTS):
            start, end, name, context, _, _, is_name = literal
            if document[start] != _QUOTE:
                self._take_number(literal, document[start:end])
                continue
            if is_name and _IDENTIFIER.fullmatch(name):
                continue
            text = document[start + 1 : end - 1]
            peculiar = name in PECULIAR or context is Context.SCHEMA or b"\\" in text or b"\\" in name or is_name
            if peculiar or len(text) > SMALL or (text[:1] in _JSON_BEGINS and len(text) >= _SHORTEST_JSON):
                self._take(literal, signatures, without)
            elif context is not Context.DATA or not name:
                add(literal, text)
            else:
                self._add_named(literal, text)
        self._end_parts()
        self._search.finish()

    def inner_document(self) -> bytes:
        """The documents in strings, as one."""
        return b"[%b]" % b",".join(content for _, content in self.inner)

    def _add_named(self, literal: Literal, text: bytes) -> None:
        """With the name that says what it is, in somebody's own document."""
        name = literal.name if literal.context is Context.DATA and not literal.is_name else b""
        if len(name) > _LONGEST_NAME:
            name = name[-_LONGEST_NAME:].lstrip(_INNER_BYTES)
        is_repeated = literal.name is self._last_name  # the very object: of the same array
        self._last_name = literal.name
        self._repeats_left -= len(name) if is_repeated else 0
        if not name or (is_repeated and self._repeats_left < 0):
            self._search.add(literal, text)
            return
        name = _readable_name(name) if b"\\" in name else name
        self._search.add(literal, b"%b: %b" % (name, text), 2 + (len(name) if name.isascii() else len(name.decode())))

    def _take_number(self, literal: Literal, written: bytes) -> None:
        digits = written if written.isdigit() and len(written) <= MOST_DIGITS else as_integer(str(written, "ascii"))
        if digits:
            self._add_named(literal, digits)

    def _take(self, literal: Literal, signatures: frozenset[int], without: frozenset[Kind]) -> None:
        """A string that may be peculiar."""
        kind = kind_of(self.document, literal)
        if kind is Kind.THINKING and literal.holder in signatures:
            self.thoughts.append(literal)
        elif kind in without:
            return
        elif kind is Kind.ID or kind is Kind.URL:
            content = content_of(self.document, literal)
            if not _IDENTIFIER.fullmatch(content):
                self._search.add(literal, content)
        elif kind is Kind.DATA_URL:
            content = content_of(self.document, literal)
            self._search.add(literal, text_in(content) or content)
        elif kind is not Kind.MEDIA:
            self._take_text(literal, kind)

    def _take_text(self, literal: Literal, kind: Kind) -> None:
        text = content_of(self.document, literal)
        if self._is_json(text):
            self.inner.append((literal, text))
        elif kind is Kind.PART:
            self._take_part(literal, str(text, "utf-8"))
        else:
            self._add_named(literal, text)

    def _is_json(self, text: bytes) -> bool:
        """Whether it is JSON that holds something that would be found only in JSON."""
        if text[:1] not in _JSON_BEGINS or not text.lstrip(_SPACE).startswith((b"{", b"[")):
            return False
        if not self._reads_json or not _WORTH_READING.search(text):
            return False
        try:
            _check_json(text)
        except MALFORMED:
            return False
        return True

    def _take_part(self, literal: Literal, text: str) -> None:
        if self._parts and self._parts[0][0].siblings != literal.siblings:
            self._end_parts()
        self._parts.append((literal, text))

    def _end_parts(self) -> None:
        """Neighbouring parts are all there."""
        if len(self._parts) == 1:
            literal, text = self._parts[0]
            self._search.add(literal, text.encode())
        elif self._parts:
            parts = Parts([text for _, text in self._parts])
            self.groups.append(([literal for literal, _ in self._parts], parts))
            for window in parts.windows():
                self._search.add(window, window.text.encode())
        self._parts = []


def _redacted(body: bytes, redaction: "_Redaction") -> RedactedBody:
    try:
        with redaction.vault.avoiding(body):
            changes = redaction.changes(body, Context.ROOT)
    except MALFORMED:
        raise InvalidRequest("The request body is not valid JSON.") from None
    return RedactedBody(replaced(body, changes) if changes else body, redaction.counts)


class _Redaction:
    """The redaction of one body, `without` strings of some kinds."""

    def __init__(self, find: Find, search: _NewSearch, without: frozenset[Kind], policy: Policy, vault: Vault) -> None:
        self.vault = vault
        self._find = find
        self._search = search
        self._without = without
        self.counts: dict[Finding, int] = {}
        self._policy = policy
        self._applied = Applied(policy, vault, self.counts)

    @cached_property
    def _apart(self) -> Applied:
        return Applied(self._policy.apart(), self.vault, self.counts)

    def changes(self, document: bytes, root: Context, depth: int = 0) -> list[Replacement]:
        """What is to be other in a document, in order."""
        changes: list[Replacement] = []
        reading = _Reading(document, self._search(self._find, partial(self._found, document, changes)), depth)
        reading.read(root, self._without)
        for group, parts in reading.groups:
            changes += self._in_parts(document, group, parts)
        changes += self._in_strings(reading, depth)
        changes += self._in_thoughts(reading)
        return sorted(changes)

    def _found(self, document: bytes, changes: list[Replacement], of: _Searched, text: str, spans: list[Span]) -> None:
        if isinstance(of, Window):
            of.parts.found(of, spans)
            return
        start, end, name, context, *_ = of
        applied = self._applied
        if document[start] != _QUOTE:
            text = str(document[start:end], "ascii")
            spans = [Span(0, len(text), spans[0].entity)]
        elif of.is_name or name in PECULIAR or context is Context.SCHEMA:
            kind = kind_of(document, of)
            spans = [span for span in spans if counts_in(kind, span.entity)]
            applied = self._apart if kind is Kind.ID else applied
        new = applied.to(text, spans)
        if new != text:
            changes.append((start, end, literal_of(_in_place(document, of, new))))

    def _in_parts(self, document: bytes, group: list[Literal], parts: Parts) -> Iterator[Replacement]:
        for literal, new in zip(group, parts.edited(partial(self._edit, parts.whole)), strict=True):
            yield from _change(literal, text_of(document, literal), new)

    def _edit(self, whole: str, span: Span) -> Edit | None:
        value = whole[span.start : span.end]
        new = self._applied.value(value, span.entity)
        return Edit(span.start, span.end, new) if new != value else None

    def _in_strings(self, reading: _Reading, depth: int) -> Iterator[Replacement]:
        """The changes in the documents that are in strings, as changes of the strings."""
        if not reading.inner:
            return
        changes = self.changes(reading.inner_document(), Context.DATA, depth + 1)
        at, first = 1, 0
        for literal, content in reading.inner:
            end, last = at + len(content), first
            while last < len(changes) and changes[last][0] < end:
                last += 1
            if last > first:
                moved = [(start - at, stop - at, new) for start, stop, new in changes[first:last]]
                yield literal.start, literal.end, literal_of(str(replaced(content, moved), "utf-8"))
            at, first = end + 1, last

    def _in_thoughts(self, reading: _Reading) -> Iterator[Replacement]:
        if not reading.thoughts:
            return
        document, values = reading.document, self.vault.values
        texts = [text_of(document, literal) for literal in reading.thoughts]
        known = KnownValues(values, len(document), self._find).replaced(texts)
        for literal, text, new in zip(reading.thoughts, texts, known, strict=True):
            yield from _change(literal, text, new)


def _readable_name(name: bytes) -> bytes:
    """A name without escapes; as it is written, where its first escape was cut in two."""
    try:
        return unescaped(name)
    except MALFORMED:
        return name


def _in_place(document: bytes, literal: Literal, new: str) -> str:
    """What a string becomes whose text is another; a URL with a text in it, if it was one."""
    if not document.startswith(b'"data:', literal.start) or kind_of(document, literal) is not Kind.DATA_URL:
        return new
    content = content_of(document, literal)
    return new if text_in(content) is None else with_text(content, new)


def _change(literal: Literal, text: str, new: str) -> list[Replacement]:
    return [] if new == text else [(literal.start, literal.end, literal_of(new))]
