"""What rules look at of a whole answer, in each of the callers' dialects.

References: those of `apischema.openai_response`, `apischema.anthropic` and `apischema.openai_responses`.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.guardrails.rule import Role
from extproc.guardrails.view import Text, is_object, together
from extproc.privacy.walk import texts_of
from extproc.wire.json_object import encode_object

_CALL = "_call"
_CALLED_BY_NAME = frozenset({"function_call", "custom_tool_call", "mcp_call"})
_SPEAKING = (CHAT, COMPLETIONS, MESSAGES, RESPONSES)
_A_RESPONSE = frozenset({"object", "output"})
_NO_TEXTS = frozenset({"system_fingerprint", "usage"})
_ECHOES = _NO_TEXTS | {
    "instructions",
    "metadata",
    "prompt",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "text",
    "tool_choice",
    "tools",
    "user",
}
"""What an object `response` of Responses has of its request."""
_ANSWERS_IN_EVENTS: Mapping[Endpoint, Mapping[str, Set[str]]] = {
    RESPONSES: {"response": _ECHOES},
    MESSAGES: {"message": _NO_TEXTS},
}
"""Members of events that are whole answers, and what of each no model wrote."""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """`answers` are the texts that answer the caller, one a choice: without reasoning, refusals and tool calls.

    `tools` are the names of the tools that are called.
    """

    texts: tuple[Text, ...]
    answers: tuple[str, ...] = field(default=(), repr=False)
    tools: tuple[str, ...] = ()


class _Named(Struct):
    name: str | None = None


class _Call(Struct):
    function: _Named | None = None
    custom: _Named | None = None


class _Message(Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Named | None = None


class _Choice(Struct):
    text: str | None = None
    message: _Message | None = None


class _Piece(Struct):
    """A block of a Messages answer, or an item or a part of a Responses one."""

    type: str = ""
    text: str | None = None
    name: str | None = None
    content: Raw = Raw(b"null")


class _Answer(Struct):
    choices: list[_Choice] | None = None
    content: list[_Piece] | None = None
    output: list[_Piece] | None = None


_decode = msgspec.json.Decoder(_Answer).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_pieces = msgspec.json.Decoder(list[_Piece] | None).decode


def read_answer(document: bytes, endpoint: Endpoint) -> AnswerView:
    """The view of a whole answer. Raises InvalidRequest or what `apischema.malformed` names for what cannot be read."""
    texts = tuple(together(Role.ASSISTANT, texts_of(document)))
    if endpoint not in _SPEAKING:
        return AnswerView(texts)
    answer = _decode(document)
    blocks, items = answer.content or [], answer.output or []
    answers = [*_of_choices(answer.choices or []), *_of_blocks(blocks, "text"), *_of_items(items)]
    tools = [*_called(answer.choices or []), *tools_of(blocks), *tools_of(items)]
    return AnswerView(texts, tuple(answers), tuple(tools))


def written(document: bytes, endpoint: Endpoint) -> list[str]:
    """The texts of an answer, or of an event of one, that are the model's: without what it repeats of the request.

    Raises as `read_answer`.
    """
    if endpoint not in _SPEAKING:
        return texts_of(document)
    fields = _decode_fields(document)
    inner = {
        name: _without(names, _decode_fields(fields[name]))
        for name, names in _ANSWERS_IN_EVENTS.get(endpoint, {}).items()
        if name in fields and is_object(fields[name])
    }
    is_response = endpoint == RESPONSES and _A_RESPONSE.issubset(fields)
    outer = _without(_ECHOES if is_response else _NO_TEXTS, fields)
    return texts_of(encode_object({**outer, **inner}))


def _without(names: Set[str], fields: Mapping[str, Raw]) -> Mapping[str, Raw]:
    return {name: raw for name, raw in fields.items() if name not in names}


def tool_of(kind: str, name: str | None) -> str | None:
    """The tool that a block or item of this type calls; None for one that calls none."""
    if kind.endswith("tool_use") or kind in _CALLED_BY_NAME:
        return name or ""
    return kind.removesuffix(_CALL) if kind.endswith(_CALL) else None


def tools_of(pieces: Iterable[_Piece]) -> Iterator[str]:
    for piece in pieces:
        tool = tool_of(piece.type, piece.name)
        if tool is not None:
            yield tool


def _of_choices(choices: list[_Choice]) -> Iterator[str]:
    for choice in choices:
        text = choice.text if choice.message is None else choice.message.content
        if text:
            yield text


def _of_blocks(pieces: list[_Piece], kind: str) -> Iterator[str]:
    text = "".join(piece.text or "" for piece in pieces if piece.type == kind)
    if text:
        yield text


def _of_items(items: list[_Piece]) -> Iterator[str]:
    for item in items:
        if item.type == "message":
            yield from _of_blocks(_decode_pieces(item.content) or [], "output_text")


def _called(choices: list[_Choice]) -> Iterator[str]:
    for message in (choice.message for choice in choices if choice.message is not None):
        for call in message.tool_calls or []:
            named = call.function or call.custom
            yield (named.name if named is not None else None) or ""
        if message.function_call is not None:
            yield message.function_call.name or ""
