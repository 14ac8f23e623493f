"""Restores values in whole JSON documents: answers, and what is whole in an event of a stream.

Every string is restored, members' names too, whatever it is called. `arguments` hold JSON in a string, so a value in
them is escaped twice; so does the text of an answer that the caller asked to be JSON. Signatures and log
probabilities stay as they are: the tokens they are about are the model's.
"""

from collections.abc import Collection, Iterator

import msgspec
from msgspec import Raw

from extproc.apischema.malformed import MALFORMED
from extproc.privacy.halves import hidden, shown
from extproc.privacy.json_strings import Context, Contexts, Inside, literal_of, literals, replaced
from extproc.privacy.restore import Escaping, Tokens

ARGUMENTS = frozenset({b"arguments"})
_CONTEXTS: Contexts = {
    Context.ENVELOPE: Inside(
        {b"input": Context.DATA, b"logprobs": Context.OPAQUE},
        others=Context.ENVELOPE,
        left=frozenset({b"signature"}),
        with_names=True,
    ),
    Context.DATA: Inside({}, others=Context.DATA, with_names=True),
    Context.OPAQUE: Inside({}, others=Context.OPAQUE, left=None),
}

_decode = msgspec.json.Decoder(str).decode


def restore_document(document: bytes, tokens: Tokens, json_names: Collection[bytes] = ARGUMENTS) -> bytes:
    """A JSON document restored; the very one given if there is nothing to restore, or if it is no JSON.

    `json_names`: the members whose strings hold JSON, save in somebody's own document.
    """
    if not tokens.may_be_in(document):
        return document
    try:
        changes = list(_changes(document, tokens, json_names))
    except (*MALFORMED, IndexError):
        tokens.unread()
        return document
    return replaced(document, changes) if changes else document


def _changes(document: bytes, tokens: Tokens, json_names: Collection[bytes]) -> Iterator[tuple[int, int, bytes]]:
    for literal in literals(document, Context.ENVELOPE, _CONTEXTS):
        if not tokens.may_be_in(document, literal.start, literal.end):
            continue
        is_json = literal.name in json_names and literal.context is not Context.DATA and not literal.is_name
        string = document[literal.start : literal.end]
        whole = hidden(string)
        try:
            text = _decode(whole)
        except MALFORMED:
            tokens.unread()
            continue
        restored = tokens.restore(text, Escaping.JSON if is_json else Escaping.NONE)
        if restored != text:
            new = literal_of(restored)
            yield literal.start, literal.end, new if whole is string else shown(new)


def restore_raw(raw: Raw, tokens: Tokens) -> Raw:
    """As `restore_document`."""
    document = bytes(raw)
    restored = restore_document(document, tokens)
    return raw if restored is document else Raw(restored)
