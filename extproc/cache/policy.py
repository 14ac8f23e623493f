"""What may be asked of a cache, and what is kept: the caller's `Cache-Control` and the route's rules.

A caller can make the gateway more careful (RFC 9111, section 5.2.1), never less: nothing that it sends makes an answer
shared that would not be, or kept longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.cache.canonical import canonical
from extproc.cache.reading import Reading
from extproc.errors import GatewayError, UpstreamError

_MOST_HEADER = 1024
_DEFAULT_TEMPERATURE = 1.0
_CALL_ITEMS = frozenset({"function_call", "custom_tool_call"})
_SPOKEN_ITEMS = frozenset({"message", "reasoning"})
_SPOKEN_BLOCKS = frozenset({"text", "thinking", "redacted_thinking"})
_CALL_BLOCKS = frozenset({"tool_use"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What a route keeps, and for how long.

    `most_temperature` bounds what is asked with; a request without a temperature has 1. `tool_calls` keeps answers
    that call tools, `alternatives` those to `n` above 1, `kept_by_provider` those that the provider remembers under an
    id (Responses' `store`): a hit has a new id that the provider does not know. `users_apart`: see
    `canonical_request`. `most_request_bytes` and `most_answer_bytes` are of the whole bodies.
    """

    ttl_seconds: int = 3600
    most_temperature: float = 1.0
    tool_calls: bool = False
    alternatives: bool = False
    kept_by_provider: bool = False
    users_apart: bool = False
    most_request_bytes: int = 1 << 20
    most_answer_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Directive:
    """What a caller's `Cache-Control` asks for. `most_age` is in seconds; None: the route's TTL alone counts."""

    lookup: bool = True
    keep: bool = True
    most_age: int | None = None
    only_if_cached: bool = False


def directive(header: str) -> Directive:
    """Of the header's value; unknown directives are ignored, an unreadable `max-age` counts as 0."""
    names = [part.partition("=") for part in header[:_MOST_HEADER].lower().split(",")]
    given = {name.strip(): value.strip().strip('"') for name, _, value in reversed(names)}
    age = given.get("max-age")
    return Directive(
        lookup="no-cache" not in given and "no-store" not in given,
        keep="no-store" not in given,
        most_age=None if age is None else _seconds(age),
        only_if_cached="only-if-cached" in given,
    )


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else 0


def not_cached() -> GatewayError:
    """The answer to `only-if-cached` where there is none (RFC 9111, section 5.2.1.7). Trying again does not help."""
    return UpstreamError(
        "There is no cached answer to this request.",
        status=504,
        type="api_error",
        code="not_cached",
        headers={"x-should-retry": "false"},
    )


def request_refusal(fields: Mapping[str, Raw], size: int, reading: Reading, rules: Rules) -> str:
    """Why answers to a request are not kept; empty where they may be. `size` is that of its body."""
    if size > rules.most_request_bytes:
        return "request_too_large"
    for name, harmless in reading.stateful.items():
        value = canonical(fields[name]) if name in fields else None
        if name in fields and value not in (b"null", harmless):
            return "stateful"
    if not rules.alternatives and _number(fields, "n", 1.0) != 1:
        return "alternatives"
    temperature = _number(fields, "temperature", _DEFAULT_TEMPERATURE)
    return "" if temperature is not None and temperature <= rules.most_temperature else "temperature"


def _number(fields: Mapping[str, Raw], name: str, default: float) -> float | None:
    """None for what is not a number: the provider's to refuse."""
    raw = fields.get(name)
    if raw is None or bytes(raw) == b"null":
        return default
    try:
        return _decode_number(raw)
    except MALFORMED:
        return None


_decode_number = msgspec.json.Decoder(float).decode


class _Message(msgspec.Struct):
    tool_calls: list[Raw] | None = None
    function_call: Raw = Raw()
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None


class _Chat(msgspec.Struct):
    choices: list[_Choice] = []


class _Typed(msgspec.Struct):
    type: str = ""


class _MessagesAnswer(msgspec.Struct):
    content: list[_Typed] = []
    stop_reason: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    status: str | None = None
    content: list[_Typed] | None = None


class _Response(msgspec.Struct):
    status: str | None = None
    output: list[_Item] = []
    store: bool | None = None


_decode_chat = msgspec.json.Decoder(_Chat).decode
_decode_messages = msgspec.json.Decoder(_MessagesAnswer).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


def answer_refusal(endpoint: Endpoint, document: bytes, rules: Rules) -> str:
    """Why a whole answer (status 200, complete) is not kept; empty where it may be."""
    if len(document) > rules.most_answer_bytes:
        return "answer_too_large"
    try:
        return _refusal(endpoint, document, rules)
    except MALFORMED:
        return "unknown_shape"


def _refusal(endpoint: Endpoint, document: bytes, rules: Rules) -> str:
    if "error" in (fields := _decode_object(document)) and bytes(fields["error"]) != b"null":
        return "error"
    if endpoint in (CHAT, COMPLETIONS):
        return _chat_refusal(_decode_chat(document), rules)
    if endpoint == MESSAGES:
        return _messages_refusal(_decode_messages(document), rules)
    if endpoint == RESPONSES:
        return _responses_refusal(_decode_response(document), rules)
    return "" if "data" in fields else "unknown_shape"


def _chat_refusal(answer: _Chat, rules: Rules) -> str:
    if not answer.choices:
        return "unknown_shape"
    for choice in answer.choices:
        said = choice.message or _Message()
        if said.refusal:
            return "refused"
        if bytes(said.function_call) not in (b"", b"null"):
            return "tool_calls"  # the form of before tools: its stream is not one that we write
        if said.tool_calls and not rules.tool_calls:
            return "tool_calls"
        if choice.finish_reason not in ("stop", "tool_calls"):
            return "finish_reason"
    return ""


def _messages_refusal(answer: _MessagesAnswer, rules: Rules) -> str:
    if answer.stop_reason not in ("end_turn", "stop_sequence", "tool_use"):
        return "finish_reason"
    return _tools_refusal({block.type for block in answer.content} - _SPOKEN_BLOCKS, _CALL_BLOCKS, rules)


def _responses_refusal(answer: _Response, rules: Rules) -> str:
    if answer.status != "completed" or any(item.status not in (None, "completed") for item in answer.output):
        return "finish_reason"
    if answer.store and not rules.kept_by_provider:
        return "kept_by_provider"
    if any(part.type == "refusal" for item in answer.output for part in item.content or ()):
        return "refused"
    return _tools_refusal({item.type for item in answer.output} - _SPOKEN_ITEMS, _CALL_ITEMS, rules)


def _tools_refusal(used: set[str], calls: frozenset[str], rules: Rules) -> str:
    """`used` are the types of what is not the model's own words, `calls` those of calls that the caller is to make."""
    if used - calls:
        return "hosted_tools"  # what they found was true then
    return "tool_calls" if used and not rules.tool_calls else ""
