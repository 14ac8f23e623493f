"""A request to Anthropic's Messages API as a caller sends it, with every field that it may have.

Reference: https://platform.claude.com/docs/en/api/messages/create and the types of the official Python SDK 2.11 (seen
2026-11-21). Anthropic refuses fields that it does not know, and so does this: what is in none of these structs is an
error that names it. Blocks are read in two steps, because which fields they have depends on their `type`.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.apischema.anthropic import Base64Source, TextSource, Thinking, UrlSource
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import invalid

CacheControl = dict[str, Any]
_T = TypeVar("_T")


class FileSource(Struct, tag="file", tag_field="type"):
    """A file that was uploaded to Anthropic."""

    file_id: str


class ContentSource(Struct, tag="content", tag_field="type"):
    """A document made of blocks."""

    content: Raw


class Typed(Struct, gc=False):
    """What an object is, before it is read as such."""

    type: str | None = None


class TextBlock(Struct, forbid_unknown_fields=True):
    """`citations` are the echo of an earlier answer."""

    type: str
    text: str
    cache_control: CacheControl | None = None
    citations: Raw | UnsetType = UNSET


class ImageBlock(Struct, forbid_unknown_fields=True):
    type: str
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None
    transformations: dict[str, Any] | None = None


class Citations(Struct):
    enabled: bool = False


class DocumentBlock(Struct, forbid_unknown_fields=True):
    type: str
    source: Base64Source | UrlSource | TextSource | FileSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class ToolUseBlock(Struct, forbid_unknown_fields=True):
    """`caller` says what called the tool: the model itself (`direct`), or one of Anthropic's tools."""

    type: str
    id: str
    name: str
    input: dict[str, Raw]
    cache_control: CacheControl | None = None
    caller: Typed | None = None
    toolset_name: str | None = None


class ToolResultBlock(Struct, forbid_unknown_fields=True):
    type: str
    tool_use_id: str
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    toolset_name: str | None = None


class ThinkingBlock(Struct, forbid_unknown_fields=True):
    type: str
    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Struct, forbid_unknown_fields=True):
    type: str
    data: str


class Turn(Struct, forbid_unknown_fields=True):
    """One message: `role` is `user`, `assistant` or `system`."""

    role: str
    content: str | list[Raw]


class Tool(Struct, forbid_unknown_fields=True):
    """A tool of the caller's. `eager_input_streaming` only paces a stream."""

    name: str
    input_schema: Raw
    type: str | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    eager_input_streaming: bool | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None
    input_examples: list[Raw] | None = None


class ToolChoice(Struct, forbid_unknown_fields=True):
    """`type` is `auto`, `any`, `tool` (with `name`) or `none`."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class MessagesCall(Struct):
    """The fields that are understood; `output_config` and `metadata` are read by whoever knows their members."""

    messages: list[Turn]
    system: str | list[TextBlock] | None = None
    tools: list[Raw] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: dict[str, Raw] | None = None
    metadata: dict[str, Raw] | None = None
    stop_sequences: list[str] | None = None
    service_tier: str | None = None


_CALL = msgspec.json.Decoder(MessagesCall)


def parse(body: bytes) -> MessagesCall:
    """The request in a body. Raises InvalidRequest that names the field at fault."""
    return read(_CALL, body)


def read(decoder: msgspec.json.Decoder[_T], raw: bytes | Raw, where: str = "") -> _T:
    """A piece of the request; `where` is its path. Raises InvalidRequest."""
    try:
        return decoder.decode(raw)
    except MALFORMED as error:
        raise invalid(error, where) from error
