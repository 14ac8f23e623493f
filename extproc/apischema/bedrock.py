"""Amazon Bedrock's runtime: the requests that translators write, and what they read of answers, streams and errors.

References: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html and botocore's service model of
`bedrock-runtime` 1.44 (seen 2026-11-21). Where the API has a union, an object with exactly one of its members, the
struct here has all of them and one is set. Bytes are base64 in JSON. What is read has defaults wherever a field may be
missing; unknown fields are ignored.
"""

from typing import Any
from urllib.parse import quote

from msgspec import UNSET, Raw, Struct, UnsetType, field

from extproc.errors import InvalidRequest
from extproc.genai.usage import TokenUsage

EVENT_STREAM = "application/vnd.amazon.eventstream"


def model_path(base_path: str, model: str, operation: str) -> str:
    """The path of an operation on a model. Models may be ARNs, whose `:` and `/` are escaped as AWS's clients do.

    Raises InvalidRequest for a name that would be a step in the path.
    """
    if model in (".", ".."):
        raise InvalidRequest("model: not a name", param="model")
    return f"{base_path}/model/{quote(model, safe='~')}/{operation}"


# --- requests ---------------------------------------------------------------------------------------------------------


class S3Location(Struct):
    uri: str


class Source(Struct, omit_defaults=True, rename="camel"):
    """`bytes` is base64."""

    bytes: str | None = None
    s3_location: S3Location | None = None


class Media(Struct):
    """An image, a video or audio. `format` is the API's name of the type: `png`, `mp4`, …"""

    format: str
    source: Source


class Document(Struct):
    """`name` has letters, digits, single spaces, hyphens, parentheses and square brackets only."""

    format: str
    name: str
    source: Source


class ToolUse(Struct, rename="camel"):
    """`input` is a JSON object, byte for byte as the model once wrote it."""

    tool_use_id: str
    name: str
    input: Raw


class ReasoningText(Struct):
    text: str
    signature: str


class ReasoningContent(Struct, omit_defaults=True, rename="camel"):
    """Reasoning that must come back as it was given. `redacted_content` is base64."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class CachePoint(Struct, omit_defaults=True):
    """What stands before it may be cached. `type` is always `default`; `ttl` is `5m` or `1h`."""

    type: str
    ttl: str | None = None


class ContentBlock(Struct, omit_defaults=True, rename="camel"):
    text: str | None = None
    image: Media | None = None
    document: Document | None = None
    video: Media | None = None
    audio: Media | None = None
    tool_use: ToolUse | None = None
    tool_result: "ToolResult | None" = None
    reasoning_content: ReasoningContent | None = None
    cache_point: CachePoint | None = None


class ToolResult(Struct, rename="camel"):
    tool_use_id: str
    content: list[ContentBlock]


class Turn(Struct):
    """One message: `role` is `user` or `assistant`."""

    role: str
    content: list[ContentBlock]


class InputSchema(Struct):
    json: Raw


class ToolSpec(Struct, omit_defaults=True, rename="camel"):
    name: str
    input_schema: InputSchema
    description: str | None = None
    strict: bool | None = None


class Tool(Struct, omit_defaults=True, rename="camel"):
    tool_spec: ToolSpec | None = None
    system_tool: Raw | UnsetType = UNSET
    cache_point: CachePoint | None = None


class NamedTool(Struct):
    name: str


class ToolChoice(Struct, omit_defaults=True):
    """`auto` and `any` are empty objects."""

    auto: dict[str, Any] | None = None
    any: dict[str, Any] | None = None
    tool: NamedTool | None = None


class ToolConfig(Struct, omit_defaults=True, rename="camel"):
    tools: list[Tool]
    tool_choice: ToolChoice | None = None


class InferenceConfig(Struct, omit_defaults=True, rename="camel"):
    max_tokens: int | None = None
    temperature: int | float | None = None
    top_p: int | float | None = None
    stop_sequences: list[str] = []


class JsonSchema(Struct, omit_defaults=True):
    """`schema` is a JSON schema as text."""

    schema: str
    name: str | None = None
    description: str | None = None


class FormatStructure(Struct, rename="camel"):
    json_schema: JsonSchema


class TextFormat(Struct):
    """`type` is always `json_schema`."""

    type: str
    structure: FormatStructure


class OutputConfig(Struct, omit_defaults=True, rename="camel"):
    """`effort` is `low`, `medium`, `high`, `xhigh` or `max`."""

    text_format: TextFormat | None = None
    effort: str | None = None


class ServiceTier(Struct):
    type: str


class ConverseRequest(Struct, omit_defaults=True, rename="camel"):
    """The body of `Converse` and of `ConverseStream`. `additional_model_request_fields` are the model's own."""

    messages: list[Turn]
    system: list[ContentBlock] = []
    inference_config: InferenceConfig | None = None
    tool_config: ToolConfig | None = None
    output_config: OutputConfig | None = None
    additional_model_request_fields: dict[str, Any] = {}
    additional_model_response_field_paths: Raw | UnsetType = UNSET
    guardrail_config: Raw | UnsetType = UNSET
    performance_config: Raw | UnsetType = UNSET
    prompt_variables: Raw | UnsetType = UNSET
    request_metadata: Raw | UnsetType = UNSET
    service_tier: ServiceTier | None = None


