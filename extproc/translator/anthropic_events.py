"""Builds Anthropic answers, whole and as events: for every translator whose caller speaks the Messages API.

References: https://platform.claude.com/docs/en/api/messages#response-content,
https://platform.claude.com/docs/en/build-with-claude/streaming (both seen 2026-11-21).
"""

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from extproc.genai.usage import TokenUsage

StopReason = Literal["end_turn", "max_tokens", "tool_use", "refusal"]


class Citation(Struct, tag="web_search_result_location", tag_field="type"):
    """A web address that a text cites; `encrypted_index` is empty, because only Anthropic's own search has one."""

    cited_text: str
    url: str
    title: str | None
    encrypted_index: str = ""


class TextBlock(Struct, tag="text", tag_field="type", omit_defaults=True):
    text: str
    citations: list[Citation] = []


class ToolUseBlock(Struct, tag="tool_use", tag_field="type"):
    """`input` is a JSON object."""

    id: str
    name: str
    input: Raw


class ThinkingBlock(Struct, tag="thinking", tag_field="type"):
    """`signature` is empty where the provider does not sign its reasoning."""

    thinking: str
    signature: str


class RedactedThinkingBlock(Struct, tag="redacted_thinking", tag_field="type"):
    data: str


Block = TextBlock | ToolUseBlock | ThinkingBlock | RedactedThinkingBlock


class _OutputTokensDetails(Struct):
    thinking_tokens: int


class _Usage(Struct, omit_defaults=True):
    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int
    output_tokens_details: _OutputTokensDetails | None = None


class _StopDetails(Struct, tag="refusal", tag_field="type"):
    category: None
    explanation: str | None


class _Stop(Struct, omit_defaults=True):
    stop_reason: StopReason
    stop_sequence: str | None
    stop_details: _StopDetails | None = None


class _Message(Struct, tag="message", tag_field="type", omit_defaults=True):
    id: str
    role: str
    model: str
    content: list[Block]
    stop_reason: StopReason | None
    stop_sequence: str | None
    usage: _Usage
    stop_details: _StopDetails | None = None


_encode = msgspec.json.encode


def message(
    *, id: str, model: str, content: list[Block], reason: StopReason, refusal: str, usage: TokenUsage | None
) -> bytes:
    """A whole answer. `refusal` is the text of a refusal; without usage the numbers are 0, as the format needs some."""
    return _encode(_Message(id, "assistant", model, content, reason, None, _usage(usage), _details(reason, refusal)))


def _usage(usage: TokenUsage | None) -> _Usage:
    """`input_tokens` leaves the cached ones out."""
    spent = usage or TokenUsage()
    cached = spent.cache_read_input_tokens + spent.cache_creation_input_tokens
    thought = spent.reasoning_output_tokens
    return _Usage(
        input_tokens=max(0, spent.input_tokens - cached),
        cache_creation_input_tokens=spent.cache_creation_input_tokens,
        cache_read_input_tokens=spent.cache_read_input_tokens,
        output_tokens=spent.output_tokens,
        output_tokens_details=_OutputTokensDetails(thought) if thought else None,
    )


def _details(reason: StopReason, refusal: str) -> _StopDetails | None:
    return _StopDetails(None, refusal or None) if reason == "refusal" else None


_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{'


def message_start(id: str, model: str, usage: TokenUsage | None) -> bytes:
    """The first event. What is not known yet of the usage comes with `message_delta`."""
    head = Raw(_encode(_Message(id, "assistant", model, [], None, None, _usage(usage))))
    return b'event: message_start\ndata: {"type":"message_start","message":%b}\n\n' % bytes(head)


def block_start(index: int, block: Block) -> bytes:
    return b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n' % (
        index,
        _encode(block),
    )


def text_delta(index: int, text: str) -> bytes:
    return _DELTA % index + b'"type":"text_delta","text":' + _encode(text) + b"}}\n\n"


def thinking_delta(index: int, text: str) -> bytes:
    return _DELTA % index + b'"type":"thinking_delta","thinking":' + _encode(text) + b"}}\n\n"


def signature_delta(index: int, signature: str) -> bytes:
    return _DELTA % index + b'"type":"signature_delta","signature":' + _encode(signature) + b"}}\n\n"


def input_delta(index: int, text: str) -> bytes:
    """More of a tool's input, as a piece of JSON text."""
    return _DELTA % index + b'"type":"input_json_delta","partial_json":' + _encode(text) + b"}}\n\n"


def citation_delta(index: int, citation: Citation) -> bytes:
    return _DELTA % index + b'"type":"citations_delta","citation":' + _encode(citation) + b"}}\n\n"


def block_stop(index: int) -> bytes:
    return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index


def message_delta(reason: StopReason, refusal: str, usage: TokenUsage | None) -> bytes:
    """Why the answer ended, and all of its usage."""
    stop = _encode(_Stop(reason, None, _details(reason, refusal)))
    return b'event: message_delta\ndata: {"type":"message_delta","delta":%b,"usage":%b}\n\n' % (
        stop,
        _encode(_usage(usage)),
    )


MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
