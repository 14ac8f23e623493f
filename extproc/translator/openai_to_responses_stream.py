"""A Responses stream as OpenAI chat chunks.

References: https://platform.openai.com/docs/api-reference/responses-streaming,
https://platform.openai.com/docs/api-reference/chat/streaming (read in the SDKs' types and in excerpts, 2026-11-21).

| Responses                                                         | chat                                             |
|-------------------------------------------------------------------|--------------------------------------------------|
| `response.created`                                                | the chunk with the role                          |
| `response.output_text.delta`                                      | `content`                                        |
| `response.refusal.delta`                                          | `refusal`                                        |
| `response.reasoning_summary_text.delta`, `….reasoning_text.delta` | `reasoning_content`                              |
| `response.output_item.added` of a `function_call`                 | a tool call's id and name                        |
| `response.function_call_arguments.delta`                          | a tool call's `arguments`                        |
| `response.output_item.done` of encrypted `reasoning`              | an element of `thinking_blocks`                  |
| `response.output_text.annotation.added`                           | `annotations`, for web addresses                 |
| `response.completed`, `response.incomplete`                       | `finish_reason`, the usage chunk, `[DONE]`       |
| `response.failed`, `error`, a broken event, an early end          | an error event and `[DONE]`; nothing follows     |
| anything else: repetitions of the above, OpenAI's own tools       | nothing                                          |
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from extproc.apischema import openai
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.responses_backend import (
    AnnotationEvent,
    ArgumentsDone,
    DeltaEvent,
    ErrorEvent,
    EventType,
    ItemEvent,
    PartEvent,
    ResponseEvent,
)
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import ChunkWriter, FunctionCall, ToolCall
from extproc.translator.openai_to_responses_reasoning import signed
from extproc.translator.openai_to_responses_response import annotation, failed, finish_reason
from extproc.wire import sse

_ENDED_EARLY = "The provider ended the stream before the answer was complete."
_BETWEEN_PARTS = "\n\n"


@dataclass(slots=True)
class _Called:
    """A function call under way: its place among the message's calls."""

    place: int
    has_arguments: bool = False


class StreamedResponse:
    """A streamed answer. Chunks leave with the event that completes them; nothing is held back."""

    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._events = sse.Decoder()
        self._write = self._writer("", call.model)
        self._calls: dict[int, _Called] = {}  # by the item's index
        self._part_starts: dict[tuple[int, int], int] = {}  # where a part begins in the text
        self._text_length = 0
        self._has_reasoning = False
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
            except UpstreamError as error:
                out.append(self._fail(error))
            if self._ended:
                break
        return b"".join(out)

    def _on_event(self, event: sse.Event) -> bytes:
        row = _EVENTS.get(event.event or _type(event.data))
        if row is None:
            return b""
        decode, method = row
        return method(self, decode(event.data))

    def _on_created(self, event: ResponseEvent) -> bytes:
        if self._started:
            return b""
        self._started = True
        response = event.response
        self.outcome.response_id, self.outcome.response_model = response.id, response.model
        self._write = self._writer(response.id, response.model or self._call.model)
        return self._write.start()

    def _on_item(self, event: ItemEvent) -> bytes:
        item = event.item
        if item.type != "function_call" or event.output_index in self._calls:
            return b""
        called = self._calls[event.output_index] = _Called(len(self._calls))
        opening = self._write.tool_call(called.place, ToolCall(item.call_id, FunctionCall(item.name, "")))
        return opening + self._arguments(called, item.arguments)

    def _on_item_done(self, event: ItemEvent) -> bytes:
        """What came of an item as a whole, where it did not come in pieces."""
        if event.item.type == "reasoning":
            block = signed(event.item)
            return self._write.thinking_block(block) if block is not None else b""
        opening = self._on_item(event)
        return opening or self._rest(event.output_index, event.item.arguments)

    def _on_part(self, event: PartEvent) -> bytes:
        self._part_starts[event.output_index, event.content_index] = self._text_length
        return b""

    def _on_text(self, event: DeltaEvent) -> bytes:
        if not event.delta:
            return b""
        self._text_length += len(event.delta)
        self._produced(event.delta)
        return self._write.text(event.delta)

    def _on_refusal(self, event: DeltaEvent) -> bytes:
        self._produced(event.delta)
        return self._write.refusal(event.delta)

    def _on_summary_part(self, _: PartEvent) -> bytes:
        return self._reasoning(_BETWEEN_PARTS) if self._has_reasoning else b""

    def _on_reasoning(self, event: DeltaEvent) -> bytes:
        self._has_reasoning = True
        return self._reasoning(event.delta)

    def _on_arguments(self, event: DeltaEvent) -> bytes:
        called = self._calls.get(event.output_index)
        return self._arguments(called, event.delta) if called is not None else b""

    def _on_arguments_done(self, event: ArgumentsDone) -> bytes:
        return self._rest(event.output_index, event.arguments)

    def _on_annotation(self, event: AnnotationEvent) -> bytes:
        start = self._part_starts.get((event.output_index, event.content_index), 0)
        found = annotation(event.annotation, start)
        return self._write.annotations([found]) if found is not None else b""

    def _on_end(self, event: ResponseEvent) -> bytes:
        response = event.response
        if response.usage is not None:
            self.outcome.usage = response.usage.to_token_usage()
        start = self._on_created(event)
        reason = finish_reason(response, tool_calls=len(self._calls))
        self.outcome.finish_reasons.append(reason)
        end = start + self._write.finish(reason)
        if self._call.wants_usage and self.outcome.usage is not None:
            end += self._write.usage(self.outcome.usage)
        self.outcome.complete = self._ended = True
        return end + openai.DONE

    def _on_failed(self, event: ResponseEvent) -> bytes:
        if event.response.usage is not None:
            self.outcome.usage = event.response.usage.to_token_usage()
        return self._fail(failed(event.response.error))

    def _on_error(self, event: ErrorEvent) -> bytes:
        return self._fail(failed(event.detail))

    def _rest(self, output_index: int, arguments: str) -> bytes:
        called = self._calls.get(output_index)
        return b"" if called is None or called.has_arguments else self._arguments(called, arguments)

    def _arguments(self, called: _Called, text: str) -> bytes:
        if not text:
            return b""
        called.has_arguments = True
        self._produced(text)
        return self._write.arguments(called.place, text)

    def _reasoning(self, text: str) -> bytes:
        if not text:
            return b""
        self._produced(text)
        return self._write.reasoning(text)

    def _fail(self, error: UpstreamError) -> bytes:
        self._ended = True
        self.outcome.error = error.type
        return openai.error_event(error)

    def _produced(self, text: str) -> None:
        self.outcome.text.append(text)
        self.outcome.chunks += 1

    def _writer(self, id: str, model: str) -> ChunkWriter:
        return ChunkWriter(id=id, created=self._call.created, model=model, wants_usage=self._call.wants_usage)


