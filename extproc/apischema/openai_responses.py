"""The fields of an OpenAI Responses request that translators read, what is metered of its events, and its error event.

References: https://platform.openai.com/docs/api-reference/responses/create and
https://platform.openai.com/docs/api-reference/responses-streaming (both seen 2026-11-21).

The elements of `input` and `tools` are of many types that have field names, but not their types, in common: they stay
undecoded until their type is known. `cache_control` is not OpenAI's: it is what callers send to Anthropic's models.
"""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.apischema import openai_chat
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_response import Usage
from extproc.errors import GatewayError
from extproc.wire import sse

Json = Raw | UnsetType


class Part(Struct):
    """One element of a content list; which field counts depends on `type`."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: Json = UNSET
    cache_control: Json = UNSET
    prompt_cache_breakpoint: Json = UNSET


class ItemKind(Struct):
    """What an element of `input` is: an easy message has no type, and an item reference may have none."""

    type: str | None = None
    role: str | None = None


class Message(Struct):
    role: str | None = None
    content: str | list[Part] | None = None
    cache_control: Json = UNSET


class ToolCall(Struct):
    """A `function_call` (`arguments`: JSON in a string) or a `custom_tool_call` (`input`: any text)."""

    call_id: str | None = None
    name: str | None = None
    arguments: str = ""
    input: str = ""
    namespace: str | None = None


class ToolOutput(Struct):
    call_id: str | None = None
    output: str | list[Part] | None = None
    cache_control: Json = UNSET


class ReasoningText(Struct):
    text: str = ""


class ReasoningItem(Struct):
    summary: list[ReasoningText] | None = None
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None


class NamedTool(Struct):
    """A tool that is chosen or allowed by name."""

    type: str
    name: str | None = None


class ToolChoice(Struct):
    """A `tool_choice` that is an object. `mode` and `tools` are those of `allowed_tools`."""

    type: str
    name: str | None = None
    mode: str | None = None
    tools: list[NamedTool] | None = None


class Format(Struct):
    """`text.format`: `type` is `text`, `json_object` or `json_schema`; the rest belongs to the last."""

    type: str
    name: str | None = None
    description: str | None = None
    schema: Json = UNSET
    strict: bool | None = None


class Text(Struct):
    format: Format | None = None
    verbosity: str | None = None


class Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    mode: str | None = None
    context: str | None = None


class ResponsesRequest(Struct):
    """A Responses request. Fields that are not here are not understood by any translator."""

    input: str | list[Raw] | None = None
    instructions: str | None = None
    tools: list[Raw] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] | None = None
    temperature: int | float | None = None
    top_p: int | float | None = None
    top_logprobs: int | None = None
    truncation: str | None = None
    store: bool | None = None
    background: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


class IncompleteDetails(Struct):
    reason: str | None = None


class ErrorDetail(Struct):
    code: str | None = None


class Response(Struct):
    """What is metered of a response. `output` is read once it is whole."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    usage: Usage | None = None
    incomplete_details: IncompleteDetails | None = None
    error: ErrorDetail | None = None
    output: list[Raw] | None = None


class OutputTexts(Struct):
    """Everything that the model wrote in an output item of any type."""

    type: str = ""
    content: list[Part] | None = None
    summary: list[ReasoningText] | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class Event(Struct):
    """One event of a stream. `delta` is text, or what its type says."""

    type: str = ""
    sequence_number: int = -1
    delta: Json = UNSET
    response: Json = UNSET


_REQUEST = msgspec.json.Decoder(ResponsesRequest)


def parse(body: bytes) -> ResponsesRequest:
    """The request in a body. Raises InvalidRequest that names the field at fault."""
    try:
        return _REQUEST.decode(body)
    except MALFORMED as error:
        raise openai_chat.invalid(error) from error


def numbered_error_event(error: GatewayError, sequence_number: int) -> bytes:
    """An `error` event. No `[DONE]` follows: this API has none.

    The reference has the error's fields beside `type`; the API itself sends them inside `error`, on which the official
    SDKs raise. They are in both places here. `code` is never null, because generated clients want a string.
    """
    code = error.code or error.type
    detail = {"code": code, "message": error.message, "param": error.param}
    event = {
        "type": "error",
        "sequence_number": sequence_number,
        **detail,
        "error": {"type": error.type, **detail, **error.details},
    }
    return sse.encode(msgspec.json.encode(event), "error")


def error_event(error: GatewayError) -> bytes:
    """The end of a stream of which nothing is known, not even how many events it had: its number is 0."""
    return numbered_error_event(error, 0)


def failure(error_type: str, code: str | None) -> str:
    """The `error.code` of a failed response, which is one of a closed set, nearest to an error."""
    if "rate_limit_exceeded" in (error_type, code) or error_type == "rate_limit_error":
        return "rate_limit_exceeded"
    return "invalid_prompt" if error_type == "invalid_request_error" else "server_error"
