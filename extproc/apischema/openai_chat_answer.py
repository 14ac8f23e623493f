"""An OpenAI chat answer as a whole, for translators that turn it into another format: documents and stream chunks.

References: https://platform.openai.com/docs/api-reference/chat/object and .../chat/streaming (seen 2026-11-21).
`reasoning_content` and `thinking_blocks` are LiteLLM's names (https://docs.litellm.ai/docs/reasoning_content, seen
2026-11-21), `reasoning` is OpenRouter's and vLLM's. Everything is optional, because compatible servers vary.
"""

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.openai_response import ErrorDetail, Usage


class UrlCitation(Struct, gc=False):
    """`start_index` and `end_index` are character positions in the message's content."""

    url: str = ""
    title: str = ""
    start_index: int = 0
    end_index: int = 0


class Annotation(Struct, gc=False):
    type: str = ""
    url_citation: UrlCitation | None = None


class FunctionCall(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class CustomCall(Struct, gc=False):
    name: str | None = None
    input: str | None = None


class ToolCall(Struct):
    """A tool call, or what a chunk adds to one: only its first chunk has `id` and name."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionCall | None = None
    custom: CustomCall | None = None


class Message(Struct):
    """The message of a whole answer, or the delta of a chunk."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking_blocks: list[Raw] | None = None
    annotations: list[Annotation] | None = None
    tool_calls: list[ToolCall] | None = None


class TopLogprob(Struct, gc=False):
    token: str
    logprob: int | float
    bytes: list[int] | None = None


class Logprob(Struct):
    token: str
    logprob: int | float
    bytes: list[int] | None = None
    top_logprobs: list[TopLogprob] | None = None


class Logprobs(Struct):
    content: list[Logprob] | None = None


class Choice(Struct):
    index: int = 0
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Answer(Struct):
    """A whole answer, or one chunk of a stream. `error` stands alone, in a stream as in a 200 of some servers."""

    id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: ErrorDetail | str | None = None


decode_answer = msgspec.json.Decoder(Answer).decode
