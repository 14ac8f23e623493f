"""Mistral's API where it differs from OpenAI's: what translators write into requests and read of answers and streams.

References: https://docs.mistral.ai/api/endpoint/chat, https://docs.mistral.ai/api/endpoint/embeddings and the types of
the official Python SDK 3.7 (the pages in excerpts, 2026-11-21). Mistral refuses fields that it does not know, at every
depth. What is read has defaults wherever a compatible server might leave a field out; unknown fields are ignored.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import ToolChoice, invalid
from extproc.genai.usage import TokenUsage

# --- requests ---------------------------------------------------------------------------------------------------------


class TextChunk(Struct, tag="text", tag_field="type"):
    text: str


class ImageChunk(Struct, tag="image_url", tag_field="type"):
    """`image_url` is a string or OpenAI's object."""

    image_url: Raw


class DocumentChunk(Struct, tag="document_url", tag_field="type", omit_defaults=True):
    """`document_url` is http(s) or a `data:` URL."""

    document_url: str
    document_name: str | None = None


class AudioChunk(Struct, tag="input_audio", tag_field="type"):
    """`input_audio` is base64."""

    input_audio: str


class ThinkingChunk(Struct, tag="thinking", tag_field="type", omit_defaults=True):
    thinking: list[TextChunk]
    signature: str | None = None


Chunk = TextChunk | ImageChunk | DocumentChunk | AudioChunk | ThinkingChunk


class FunctionCall(Struct):
    """`arguments` is JSON in a string."""

    name: str
    arguments: str


class ToolCall(Struct):
    """`id` is nine letters or digits."""

    id: str
    function: FunctionCall
    type: str = "function"


class ChatMessage(Struct, omit_defaults=True):
    """`role` is `system`, `user`, `assistant` or `tool`. `prefix`: the answer begins with this message."""

    role: str
    content: str | list[Chunk | Raw] | None = None
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None
    name: str | None = None
    prefix: bool = False


class Function(Struct, omit_defaults=True):
    """`parameters` is a JSON schema of an object, and required."""

    name: str
    parameters: Raw
    description: str | None = None
    strict: bool | None = None


class Tool(Struct):
    function: Function
    type: str = "function"


# --- answers and streams ----------------------------------------------------------------------------------------------


class PromptTokensDetails(Struct):
    cached_tokens: int | None = None


class Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptTokensDetails | None = None
    num_cached_tokens: int | None = None

    def total(self) -> TokenUsage:
        details = self.prompt_tokens_details or PromptTokensDetails()
        return TokenUsage(
            input_tokens=self.prompt_tokens or 0,
            output_tokens=self.completion_tokens or 0,
            cache_read_input_tokens=details.cached_tokens or self.num_cached_tokens or 0,
        )


class Thought(Struct):
    """A piece of reasoning; those of other types than text refer to sources."""

    text: str = ""


class Content(Struct):
    """An element of an answer's content; which fields count depends on `type`."""

    type: str
    text: str = ""
    thinking: list[Thought] = []
    signature: str | None = None


class CalledFunction(Struct):
    """`arguments` is JSON in a string or, from some servers, the object itself."""

    name: str = ""
    arguments: Raw = Raw(b'""')

    @property
    def text(self) -> str:
        """The arguments as OpenAI has them. Raises what decoding raises."""
        raw = bytes(self.arguments)
        if raw == b"null":
            return ""
        return _TEXT(raw) if raw.startswith(b'"') else msgspec.json.format(raw, indent=-1).decode()


_TEXT = msgspec.json.Decoder(str).decode


class Called(Struct):
    """A tool call. Mistral streams each one whole; a server that cuts it leaves `id` out of the later pieces."""

    function: CalledFunction
    id: str | None = None
    index: int = 0


class AnswerMessage(Struct):
    """A message of a whole answer, or the delta of a chunk."""

    content: str | list[Content] | None = None
    tool_calls: list[Called] | None = None


class Logprob(Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None


class TokenLogprobs(Logprob, kw_only=True):
    top_logprobs: list[Logprob] | None = None


class Logprobs(Struct):
    content: list[TokenLogprobs] | None = None


class Choice(Struct):
    index: int = 0
    message: AnswerMessage | None = None
    delta: AnswerMessage | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Completion(Struct):
    """A whole answer, or one chunk of a stream. `choices` is not there in an error."""

    choices: list[Choice]
    id: str = ""
    model: str = ""
    created: int = 0
    usage: Usage | None = None


class Embedding(Struct):
    embedding: Raw
    index: int = 0


class EmbeddingsAnswer(Struct):
    data: list[Embedding]
    id: str = ""
    model: str = ""
    usage: Usage | None = None


class Problem(Struct):
    """What is wrong with one field; `loc` is its path from `body` on. What was sent (`input`) is not read."""

    loc: list[str | int] = []
    msg: str = ""


class Problems(Struct):
    detail: list[Problem] | str = ""


class ErrorBody(Struct):
    """An error, in any of Mistral's forms: its API's, its validator's, its proxy's."""

    message: str | list[Problem] | Problems | None = None
    detail: str | list[Problem] | None = None

    @property
    def problems(self) -> list[Problem]:
        """The faults of single fields."""
        told = self.message.detail if isinstance(self.message, Problems) else self.message
        return next((given for given in (told, self.detail) if isinstance(given, list)), [])

    @property
    def text(self) -> str:
        told = self.message.detail if isinstance(self.message, Problems) else self.message
        return next((given for given in (told, self.detail) if isinstance(given, str) and given), "")


# --- what callers of OpenAI's format send, beside OpenAI's own fields -------------------------------------------------


class CallerAudio(Struct):
    """OpenAI's `input_audio`: base64, and a format that Mistral finds out by itself."""

    data: str


class CallerFile(Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class CallerPart(Struct):
    """One element of a message's content; which field counts depends on `type`."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: Raw | UnsetType = UNSET
    input_audio: CallerAudio | str | None = None
    file: CallerFile | None = None


class CallerCalledFunction(Struct):
    name: str
    arguments: str = ""


class CallerCall(Struct):
    id: str
    function: CallerCalledFunction | None = None


class CallerThinking(Struct, tag="thinking", tag_field="type"):
    thinking: str
    signature: str = ""


class CallerRedacted(Struct, tag="redacted_thinking", tag_field="type"):
    """Encrypted by another provider: of no use here."""


class CallerMessage(Struct):
    """A message as OpenAI has it; `prefix` is Mistral's own, `thinking_blocks` signed reasoning of earlier turns."""

    role: str
    content: str | list[Raw] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[CallerCall] | None = None
    tool_call_id: str | None = None
    audio: dict[str, Any] | None = None
    function_call: dict[str, Any] | None = None
    thinking_blocks: list[CallerThinking | CallerRedacted] | None = None
    prefix: bool = False


class CallerRequest(Struct):
    """A chat completion request. Fields that are absent here pass on unread, or not at all."""

    messages: list[CallerMessage]
    tools: list[Raw] | None = None
    tool_choice: str | ToolChoice | None = None
    temperature: int | float | None = None
    service_tier: str | None = None


_REQUEST = msgspec.json.Decoder(CallerRequest)


def parse(body: bytes) -> CallerRequest:
    """The request in a body. Raises InvalidRequest that names the field at fault."""
    try:
        return _REQUEST.decode(body)
    except MALFORMED as error:
        raise invalid(error) from error
