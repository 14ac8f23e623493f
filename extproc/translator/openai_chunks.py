"""Builds OpenAI chat completions, whole and as chunks: for every translator whose caller speaks OpenAI's chat format.

References: https://platform.openai.com/docs/api-reference/chat/object and .../chat/streaming (seen 2026-11-21).
`reasoning_content` (the reasoning's text) and `thinking_blocks` (the same with the provider's signatures, to be sent
back) are not OpenAI's: they are LiteLLM's names (https://docs.litellm.ai/docs/reasoning_content, seen 2026-11-21).
`extra_content` of a tool call is Google's (https://ai.google.dev/gemini-api/docs/thought-signatures, same date).
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

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
    """`extra_content` is the provider's own, to be sent back with the call."""

    id: str
    function: FunctionCall
    type: str = "function"
    extra_content: dict[str, Any] | UnsetType = UNSET


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


class TopLogprob(Struct):
    """A token that could have been; `bytes` is its UTF-8."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(Struct):
    """A token of the answer, and the likeliest ones at its place."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob]


class Logprobs(Struct):
    """Logarithms of probabilities, for each token of the content."""

    content: list[TokenLogprob]
    refusal: None = None


class Choice(Struct):
    """One of a completion's alternatives."""

    index: int
    message: CompletionMessage
    logprobs: Logprobs | None
    finish_reason: FinishReason


class _PromptTokensDetails(Struct, omit_defaults=True):
    cached_tokens: int
    cache_write_tokens: int
    audio_tokens: int = 0


class _CompletionTokensDetails(Struct, omit_defaults=True):
    reasoning_tokens: int
    audio_tokens: int = 0


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
    choices: list[Choice]
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
    choice = Choice(0, message, None, finish_reason)
    return completion_of(id=id, created=created, model=model, choices=[choice], usage=usage)


def completion_of(*, id: str, created: int, model: str, choices: list[Choice], usage: TokenUsage | None) -> bytes:
    """A whole `chat.completion` with these choices. `created` is a Unix time in seconds."""
    spent = None if usage is None else _usage(usage)
    return msgspec.json.encode(_Completion(id, "chat.completion", created, model, choices, spent))


def _usage(usage: TokenUsage) -> _Usage:
    return _Usage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=_PromptTokensDetails(
            usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.audio_input_tokens
        ),
        completion_tokens_details=_CompletionTokensDetails(usage.reasoning_output_tokens, usage.audio_output_tokens),
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

    def text_with_logprobs(self, text: str, logprobs: Logprobs) -> bytes:
        delta = b'"content":%b},"logprobs":%b,"finish_reason":null' % (_encode(text), _encode(logprobs))
        return self._open + delta + self._finished

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
        if call.extra_content is not UNSET:
            start["extra_content"] = call.extra_content
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