# --- answers and streams ----------------------------------------------------------------------------------------------


class Usage(Struct, rename="camel"):
    """`input_tokens` leaves the cached ones out."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0

    def total(self) -> TokenUsage:
        read, written = self.cache_read_input_tokens, self.cache_write_input_tokens
        return TokenUsage(
            input_tokens=self.input_tokens + read + written,
            output_tokens=self.output_tokens,
            cache_read_input_tokens=read,
            cache_creation_input_tokens=written,
        )


class PromptRouter(Struct, rename="camel"):
    invoked_model_id: str = ""


class Trace(Struct, rename="camel"):
    prompt_router: PromptRouter | None = None


class GivenToolUse(Struct, rename="camel"):
    """A tool call, or its beginning in a stream. `type` is `server_tool_use` for a tool of the provider's own."""

    tool_use_id: str
    name: str
    input: Raw | UnsetType = UNSET
    type: str = ""

    @property
    def is_callers(self) -> bool:
        return self.type != "server_tool_use"


class GivenReasoningText(Struct):
    text: str = ""
    signature: str = ""


class GivenReasoning(Struct, rename="camel"):
    reasoning_text: GivenReasoningText | None = None
    redacted_content: bytes = b""


class Web(Struct):
    url: str | None = None


class Location(Struct):
    web: Web | None = None


class Citation(Struct):
    """Where a text comes from. Only web pages, and sources that are addresses, can be told in OpenAI's format."""

    title: str | None = None
    source: str | None = None
    location: Location | None = None

    @property
    def url(self) -> str:
        web = self.location.web if self.location is not None else None
        return (web.url if web is not None else None) or self.source or ""


class CitedText(Struct):
    text: str = ""


class Citations(Struct):
    content: list[CitedText] = []
    citations: list[Citation] = []


class Content(Struct, rename="camel"):
    """A content block of an answer: one of these, or one that is not read."""

    text: str | None = None
    tool_use: GivenToolUse | None = None
    reasoning_content: GivenReasoning | None = None
    citations_content: Citations | None = None


class AnswerMessage(Struct):
    content: list[Content] = []


class Output(Struct):
    message: AnswerMessage


class ConverseAnswer(Struct, rename="camel"):
    output: Output
    stop_reason: str = ""
    usage: Usage | None = None
    trace: Trace | None = None


class BlockStart(Struct, rename="camel"):
    tool_use: GivenToolUse | None = None


class ContentBlockStart(Struct, rename="camel"):
    content_block_index: int
    start: BlockStart


class InputDelta(Struct):
    input: str = ""


class ReasoningDelta(Struct, rename="camel"):
    text: str = ""
    signature: str = ""
    redacted_content: bytes = b""


class Delta(Struct, rename="camel"):
    """What a block grows by: one of these, or one that is not read."""

    text: str | None = None
    tool_use: InputDelta | None = None
    reasoning_content: ReasoningDelta | None = None
    citation: Citation | None = None


class ContentBlockDelta(Struct, rename="camel"):
    content_block_index: int
    delta: Delta


class ContentBlockStop(Struct, rename="camel"):
    content_block_index: int


class MessageStart(Struct):
    pass


class MessageStop(Struct, rename="camel"):
    stop_reason: str = ""


class Metadata(Struct):
    usage: Usage | None = None
    trace: Trace | None = None


class Chunk(Struct):
    """A piece of the stream of `InvokeModelWithResponseStream`: an event of the model's own format."""

    data: bytes = field(default=b"", name="bytes")


class ErrorBody(Struct):
    """An error's body, and the payload of an exception in a stream. Services spell `message` both ways."""

    message: str | None = None
    Message: str | None = None

    @property
    def text(self) -> str:
        return self.message or self.Message or ""


# --- embeddings -------------------------------------------------------------------------------------------------------


class TitanEmbedRequest(Struct, omit_defaults=True, rename="camel"):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html (seen 2026-11-21)."""

    input_text: str
    dimensions: int | None = None
    normalize: Raw | None = None


class CohereEmbedRequest(Struct, omit_defaults=True):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html (seen 2026-11-21)."""

    texts: list[str]
    input_type: Raw
    embedding_types: list[str]
    output_dimension: int | None = None
    truncate: Raw | None = None
    max_tokens: Raw | None = None


class Vectors(Struct):
    float: list[Raw] = []


class EmbedAnswer(Struct, rename="camel"):
    """Titan's `embedding`, or Cohere's `embeddings` by type."""

    embedding: Raw | UnsetType = UNSET
    embeddings: Vectors | None = None
    input_text_token_count: int | None = None

    @property
    def vectors(self) -> list[Raw]:
        if isinstance(self.embedding, Raw):
            return [self.embedding]
        return self.embeddings.float if self.embeddings is not None else []
