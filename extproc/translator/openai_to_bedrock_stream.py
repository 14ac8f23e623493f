"""A Converse stream as OpenAI chat chunks.

References: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html,
https://platform.openai.com/docs/api-reference/chat/streaming (both seen 2026-11-21).

| Converse                                     | OpenAI                                                                |
|----------------------------------------------|-----------------------------------------------------------------------|
| `messageStart`                               | the chunk with the role                                               |
| `contentBlockStart` with `toolUse`           | a tool call's id and name                                             |
| `contentBlockDelta` with `text`              | `content`                                                             |
| … `toolUse`                                  | a tool call's `arguments`; `content` for the JSON tool                |
| … `reasoningContent`: `text`                 | `reasoning_content`                                                   |
| … `signature`, `redactedContent`             | a whole element of `thinking_blocks`, when its block ends             |
| … `citation`                                 | `annotations`, when the text that they are about has ended            |
| `messageStop`                                | the chunk with `finish_reason`                                        |
| `metadata`                                   | the usage chunk, if the caller asked for it, and `[DONE]`             |
| an exception, a broken event, an early end   | an error event and `[DONE]`; nothing follows                          |
| unknown events, blocks or deltas             | nothing                                                               |

A block without a `contentBlockStart`, as text and reasoning are, begins with its first delta. An answer is complete
with `messageStop`: a stream that ends there lacks only its usage.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from extproc.apischema import bedrock, openai
from extproc.apischema.anthropic import ThinkingBlock
from extproc.apischema.bedrock import Citation, GivenToolUse
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import ChunkWriter, FunctionCall, ToolCall
from extproc.translator.openai_to_bedrock_response import (
    JSON_TOOL,
    annotations,
    exception,
    finish_reason,
    input_text,
    redacted,
    response_id,
    response_model,
)
from extproc.wire.aws_event_stream import Decoder, EventStreamError, Message

_UNREADABLE = "The provider sent an event that cannot be read."
_ENDED_EARLY = "The provider ended the stream before the answer was complete."


@dataclass(slots=True)
class _Block:
    """A content block under way. `text_start` is how much text came before it, `call` a tool call's place."""

    text_start: int = 0
    tool: GivenToolUse | None = None
    call: int = 0
    has_input: bool = False
    signature: str = ""
    redacted: bytes = b""
    thinking: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)