def _type(data: bytes) -> str:
    """The type of an event without a name: `[DONE]`, which some servers send, has none; an error may have none."""
    if data == b"[DONE]":
        return ""
    found = _EVENT_TYPE(data)
    return found.type or ("error" if found.error is not None else "")


_EVENT_TYPE = msgspec.json.Decoder(EventType).decode
_response = msgspec.json.Decoder(ResponseEvent).decode
_item = msgspec.json.Decoder(ItemEvent).decode
_part = msgspec.json.Decoder(PartEvent).decode
_delta = msgspec.json.Decoder(DeltaEvent).decode
_Row = tuple[Callable[[bytes], Any], Callable[[StreamedResponse, Any], bytes]]
_EVENTS: dict[str, _Row] = {
    "response.created": (_response, StreamedResponse._on_created),
    "response.in_progress": (_response, StreamedResponse._on_created),
    "response.output_item.added": (_item, StreamedResponse._on_item),
    "response.output_item.done": (_item, StreamedResponse._on_item_done),
    "response.content_part.added": (_part, StreamedResponse._on_part),
    "response.output_text.delta": (_delta, StreamedResponse._on_text),
    "response.refusal.delta": (_delta, StreamedResponse._on_refusal),
    "response.reasoning_summary_part.added": (_part, StreamedResponse._on_summary_part),
    "response.reasoning_summary_text.delta": (_delta, StreamedResponse._on_reasoning),
    "response.reasoning_text.delta": (_delta, StreamedResponse._on_reasoning),
    "response.function_call_arguments.delta": (_delta, StreamedResponse._on_arguments),
    "response.function_call_arguments.done": (
        msgspec.json.Decoder(ArgumentsDone).decode,
        StreamedResponse._on_arguments_done,
    ),
    "response.output_text.annotation.added": (
        msgspec.json.Decoder(AnnotationEvent).decode,
        StreamedResponse._on_annotation,
    ),
    "response.completed": (_response, StreamedResponse._on_end),
    "response.incomplete": (_response, StreamedResponse._on_end),
    "response.failed": (_response, StreamedResponse._on_failed),
    "response.cancelled": (_response, StreamedResponse._on_failed),
    "error": (msgspec.json.Decoder(ErrorEvent).decode, StreamedResponse._on_error),
}
