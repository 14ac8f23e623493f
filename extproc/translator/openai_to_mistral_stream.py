"""A Mistral stream as OpenAI chat chunks.

References: https://docs.mistral.ai/api/endpoint/chat, https://platform.openai.com/docs/api-reference/chat/streaming
(read in the SDKs' types and in excerpts, 2026-11-21).

| Mistral                                      | OpenAI                                                                |
|----------------------------------------------|-----------------------------------------------------------------------|
| `content` as text or `text` chunks           | `content`                                                             |
| `thinking` chunks                            | `reasoning_content`; `thinking_blocks`, when their signature comes    |
| a whole tool call in one chunk               | the same, numbered in order                                           |
| `usage` in the last chunk                    | a chunk of its own without choices, if the caller asked for it        |
| `[DONE]`                                     | `[DONE]`                                                              |
| an error, a broken event, an early end       | an error event and `[DONE]`; nothing follows                          |
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from extproc.apischema import openai
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.mistral import AnswerMessage, Called, Choice, Completion
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import FinishReason
from extproc.translator.openai_errors import upstream_error
from extproc.translator.openai_to_mistral_response import (
    Said,
    SignedThinking,
    error_detail,
    finish_reason,
    logprobs,
    said,
    usage_fields,
)
from extproc.wire import sse

_DONE = b"[DONE]"
_ENDED_EARLY = "The provider ended the stream before the answer was complete."
_NO_ID = "null"  # what Mistral's own types hold for a call without an id
_chunk = msgspec.json.Decoder(Completion).decode
_encode = msgspec.json.encode


class _CalledFunction(Struct, omit_defaults=True):
    arguments: str
    name: str | UnsetType = UNSET


class _ToolCall(Struct, omit_defaults=True):
    index: int
    function: _CalledFunction
    id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


class _Delta(Struct, omit_defaults=True):
    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str = ""
    thinking_blocks: list[SignedThinking] = []
    tool_calls: list[_ToolCall] = []


class _OutChoice(Struct):
    index: int
    delta: _Delta
    logprobs: dict[str, Any] | None
    finish_reason: FinishReason | None


@dataclass(slots=True)
class _Progress:
    """What one choice has said. `calls`: the ids of its tool calls; `thought`: reasoning that waits for a signature."""

    calls: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)


class StreamedResponse:
    """A streamed answer. Chunks leave with the event that completes them; nothing is held back."""

    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._events = sse.Decoder()
        self._head = b""
        self._tail = b',"usage":null}\n\n' if call.wants_usage else b"}\n\n"
        self._choices: dict[int, _Progress] = {}
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        if self._ended:
            return b""
        try:
            events = self._events.feed(data)
        except sse.SSEError:
            return self._fail(UpstreamError("The provider sent an event that is too large."))
        return self._translate(events, unreadable="The provider sent an event that cannot be read.")

    def finish(self) -> bytes:
        if self._ended:
            return b""
        rest = self._translate(self._events.finish(), unreadable=_ENDED_EARLY)
        return rest if self._ended else rest + self._fail(UpstreamError(_ENDED_EARLY))

    def _translate(self, events: list[sse.Event], unreadable: str) -> bytes:
        out = []
        for event in events:
            try:
                out.append(self._end() if event.data == _DONE else self._on_chunk(event.data))
            except MALFORMED:
                out.append(self._fail(_error(event.data) or UpstreamError(unreadable)))
            except UpstreamError as error:
                out.append(self._fail(error))
            if self._ended:
                break
        return b"".join(out)

    def _on_chunk(self, data: bytes) -> bytes:
        chunk = _chunk(data)
        if not self._head:
            self._begin(chunk)
        if chunk.usage is not None:
            self.outcome.usage = chunk.usage.total()
        choices = [self._choice(choice) for choice in chunk.choices]
        return self._head + b',"choices":' + _encode(choices) + self._tail if choices else b""

    def _begin(self, chunk: Completion) -> None:
        self.outcome.response_id, self.outcome.response_model = chunk.id, chunk.model
        created, model = chunk.created or self._call.created, chunk.model or self._call.model
        head = {"id": chunk.id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + _encode(head)[:-1]

    def _choice(self, choice: Choice) -> _OutChoice:
        message = choice.delta or AnswerMessage()
        content = said(message)
        delta = _Delta(reasoning_content=content.reasoning)
        progress = self._choices.get(choice.index)
        if progress is None:
            progress = self._choices[choice.index] = _Progress()
            delta.role, delta.content, delta.refusal = "assistant", "", None
        if content.text:
            delta.content = content.text
        delta.thinking_blocks = _signed(progress, content)
        delta.tool_calls = [_tool_call(progress, call) for call in message.tool_calls or ()]
        self._produced(content, delta.tool_calls)
        return _OutChoice(choice.index, delta, logprobs(choice.logprobs), self._reason(choice))

    def _reason(self, choice: Choice) -> FinishReason | None:
        if choice.finish_reason is None:
            return None
        reason = finish_reason(choice.finish_reason)
        self.outcome.finish_reasons.append(reason)
        return reason

    def _produced(self, content: Said, calls: list[_ToolCall]) -> None:
        texts = [content.reasoning, content.text, *(call.function.arguments for call in calls)]
        made = [text for text in texts if text]
        if made:
            self.outcome.text += made
            self.outcome.chunks += 1

    def _end(self) -> bytes:
        self.outcome.complete = self._ended = True
        if not self._call.wants_usage or self.outcome.usage is None:
            return openai.DONE
        usage = _encode(usage_fields(self.outcome.usage))
        return self._head + b',"choices":[],"usage":' + usage + b"}\n\n" + openai.DONE

    def _fail(self, error: UpstreamError) -> bytes:
        self._ended = True
        self.outcome.error = error.type
        return openai.error_event(error)


def _error(data: bytes) -> UpstreamError | None:
    """The provider's error that an event reports; None if it is none."""
    message, param = error_detail(data)
    return upstream_error(502, message, param=param) if message else None


def _signed(progress: _Progress, content: Said) -> list[SignedThinking]:
    """The signed block that this piece completes, with the reasoning of the pieces before it."""
    if content.reasoning:
        progress.thought.append(content.reasoning)
    if not content.signed:
        return []
    block = SignedThinking("".join(progress.thought), content.signed[-1].signature)
    progress.thought.clear()
    return [block]


def _tool_call(progress: _Progress, call: Called) -> _ToolCall:
    """A call's beginning has an id that was not there before; anything else is more of the call at its index."""
    arguments = call.function.text
    if not call.id or call.id == _NO_ID or call.id in progress.calls:
        index = progress.calls.index(call.id) if call.id in progress.calls else call.index
        return _ToolCall(index, _CalledFunction(arguments))
    progress.calls.append(call.id)
    return _ToolCall(len(progress.calls) - 1, _CalledFunction(arguments, call.function.name), call.id, "function")
