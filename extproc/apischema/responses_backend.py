"""OpenAI's Responses API as a backend: the requests that translators write, what they read of answers and streams, and
the parts of chat messages that it can carry.

Reference: https://platform.openai.com/docs/api-reference/responses/create,
https://platform.openai.com/docs/api-reference/responses-streaming (read in the SDKs' types and in excerpts,
2026-11-21). What is read has defaults wherever a compatible server might leave a field out; unknown fields are ignored.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import ResponseFormat, ToolChoice, invalid
from extproc.apischema.openai_response import Usage

# --- requests ---------------------------------------------------------------------------------------------------------


class InputText(Struct, tag="input_text", tag_field="type"):
    text: str


class InputImage(Struct, tag="input_image", tag_field="type"):
    """`image_url` is http(s) or a `data:` URL."""

    image_url: str
    detail: str = "auto"


class InputFile(Struct, tag="input_file", tag_field="type", omit_defaults=True):
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


InputPart = InputText | InputImage | InputFile


class InputMessage(Struct, tag="message", tag_field="type"):
    """`role` is `user`, `assistant`, `system` or `developer`; an assistant's content is a string."""

    role: str
    content: str | list[InputPart]


class FunctionCall(Struct, tag="function_call", tag_field="type"):
    """`arguments` is JSON in a string."""

    call_id: str
    name: str
    arguments: str


class FunctionCallOutput(Struct, tag="function_call_output", tag_field="type"):
    call_id: str
    output: str | list[InputPart]


class SummaryText(Struct, tag="summary_text", tag_field="type"):
    text: str


class Reasoning(Struct, tag="reasoning", tag_field="type"):
    """Reasoning of an earlier turn, as it was given."""

    id: str
    summary: list[SummaryText]
    encrypted_content: str


Item = InputMessage | FunctionCall | FunctionCallOutput | Reasoning


class FunctionTool(Struct, tag="function", tag_field="type", omit_defaults=True):
    """`strict` is always sent: this API is strict where nothing is said, chat is not."""

    name: str
    parameters: Raw
    strict: bool
    description: str | None = None


class Format(Struct, omit_defaults=True):
    """`type` is `text`, `json_object` or `json_schema`; the rest belongs to the last."""

    type: str
    name: str | None = None
    schema: Raw | None = None
    description: str | None = None
    strict: bool | None = None


class Text(Struct, omit_defaults=True):
    format: Format | None = None
    verbosity: Raw | None = None


# --- what callers of OpenAI chat send ---------------------------------------------------------------------------------


class CallerImage(Struct):
    url: str
    detail: str | None = None


class CallerFile(Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class CallerPart(Struct):
    """One element of a message's content; which field counts depends on `type`."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: CallerImage | None = None
    file: CallerFile | None = None


class CallerCalledFunction(Struct):
    name: str
    arguments: str = ""


class CallerCall(Struct):
    id: str
    function: CallerCalledFunction | None = None


class CallerThinking(Struct):
    """An element of `thinking_blocks`, of any provider."""

    type: str = ""
    thinking: str = ""
    signature: str = ""


class CallerMessage(Struct):
    role: str
    content: str | list[CallerPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[CallerCall] | None = None
    tool_call_id: str | None = None
    audio: dict[str, Any] | None = None
    function_call: dict[str, Any] | None = None
    thinking_blocks: list[CallerThinking] | None = None


class CallerRequest(Struct):
    """A chat completion request. Fields that are absent here pass on unread, or not at all."""

    messages: list[CallerMessage]
    tools: list[Raw] | None = None
    tool_choice: str | ToolChoice | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None


_REQUEST = msgspec.json.Decoder(CallerRequest)


def parse(body: bytes) -> CallerRequest:
    """The request in a body. Raises InvalidRequest that names the field at fault."""
    try:
        return _REQUEST.decode(body)
    except MALFORMED as error:
        raise invalid(error) from error


# --- answers and streams ----------------------------------------------------------------------------------------------


class Annotation(Struct):
    """`start_index` and `end_index` are character positions in the part's text."""

    type: str = ""
    url: str = ""
    title: str = ""
    start_index: int = 0
    end_index: int = 0


class OutputPart(Struct):
    """A part of a message, or of reasoning; which field counts depends on `type`."""

    type: str = ""
    text: str = ""
    refusal: str = ""
    annotations: list[Annotation] | None = None


class OutputItem(Struct):
    """An item of an answer; which fields count depends on `type`."""

    type: str
    id: str = ""
    content: list[OutputPart] | None = None
    summary: list[OutputPart] | None = None
    encrypted_content: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class IncompleteDetails(Struct):
    reason: str | None = None


class ErrorDetail(Struct):
    code: str | None = None
    message: str | None = None
    param: str | None = None
    type: str | None = None


class Response(Struct):
    """A whole answer, and what the events around a streamed one hold."""

    id: str
    model: str = ""
    status: str | None = None
    output: list[OutputItem] = []
    usage: Usage | None = None
    error: ErrorDetail | None = None
    incomplete_details: IncompleteDetails | None = None


class ResponseEvent(Struct):
    response: Response


class ItemEvent(Struct):
    item: OutputItem
    output_index: int = 0


class PartEvent(Struct):
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0


class DeltaEvent(Struct):
    delta: str
    output_index: int = 0


class ArgumentsDone(Struct):
    arguments: str = ""
    output_index: int = 0


class AnnotationEvent(Struct):
    annotation: Annotation
    output_index: int = 0
    content_index: int = 0


class ErrorEvent(ErrorDetail):
    """The fields of an error stand beside `type` or inside `error`."""

    error: ErrorDetail | UnsetType | None = UNSET

    @property
    def detail(self) -> ErrorDetail:
        return self.error if isinstance(self.error, ErrorDetail) else self


class EventType(Struct):
    """The type of an event whose `event:` line is missing."""

    type: str = ""
    error: ErrorDetail | None = None
