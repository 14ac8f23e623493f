"""A request as a question and everything else: what may be put in other words, and what must be the same to the byte.

Only the last message is a question, when it is a user's and nothing but one text. The rest (system prompt, earlier
turns, tools, model and parameters) is the question's context: the key of the context is the partition in which answers
are looked for, so a question of one conversation never meets another's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from extproc.apischema import endpoints
from extproc.apischema.endpoints import Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.errors import InvalidRequest
from extproc.wire.json_object import parse_object

_TURNS = {endpoints.CHAT: "messages", endpoints.MESSAGES: "messages", endpoints.RESPONSES: "input"}
_STATE_ELSEWHERE = frozenset({"conversation", "background"})
_TEXT_PARTS = (b'"text"', b'"input_text"')
_NOTHING = Raw(b'""')

_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class Question:
    """`context` are the request's fields, with an empty text in the question's place."""

    text: str = field(repr=False)
    context: Mapping[str, Raw] = field(repr=False)


def question_of(endpoint: Endpoint, fields: Mapping[str, Raw]) -> Question | None:
    """The question of a chat, Messages or Responses request; None where there is none that can be told apart.

    `fields` are the body's top-level fields. Nothing is raised for a malformed request: whoever answers it says so.
    """
    name = _TURNS.get(endpoint)
    turns = fields.get(name) if name is not None else None
    if name is None or turns is None or not _STATE_ELSEWHERE.isdisjoint(fields):
        return None
    try:
        text, emptied = _text_of_turns(turns)
    except (_NoQuestion, InvalidRequest, *MALFORMED):
        return None
    return Question(text, {**fields, name: Raw(msgspec.json.encode(emptied))})


class _NoQuestion(Exception):
    """The request ends in something else."""


def _text_of_turns(turns: Raw) -> tuple[str, object]:
    """The last user's text, and the turns without it."""
    if bytes(turns)[:1] == b'"':
        return _decode_text(turns), _NOTHING
    *earlier, last = _decode_list(turns) or [Raw(b"{}")]
    message = parse_object(bytes(last))
    content = message.get("content")
    if content is None or bytes(message.get("role", _NOTHING)) != b'"user"':
        raise _NoQuestion
    text, emptied = _text_of_content(content)
    return text, [*earlier, dict[str, object](message) | {"content": emptied}]


def _text_of_content(content: Raw) -> tuple[str, object]:
    """A content that is a text, or a list with one part that is."""
    if bytes(content)[:1] == b'"':
        return _decode_text(content), _NOTHING
    parts = _decode_list(content)
    if len(parts) != 1:
        raise _NoQuestion
    part = parse_object(bytes(parts[0]))
    if bytes(part.get("type", _NOTHING)) not in _TEXT_PARTS or "text" not in part:
        raise _NoQuestion
    return _decode_text(part["text"]), [{**part, "text": _NOTHING}]