class StreamedResponse:
    """A streamed answer. Chunks leave with the event that completes them; nothing is held back."""

    def __init__(self, call: Call, *, json_tool: bool) -> None:
        self.outcome = Outcome()
        self._call = call
        self._json_tool = json_tool
        self._events = Decoder()
        self._write = ChunkWriter(
            id=response_id(call), created=call.created, model=call.model, wants_usage=call.wants_usage
        )
        self._blocks: dict[int, _Block] = {}
        self._text_length = 0
        self._tool_calls = 0
        self._started = self._metered = self._ended = False

    def feed(self, data: bytes) -> bytes:
        return b"" if self._ended else self._translate(self._events.feed(data))

    def finish(self) -> bytes:
        if self._ended:
            return b""
        return self._end() if self.outcome.complete else self._fail(UpstreamError(_ENDED_EARLY))

    def _translate(self, events: Iterator[Message]) -> bytes:
        out = []
        try:
            for event in events:
                out.append(self._on_event(event))
                if self._ended:
                    break
        except (EventStreamError, *MALFORMED):
            out.append(self._fail(UpstreamError(_UNREADABLE)))
        return b"".join(out)

    def _on_event(self, event: Message) -> bytes:
        row = _EVENTS.get(event.text(":event-type"))
        if row is not None:
            decode, method = row
            return method(self, decode(event.payload))
        kind = event.text(":message-type")
        if kind in ("exception", "error"):
            return self._fail(exception(event.text(":exception-type") or event.text(":error-code"), event.payload))
        return b""

    def _on_message_start(self, _: bedrock.MessageStart) -> bytes:
        if self._started:
            return b""
        self._started = True
        return self._write.start()

    def _on_block_start(self, event: bedrock.ContentBlockStart) -> bytes:
        tool = event.start.tool_use
        block = self._blocks[event.content_block_index] = _Block(self._text_length, tool)
        if tool is None or not tool.is_callers or self._is_json_tool(tool):
            return b""
        block.call = self._tool_calls
        self._tool_calls += 1
        return self._write.tool_call(block.call, ToolCall(tool.tool_use_id, FunctionCall(tool.name, "")))

    def _on_block_delta(self, event: bedrock.ContentBlockDelta) -> bytes:
        delta = event.delta
        block = self._blocks.get(event.content_block_index)
        if block is None:
            block = self._blocks[event.content_block_index] = _Block(self._text_length)
        if delta.text is not None:
            return self._text(delta.text)
        if delta.tool_use is not None:
            return self._on_input(block, delta.tool_use.input)
        if delta.reasoning_content is not None:
            return self._on_reasoning(block, delta.reasoning_content)
        if delta.citation is not None:
            block.citations.append(delta.citation)
        return b""

    def _on_block_stop(self, event: bedrock.ContentBlockStop) -> bytes:
        block = self._blocks.pop(event.content_block_index, None)
        if block is None:
            return b""
        return self._end_tool_use(block) + self._end_reasoning(block) + self._end_citations(block)

    def _on_message_stop(self, event: bedrock.MessageStop) -> bytes:
        if self.outcome.complete:
            return b""
        reason = finish_reason(event.stop_reason, tool_calls=self._tool_calls)
        self.outcome.finish_reasons.append(reason)
        self.outcome.complete = True
        return self._write.finish(reason) + (self._end() if self._metered else b"")

    def _on_metadata(self, event: bedrock.Metadata) -> bytes:
        self._metered = True
        self.outcome.response_model = response_model(event.trace)
        if event.usage is not None:
            self.outcome.usage = event.usage.total()
        return self._end() if self.outcome.complete else b""

    def _on_input(self, block: _Block, text: str) -> bytes:
        if block.tool is None or not text:
            return b""
        block.has_input = True
        return self._input(block, block.tool, text)

    def _on_reasoning(self, block: _Block, delta: bedrock.ReasoningDelta) -> bytes:
        block.signature += delta.signature
        block.redacted += delta.redacted_content
        if not delta.text:
            return b""
        block.thinking.append(delta.text)
        self._produced(delta.text)
        return self._write.reasoning(delta.text)

    def _end_tool_use(self, block: _Block) -> bytes:
        """A tool without parameters gets no input deltas."""
        if block.tool is None or block.has_input:
            return b""
        return self._input(block, block.tool, input_text(block.tool))

    def _end_reasoning(self, block: _Block) -> bytes:
        out = b""
        if block.signature:
            out += self._write.thinking_block(ThinkingBlock("".join(block.thinking), block.signature))
        if block.redacted:
            out += self._write.thinking_block(redacted(block.redacted))
        return out

    def _end_citations(self, block: _Block) -> bytes:
        found = annotations(block.citations, block.text_start, self._text_length)
        return self._write.annotations(found) if found else b""

    def _end(self) -> bytes:
        self._ended = True
        usage = self.outcome.usage
        last = self._write.usage(usage) if self._call.wants_usage and usage is not None else b""
        return last + openai.DONE

    def _fail(self, error: UpstreamError) -> bytes:
        self._ended = True
        self.outcome.complete = False
        self.outcome.error = error.type
        return openai.error_event(error)

    def _input(self, block: _Block, tool: GivenToolUse, text: str) -> bytes:
        if self._is_json_tool(tool):
            return self._text(text)
        if not tool.is_callers:
            return b""
        self._produced(text)
        return self._write.arguments(block.call, text)

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        self._text_length += len(text)
        self._produced(text)
        return self._write.text(text)

    def _produced(self, text: str) -> None:
        self.outcome.text.append(text)
        self.outcome.chunks += 1

    def _is_json_tool(self, tool: GivenToolUse) -> bool:
        return self._json_tool and tool.name == JSON_TOOL


_Row = tuple[Callable[[bytes], Any], Callable[[StreamedResponse, Any], bytes]]
_EVENTS: dict[str, _Row] = {
    "messageStart": (msgspec.json.Decoder(bedrock.MessageStart).decode, StreamedResponse._on_message_start),
    "contentBlockStart": (msgspec.json.Decoder(bedrock.ContentBlockStart).decode, StreamedResponse._on_block_start),
    "contentBlockDelta": (msgspec.json.Decoder(bedrock.ContentBlockDelta).decode, StreamedResponse._on_block_delta),
    "contentBlockStop": (msgspec.json.Decoder(bedrock.ContentBlockStop).decode, StreamedResponse._on_block_stop),
    "messageStop": (msgspec.json.Decoder(bedrock.MessageStop).decode, StreamedResponse._on_message_stop),
    "metadata": (msgspec.json.Decoder(bedrock.Metadata).decode, StreamedResponse._on_metadata),
}
