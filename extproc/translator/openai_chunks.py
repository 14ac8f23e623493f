"""Builds OpenAI chat completions, whole and as chunks: for every translator whose caller speaks OpenAI's chat format.

References: https://platform.openai.com/docs/api-reference/chat/object and .../chat/streaming (seen 2026-11-21).
`reasoning_content` (the reasoning's text) and `thinking_blocks` (the same with the provider's signatures, to be sent
back) are not OpenAI's: they are LiteLLM's names (https://docs.litellm.ai/docs/reasoning_content, seen 2026-11-21).
"""

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from extproc.genai.usage import TokenUsage

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class UrlCitation(Struct):
    """`start_index` and `end_index` are character positions in the message's content."""

    url: str
    title: str
    start_index: int
    end_index: int


class Annotation(Struct, tag="url_citation", tag_field="type"):
    url_citation: UrlCitation


class FunctionCall(Struct):
    """`arguments` is JSON in a string."""

    name: str
    arguments: str


class ToolCall(Struct):
    id: str
    function: FunctionCall
    type: str = "function"


class CompletionMessage(Struct, omit_defaults=True):
    """An assistant's message. `content` and `refusal` are always there, the rest only when it says something.

    `thinking_blocks` are values that msgspec can encode.
    """

    role: str
    content: str | None
    refusal: str | None
    annotations: list[Annotation] = []
    tool_calls: list[ToolCall] = []
    reasoning_content: str = ""
    thinking_blocks: list[Any] = []


class _Choice(Struct):
    index: int
    message: CompletionMessage
    logprobs: None
    finish_reason: FinishReason


class _PromptTokensDetails(Struct):
    cached_tokens: int
    cache_write_tokens: int


class _CompletionTokensDetails(Struct):
    reasoning_tokens: int


class _Usage(Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _PromptTokensDetails
    completion_tokens_details: _CompletionTokensDetails


class _Completion(Struct, omit_defaults=True):
    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    usage: _Usage | None = None


def completion(
    *,
    id: str,
    created: int,
    model: str,
    message: CompletionMessage,
    finish_reason: FinishReason,
    usage: TokenUsage | None,
) -> bytes:
    """A whole `chat.completion` with one choice. `created` is a Unix time in seconds."""
    choice = _Choice(0, message, None, finish_reason)
    spent = None if usage is None else _usage(usage)
    return msgspec.json.encode(_Completion(id, "chat.completion", created, model, [choice], spent))


def _usage(usage: TokenUsage) -> _Usage:
    return _Usage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=_PromptTokensDetails(usage.cache_read_input_tokens, usage.cache_creation_input_tokens),
        completion_tokens_details=_CompletionTokensDetails(usage.reasoning_output_tokens),
    )


_encode = msgspec.json.encode


class ChunkWriter:
    """The chunks of one streamed completion, each as a whole SSE event.

    All that is the same in every chunk is encoded once; a chunk is then three joins. With `wants_usage` every chunk has
    `"usage": null` but the one that `usage` writes, as OpenAI's have.
    """

    def __init__(self, *, id: str, created: int, model: str, wants_usage: bool) -> None:
        head = _encode({"id": id, "object": "chat.completion.chunk", "created": created, "model": model})[:-1]
        self._head = b"data: " + head
        self._open = self._head + b',"choices":[{"index":0,"delta":{'
        no_usage = b',"usage":null' if wants_usage else b""
        self._finished = b"}]" + no_usage + b"}\n\n"
        self._close = b'},"logprobs":null,"finish_reason":null' + self._finished

    def start(self) -> bytes:
        """The first chunk: the role."""
        return self._delta(b'"role":"assistant","content":"","refusal":null')

    def text(self, text: str) -> bytes:
        return self._open + b'"content":' + _encode(text) + self._close

    def refusal(self, text: str) -> bytes:
        return self._delta(b'"refusal":' + _encode(text))

    def reasoning(self, text: str) -> bytes:
        return self._delta(b'"reasoning_content":' + _encode(text))

    def thinking_block(self, block: Any) -> bytes:
        """A whole block of signed reasoning, so that a caller need only collect the lists."""
        return self._delta(b'"thinking_blocks":' + _encode([block]))

    def annotations(self, annotations: list[Annotation]) -> bytes:
        return self._delta(b'"annotations":' + _encode(annotations))

    def tool_call(self, index: int, call: ToolCall) -> bytes:
        """The beginning of a tool call; `index` is its place among the message's calls."""
        function = Raw(_encode(call.function))
        start = {"index": index, "id": call.id, "type": call.type, "function": function}
        return self._delta(b'"tool_calls":' + _encode([start]))

    def arguments(self, index: int, text: str) -> bytes:
        """More of a tool call's arguments."""
        call = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (index, _encode(text))
        return self._open + call + self._close

    def finish(self, reason: FinishReason) -> bytes:
        """The last chunk of the choice."""
        return self._open + b'},"logprobs":null,"finish_reason":' + _encode(reason) + self._finished

    def usage(self, usage: TokenUsage) -> bytes:
        """The chunk without choices that closes a stream whose caller asked for usage."""
        return self._head + b',"choices":[],"usage":' + _encode(_usage(usage)) + b"}\n\n"

    def _delta(self, fields: bytes) -> bytes:
        return self._open + fields + self._close
