"""The fields of an OpenAI chat completion request that translators read.

Reference: https://platform.openai.com/docs/api-reference/chat/create (seen 2026-11-21). `cache_control` and
`thinking_blocks` are not OpenAI's: callers that reach Anthropic's models through a chat API send them in LiteLLM's form
(https://docs.litellm.ai/docs/reasoning_content, seen 2026-11-21). `extra_content` of a tool call is Google's
(https://ai.google.dev/gemini-api/docs/thought-signatures, seen 2026-11-21).
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.apischema.malformed import MALFORMED
from extproc.errors import InvalidRequest

CacheControl = dict[str, Any]


class ImageUrl(Struct, gc=False):
    """`url` is http(s) or a `data:` URL. `detail` is not read: no other provider has it."""

    url: str


class File(Struct, gc=False):
    """A file in a message: inline (`file_data`, a `data:` URL) or one uploaded to OpenAI (`file_id`)."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class InputAudio(Struct, gc=False):
    """Audio in a message: `data` is base64, `format` is `wav` or `mp3`."""

    data: str
    format: str


class Part(Struct):
    """One element of a message's content; which field counts depends on `type`."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | None = None
    file: File | None = None
    input_audio: InputAudio | None = None
    cache_control: CacheControl | None = None


class FunctionCall(Struct, gc=False):
    """`arguments` is JSON in a string, as the model wrote it."""

    name: str
    arguments: str = ""


class ToolCall(Struct):
    """A call that an assistant message made. `function` is None for tools of other types."""

    id: str
    type: str = "function"
    function: FunctionCall | None = None
    extra_content: Raw | UnsetType = UNSET


class Message(Struct):
    """One message. `content` is absent, null, a string or parts."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    audio: dict[str, Any] | None = None
    function_call: FunctionCall | None = None
    thinking_blocks: Raw | UnsetType = UNSET
    cache_control: CacheControl | None = None


class Function(Struct):
    """A function's definition. `parameters` is a JSON schema, passed on untouched."""

    name: str
    description: str | None = None
    parameters: Raw | UnsetType = UNSET
    strict: bool | None = None
    cache_control: CacheControl | None = None


class Tool(Struct):
    """A tool's definition. `function` is None for tools of other types."""

    type: str = "function"
    function: Function | None = None
    cache_control: CacheControl | None = None


class NamedFunction(Struct):
    """The function that a `tool_choice` names."""

    name: str


class ToolChoice(Struct):
    """A `tool_choice` that is an object."""

    type: str
    function: NamedFunction | None = None


class JsonSchema(Struct):
    """`response_format.json_schema`."""

    name: str = ""
    description: str | None = None
    schema: Raw | UnsetType = UNSET
    strict: bool | None = None


class ResponseFormat(Struct):
    """`type` is `text`, `json_object` or `json_schema`."""

    type: str
    json_schema: JsonSchema | None = None


class ChatRequest(Struct):
    """A chat completion request. Fields that are absent here are not read by any translator."""

    messages: list[Message]
    tools: list[Raw] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: int | float | None = None
    top_p: int | float | None = None
    stop: str | list[str] | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None


_REQUEST = msgspec.json.Decoder(ChatRequest)
_TOOL = msgspec.json.Decoder(Tool)


def parse(body: bytes) -> ChatRequest:
    """The request in a body. Raises InvalidRequest that names the field at fault."""
    try:
        return _REQUEST.decode(body)
    except MALFORMED as error:
        raise invalid(error) from error


def parse_tool(raw: Raw, where: str) -> Tool:
    """One element of `tools`; `where` is its path in the request. Raises InvalidRequest."""
    try:
        return _TOOL.decode(raw)
    except MALFORMED as error:
        raise invalid(error, where) from error


def invalid(error: Exception, where: str = "") -> InvalidRequest:
    """What was wrong with a document and where: msgspec says "... - at `$.messages[0].content`", with types only."""
    if isinstance(error, UnicodeDecodeError | RecursionError):
        reason, path = ("not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"), ""
    else:
        reason, _, path = str(error).partition(" - at `$")
    param = (where + path.rstrip("`")).lstrip(".") or None
    return InvalidRequest(f"{param or 'body'}: {reason}", param=param)
