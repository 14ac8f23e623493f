"""OpenAI chat chunks as an Anthropic stream.

References: https://platform.openai.com/docs/api-reference/chat/streaming,
https://platform.claude.com/docs/en/build-with-claude/streaming (both seen 2026-11-21).

| OpenAI                                   | Anthropic                                                              |
|------------------------------------------|------------------------------------------------------------------------|
| the first chunk with a choice            | `message_start`; its usage is what is known then, mostly nothing       |
| `reasoning_content`, `reasoning`         | a `thinking` block, `thinking_delta`                                   |
| an element of `thinking_blocks`          | `signature_delta` of the block whose text has come, or a whole block   |
| `content`                                | a `text` block, `text_delta`                                           |
| `annotations`                            | `citations_delta` of the text's block                                  |
| a tool call's id and name                | a `tool_use` block                                                     |
| a tool call's `arguments`                | `input_json_delta`                                                     |
| `refusal`                                | kept for `message_delta`                                               |
| `finish_reason`, the usage chunk         | kept for `message_delta`: usage comes after the reason                 |
| `[DONE]`                                 | `content_block_stop`, `message_delta` with all usage, `message_stop`   |
| an error, a broken chunk, an early end   | an `error` event; nothing follows                                      |
| other choices, empty deltas, other fields| nothing                                                                |
"""

from msgspec import Raw

from extproc.apischema import anthropic_errors
from extproc.apischema.anthropic import SignedBlock, ThinkingBlock
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat_answer import Annotation, Answer, Message, ToolCall, decode_answer
from extproc.apischema.openai_response import Usage
from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.translator import anthropic_events
from extproc.translator.anthropic_events import RedactedThinkingBlock, TextBlock, ToolUseBlock
from extproc.translator.base import Call, Outcome
from extproc.translator.messages_to_chat_blocks import BlockLine, OpenBlock
from extproc.translator.messages_to_chat_response import (
    bad_arguments,
    call_id,
    citation,
    signed_block,
    stop_reason,
)
from extproc.translator.openai_errors import error_inside
from extproc.wire import sse

_DONE = b"[DONE]"
_ENDED_EARLY = "The provider ended the stream before the answer was complete."


