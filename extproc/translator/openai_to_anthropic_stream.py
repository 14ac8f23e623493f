"""An Anthropic stream as OpenAI chat chunks.

References: https://platform.claude.com/docs/en/build-with-claude/streaming,
https://platform.openai.com/docs/api-reference/chat/streaming (both seen 2026-11-21).

| Anthropic                                | OpenAI                                                                    |
|------------------------------------------|---------------------------------------------------------------------------|
| `message_start`                          | the chunk with the role                                                   |
| `content_block_start` of `tool_use`      | a tool call's id and name                                                 |
| `text_delta`                             | `content`                                                                 |
| `thinking_delta`                         | `reasoning_content`                                                       |
| `input_json_delta`                       | a tool call's `arguments`; `content` for the JSON tool                    |
| `signature_delta`, `redacted_thinking`   | a whole element of `thinking_blocks`, when its block ends                 |
| `citations_delta`                        | `annotations`, when the text that they are about has ended                |
| `message_delta`                          | the chunk with `finish_reason`                                            |
| `message_stop`                           | the usage chunk, if the caller asked for it, and `[DONE]`                 |
| `error`, a broken event, an early end    | an error event and `[DONE]`; nothing follows                              |
| `ping`, unknown events, blocks or deltas | nothing                                                                   |
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from extproc.apischema import anthropic, openai
from extproc.apischema.anthropic import Citation, Content, Delta, RedactedThinkingBlock, ThinkingBlock, Usage
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import ChunkWriter, FunctionCall, ToolCall
from extproc.translator.openai_to_anthropic_response import (
    JSON_TOOL,
    annotation,
    finish_reason,
    input_text,
    refusal,
    upstream_error,
)
from extproc.wire import sse

_ENDED_EARLY = "The provider ended the stream before the answer was complete."


@dataclass(slots=True)
class _Block:
    """A content block under way. `text_start` is how much text came before it, `call` a tool call's place."""

    content: Content
    text_start: int = 0
    call: int = 0
    has_input: bool = False
    signature: str = ""
    thinking: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)


