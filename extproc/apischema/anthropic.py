"""Anthropic's Messages API: the requests that translators write, and the fields they read of answers and streams.

Reference: https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/build-with-claude/streaming
and the types of the official Python SDK 2.11 (seen 2026-11-21). What is read has defaults wherever a compatible server
might leave a field out; unknown fields are ignored.
"""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.genai.usage import TokenUsage

VERSION = "2023-06-01"
VERSION_WITHOUT_SAMPLING = "2026-10-21"  # from this version on, `temperature`, `top_p` and `top_k` are refused
VERSION_HEADER = "anthropic-version"

CacheControl = dict[str, Any]


# --- requests ---------------------------------------------------------------------------------------------------------


class Base64Source(Struct, tag="base64", tag_field="type"):
    """`data` is base64; `media_type` is an image's, or `application/pdf`."""

    media_type: str
    data: str


class UrlSource(Struct, tag="url", tag_field="type"):
    url: str


class TextSource(Struct, tag="text", tag_field="type"):
    """A document of plain text; `media_type` is always `text/plain`."""

    media_type: str
    data: str


class TextBlock(Struct, tag="text", tag_field="type", omit_defaults=True):
    text: str
    cache_control: CacheControl | None = None


class ImageBlock(Struct, tag="image", tag_field="type", omit_defaults=True):
    source: Base64Source | UrlSource
    cache_control: CacheControl | None = None


class DocumentBlock(Struct, tag="document", tag_field="type", omit_defaults=True):
    source: Base64Source | UrlSource | TextSource
    title: str | None = None
    cache_control: CacheControl | None = None


class ToolUseBlock(Struct, tag="tool_use", tag_field="type", omit_defaults=True):
    """`input` is a JSON object, byte for byte as the model once wrote it."""

    id: str
    name: str
    input: Raw
    cache_control: CacheControl | None = None


class ToolResultBlock(Struct, tag="tool_result", tag_field="type", omit_defaults=True):
    tool_use_id: str
    content: "list[TextBlock | ImageBlock | DocumentBlock]"
    cache_control: CacheControl | None = None


class ThinkingBlock(Struct, tag="thinking", tag_field="type"):
    """Reasoning that Anthropic signed: it must come back as it was given. `thinking` is empty where it is omitted."""

    thinking: str
    signature: str


class RedactedThinkingBlock(Struct, tag="redacted_thinking", tag_field="type"):
    """Reasoning that is encrypted."""

    data: str


PartBlock = TextBlock | ImageBlock | DocumentBlock
SignedBlock = ThinkingBlock | RedactedThinkingBlock
Block = PartBlock | ToolUseBlock | ToolResultBlock | SignedBlock


class Turn(Struct):
    """One message: `role` is `user` or `assistant`."""

    role: str
    content: list[Block]


class Tool(Struct, omit_defaults=True):
    """A tool of the caller's. `input_schema` is a JSON schema of an object."""

    name: str
    input_schema: Raw
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None


class ToolChoice(Struct, omit_defaults=True):
    """`type` is `auto`, `any`, `tool` (with `name`) or `none`."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None

    @property
    def forced(self) -> bool:
        """The model has no choice but to call a tool."""
        return self.type in ("any", "tool")


class Thinking(Struct, omit_defaults=True):
    """`type` is `enabled` (with `budget_tokens`), `adaptive`, `disabled` or `between_tools`."""

    type: str
    budget_tokens: int | None = None
    display: str | None = None


class JsonFormat(Struct, tag="json_schema", tag_field="type"):
    schema: Raw


class OutputConfig(Struct, omit_defaults=True):
    effort: str | None = None
    format: JsonFormat | None = None


class Metadata(Struct):
    user_id: str


class MessagesRequest(Struct, omit_defaults=True):
    """The body of `POST /v1/messages`."""

    model: str
    max_tokens: int
    messages: list[Turn]
    system: list[TextBlock] = []
    tools: list[Tool | Raw] = []
    tool_choice: ToolChoice | None = None
    stop_sequences: list[str] = []
    temperature: int | float | None = None
    top_p: int | float | None = None
    top_k: Raw | None = None
    thinking: Thinking | Raw | None = None
    output_config: OutputConfig | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    cache_control: Raw | None = None
    stream: bool = False


# --- answers and streams ----------------------------------------------------------------------------------------------


class OutputTokensDetails(Struct):
    thinking_tokens: int | None = None


class Usage(Struct):
    """Tokens so far. `input_tokens` leaves the cached ones out; a stream repeats only what has changed."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputTokensDetails | None = None

    def updated(self, later: "Usage") -> "Usage":
        """These numbers, replaced by the cumulative ones of a later event where it has them."""
        return Usage(*(_first(getattr(later, name), getattr(self, name)) for name in Usage.__struct_fields__))

    def total(self) -> TokenUsage:
        read, created = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        details = self.output_tokens_details
        return TokenUsage(
            input_tokens=(self.input_tokens or 0) + read + created,
            output_tokens=self.output_tokens or 0,
            cache_read_input_tokens=read,
            cache_creation_input_tokens=created,
            reasoning_output_tokens=(details.thinking_tokens or 0) if details is not None else 0,
        )


def _first(later: Any, earlier: Any) -> Any:
    return earlier if later is None else later


class Citation(Struct):
    """Where a text comes from. Only web pages (`url`) and search results (`source`) have an address."""

    type: str = ""
    title: str | None = None
    url: str | None = None
    source: str | None = None


class Content(Struct):
    """A content block of an answer; which fields count depends on `type`."""

    type: str
    text: str = ""
    citations: list[Citation] | None = None
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw | UnsetType = UNSET


class StopDetails(Struct):
    """`explanation` is the provider's text about a refusal."""

    explanation: str | None = None


class Message(Struct):
    """A whole answer, and the head of a streamed one."""

    id: str
    model: str
    content: list[Content] = []
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None


class MessageStart(Struct):
    message: Message


class ContentBlockStart(Struct):
    index: int
    content_block: Content


class Delta(Struct):
    """What a block grows by; which field counts depends on `type`."""

    type: str
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: Citation | None = None


class ContentBlockDelta(Struct):
    index: int
    delta: Delta


class ContentBlockStop(Struct):
    index: int


class Stop(Struct):
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class MessageDelta(Struct):
    delta: Stop
    usage: Usage | None = None


class MessageStop(Struct):
    pass


class ErrorDetail(Struct):
    type: str = ""
    message: str = ""


class ErrorBody(Struct):
    """An error answer, and an `error` event."""

    error: ErrorDetail


class EventType(Struct):
    """The type of an event whose `event:` line is missing."""

    type: str