class StreamedResponse:
    """A streamed answer. Events leave with the chunk that they come of, unless another block is still open."""

    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._events = sse.Decoder()
        self._line = BlockLine()
        self._calls: dict[int, tuple[str | None, OpenBlock]] = {}
        self._called: list[OpenBlock] = []
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._finish_reason = ""
        self._usage: Usage | None = None
        self._id, self._model = "", call.model
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
                out.append(self._on_done() if event.data == _DONE else self._on_chunk(decode_answer(event.data)))
            except MALFORMED:
                out.append(self._fail(UpstreamError(unreadable)))
            if self._ended:
                break
        return b"".join(out)

    def _on_chunk(self, chunk: Answer) -> bytes:
        if chunk.error is not None:
            return self._fail(error_inside(chunk.error))
        if chunk.usage is not None:
            self._usage = chunk.usage
        choice = next((each for each in chunk.choices or () if each.index == 0), None)
        if not self._started:
            self._id, self._model = chunk.id or self._id, chunk.model or self._model
        if choice is None:
            return b""
        out = self._start()
        if choice.delta is not None:
            out += self._on_delta(choice.delta)
        self._finish_reason = self._finish_reason or choice.finish_reason or ""
        return out

    def _on_delta(self, delta: Message) -> bytes:
        out = b""
        if delta.reasoning_content or delta.reasoning:
            out += self._on_reasoning(delta.reasoning_content or delta.reasoning or "")
        if delta.thinking_blocks:
            signed = (signed_block(raw) for raw in delta.thinking_blocks)
            out += b"".join(self._on_signed(block) for block in signed if block is not None)
        if delta.content:
            out += self._on_text(delta.content)
        if delta.annotations:
            out += b"".join(map(self._on_annotation, delta.annotations))
        if delta.refusal:
            self._refusal.append(delta.refusal)
        if delta.tool_calls:
            out += b"".join(map(self._on_tool_call, delta.tool_calls))
        return out

    def _on_done(self) -> bytes:
        if self._finish_reason != "length" and any(block.is_cut for block in self._called):
            return self._fail(bad_arguments())
        start = self._start()
        refusal = "".join(self._refusal)
        reason = stop_reason(self._finish_reason, tool_calls=len(self._called), refused=bool(refusal))
        self._ended = True
        return (
            start
            + self._line.end()
            + anthropic_events.message_delta(reason, refusal, self._spent())
            + anthropic_events.MESSAGE_STOP
        )

    def _on_reasoning(self, text: str) -> bytes:
        block, out = self._last_or_new(anthropic_events.ThinkingBlock("", ""))
        block.pieces.append(text)
        return out + self._line.add(block, anthropic_events.thinking_delta(block.index, text))

    def _on_signed(self, signed: SignedBlock) -> bytes:
        if not isinstance(signed, ThinkingBlock):
            return self._line.begin(RedactedThinkingBlock(signed.data))[1]
        last, out = self._line.last, b""
        if last is None or not _is_signed_by(last, signed):
            last, out = self._line.begin(anthropic_events.ThinkingBlock("", ""))
            if signed.thinking:
                out += self._line.add(last, anthropic_events.thinking_delta(last.index, signed.thinking))
        last.signed = True
        return out + self._line.add(last, anthropic_events.signature_delta(last.index, signed.signature))

    def _on_text(self, text: str) -> bytes:
        block, out = self._last_or_new(TextBlock(""))
        self._text.append(text)
        return out + self._line.add(block, anthropic_events.text_delta(block.index, text))

    def _on_annotation(self, annotation: Annotation) -> bytes:
        cited = citation(annotation, "".join(self._text))
        if cited is None:
            return b""
        block, out = self._last_or_new(TextBlock(""))
        return out + self._line.add(block, anthropic_events.citation_delta(block.index, cited))

    def _on_tool_call(self, call: ToolCall) -> bytes:
        block, out = self._called_block(call)
        text = call.function.arguments if call.function is not None else None
        if not text:
            return out
        block.pieces.append(text)
        return out + self._line.add(block, anthropic_events.input_delta(block.index, text))

    def _called_block(self, call: ToolCall) -> tuple[OpenBlock, bytes]:
        """The block that a piece of a call belongs to. Some servers give all calls one index, but each its own id."""
        index = call.index or 0
        known = self._calls.get(index)
        if known is not None and (call.id is None or call.id == known[0]):
            return known[1], b""
        name = (call.function.name if call.function is not None else None) or ""
        content = ToolUseBlock(call_id(call, self._id, len(self._called)), name, Raw(b"{}"))
        block, out = self._line.begin(content)
        self._called.append(block)
        self._calls[index] = (call.id, block)
        return block, out

    def _last_or_new(self, new: TextBlock | anthropic_events.ThinkingBlock) -> tuple[OpenBlock, bytes]:
        last = self._line.last
        if last is not None and isinstance(last.block, type(new)) and not last.signed:
            return last, b""
        return self._line.begin(new)

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return anthropic_events.message_start(self._id, self._model, self._spent())

    def _spent(self) -> TokenUsage | None:
        return None if self._usage is None else self._usage.to_token_usage()

    def _fail(self, error: UpstreamError) -> bytes:
        self._ended = True
        return anthropic_errors.error_event(error)


def _is_signed_by(block: OpenBlock, signed: ThinkingBlock) -> bool:
    """Whether a signature is of the reasoning that has come already. Servers exist that do not repeat its text."""
    if not isinstance(block.block, anthropic_events.ThinkingBlock) or block.signed:
        return False
    return not signed.thinking or "".join(block.pieces) == signed.thinking