class StreamedResponse:
    """A streamed answer. Chunks leave with the event that completes them; nothing is held back."""

    def __init__(self, call: Call, *, json_tool: bool) -> None:
        self.outcome = Outcome()
        self._call = call
        self._json_tool = json_tool
        self._events = sse.Decoder()
        self._write = self._writer("", call.model)
        self._usage: Usage | None = None
        self._blocks: dict[int, _Block] = {}
        self._text_length = 0
        self._tool_calls = 0
        self._started = self._ended = False

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
                out.append(self._on_event(event))
            except MALFORMED:
                out.append(self._fail(UpstreamError(unreadable)))
            if self._ended:
                break
        return b"".join(out)

    def _on_event(self, event: sse.Event) -> bytes:
        row = _EVENTS.get(event.event or _EVENT_TYPE(event.data).type)
        if row is None:
            return b""
        decode, method = row
        return method(self, decode(event.data))

    def _on_message_start(self, event: anthropic.MessageStart) -> bytes:
        if self._started:
            return b""
        self._started = True
        message = event.message
        self.outcome.response_id, self.outcome.response_model = message.id, message.model
        self._count(message.usage)
        self._write = self._writer(message.id, message.model)
        return self._write.start()

    def _on_block_start(self, event: anthropic.ContentBlockStart) -> bytes:
        content = event.content_block
        block = self._blocks[event.index] = _Block(content, text_start=self._text_length)
        if content.type == "tool_use" and not self._is_json_tool(content):
            block.call = self._tool_calls
            self._tool_calls += 1
            return self._write.tool_call(block.call, ToolCall(content.id, FunctionCall(content.name, "")))
        return self._text(content.text) if content.type == "text" else b""

    def _on_block_delta(self, event: anthropic.ContentBlockDelta) -> bytes:
        block = self._blocks.get(event.index)
        method = _DELTAS.get(event.delta.type)
        if block is None or method is None:
            return b""
        return method(self, block, event.delta)

    def _on_block_stop(self, event: anthropic.ContentBlockStop) -> bytes:
        block = self._blocks.pop(event.index, None)
        method = _STOPS.get(block.content.type) if block is not None else None
        return method(self, block) if method is not None and block is not None else b""

    def _on_message_delta(self, event: anthropic.MessageDelta) -> bytes:
        self._count(event.usage)
        if event.delta.stop_reason is None or self.outcome.finish_reasons:
            return b""
        return self._refusal(event.delta) + self._finish(event.delta.stop_reason)

    def _on_message_stop(self, _: anthropic.MessageStop) -> bytes:
        end = b"" if self.outcome.finish_reasons else self._finish(None)
        if self._call.wants_usage and self.outcome.usage is not None:
            end += self._write.usage(self.outcome.usage)
        self.outcome.complete = self._ended = True
        return end + openai.DONE

    def _on_error(self, event: anthropic.ErrorBody) -> bytes:
        return self._fail(upstream_error(event.error, 502, "The provider failed."))

    def _on_text(self, _: _Block, delta: Delta) -> bytes:
        return self._text(delta.text)

    def _on_thinking(self, block: _Block, delta: Delta) -> bytes:
        if not delta.thinking:
            return b""
        block.thinking.append(delta.thinking)
        self._produced(delta.thinking)
        return self._write.reasoning(delta.thinking)

    def _on_signature(self, block: _Block, delta: Delta) -> bytes:
        block.signature += delta.signature
        return b""

    def _on_citation(self, block: _Block, delta: Delta) -> bytes:
        if delta.citation is not None:
            block.citations.append(delta.citation)
        return b""

    def _on_input(self, block: _Block, delta: Delta) -> bytes:
        if block.content.type != "tool_use" or not delta.partial_json:
            return b""
        block.has_input = True
        return self._input(block, delta.partial_json)

    def _end_text(self, block: _Block) -> bytes:
        found = (annotation(citation, block.text_start, self._text_length) for citation in block.citations)
        annotations = [each for each in found if each is not None]
        return self._write.annotations(annotations) if annotations else b""

    def _end_thinking(self, block: _Block) -> bytes:
        if not block.signature:
            return b""
        return self._write.thinking_block(ThinkingBlock("".join(block.thinking), block.signature))

    def _end_redacted(self, block: _Block) -> bytes:
        return self._write.thinking_block(RedactedThinkingBlock(block.content.data))

    def _end_tool_use(self, block: _Block) -> bytes:
        """A tool without parameters gets no input deltas, and servers exist that put the whole input at the start."""
        return b"" if block.has_input else self._input(block, input_text(block.content))

    def _input(self, block: _Block, text: str) -> bytes:
        if self._is_json_tool(block.content):
            return self._text(text)
        self._produced(text)
        return self._write.arguments(block.call, text)

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        self._text_length += len(text)
        self._produced(text)
        return self._write.text(text)

    def _refusal(self, stop: anthropic.Stop) -> bytes:
        text = refusal(stop.stop_details)
        return self._write.refusal(text) if text else b""

    def _finish(self, stop_reason: str | None) -> bytes:
        reason = finish_reason(stop_reason, tool_calls=self._tool_calls)
        self.outcome.finish_reasons.append(reason)
        return self._write.finish(reason)

    def _fail(self, error: UpstreamError) -> bytes:
        self._ended = True
        self.outcome.error = error.type
        return openai.error_event(error)

    def _count(self, usage: Usage | None) -> None:
        """Numbers are cumulative; a stream that is cut has at least those of its beginning."""
        if usage is None:
            return
        self._usage = usage if self._usage is None else self._usage.updated(usage)
        self.outcome.usage = self._usage.total()

    def _produced(self, text: str) -> None:
        self.outcome.text.append(text)
        self.outcome.chunks += 1

    def _is_json_tool(self, content: Content) -> bool:
        return self._json_tool and content.name == JSON_TOOL

    def _writer(self, id: str, model: str) -> ChunkWriter:
        return ChunkWriter(id=id, created=self._call.created, model=model, wants_usage=self._call.wants_usage)


_EVENT_TYPE = msgspec.json.Decoder(anthropic.EventType).decode
_Row = tuple[Callable[[bytes], Any], Callable[[StreamedResponse, Any], bytes]]
_EVENTS: dict[str, _Row] = {
    "message_start": (msgspec.json.Decoder(anthropic.MessageStart).decode, StreamedResponse._on_message_start),
    "content_block_start": (msgspec.json.Decoder(anthropic.ContentBlockStart).decode, StreamedResponse._on_block_start),
    "content_block_delta": (msgspec.json.Decoder(anthropic.ContentBlockDelta).decode, StreamedResponse._on_block_delta),
    "content_block_stop": (msgspec.json.Decoder(anthropic.ContentBlockStop).decode, StreamedResponse._on_block_stop),
    "message_delta": (msgspec.json.Decoder(anthropic.MessageDelta).decode, StreamedResponse._on_message_delta),
    "message_stop": (msgspec.json.Decoder(anthropic.MessageStop).decode, StreamedResponse._on_message_stop),
    "error": (msgspec.json.Decoder(anthropic.ErrorBody).decode, StreamedResponse._on_error),
}
_DELTAS: dict[str, Callable[[StreamedResponse, _Block, Delta], bytes]] = {
    "text_delta": StreamedResponse._on_text,
    "thinking_delta": StreamedResponse._on_thinking,
    "signature_delta": StreamedResponse._on_signature,
    "citations_delta": StreamedResponse._on_citation,
    "input_json_delta": StreamedResponse._on_input,
}
_STOPS: dict[str, Callable[[StreamedResponse, _Block], bytes]] = {
    "text": StreamedResponse._end_text,
    "thinking": StreamedResponse._end_thinking,
    "redacted_thinking": StreamedResponse._end_redacted,
    "tool_use": StreamedResponse._end_tool_use,
}
