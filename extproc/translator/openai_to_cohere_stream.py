"""A Cohere stream as OpenAI chat chunks.

References: https://docs.cohere.com/v2/docs/streaming, https://docs.cohere.com/v2/docs/tool-use-streaming,
https://platform.openai.com/docs/api-reference/chat/streaming (read in the SDKs' types and in excerpts, 2026-11-21).

| Cohere                                                  | OpenAI                                                     |
|---------------------------------------------------------|------------------------------------------------------------|
| `message-start`                                         | the chunk with the role                                    |
| `content-start`, `content-delta`                        | `content`, or `reasoning_content` for thinking             |
| `tool-plan-delta`                                       | `content`; `reasoning_content` where that has to be JSON   |
| `tool-call-start`                                       | a tool call's id and name                                  |
| `tool-call-delta`                                       | a tool call's `arguments`; `content` for the JSON tool     |
| `citation-start`                                        | `annotations`, for sources with an address                 |
| `message-end`                                           | the chunk with `finish_reason`, the usage chunk, `[DONE]`  |
| an error, a broken event, an early end                  | an error event and `[DONE]`; nothing follows               |
| `content-end`, `tool-call-end`, `citation-end`, unknown | nothing                                                    |
"""

from collections.abc import Callable
from typing import Any

import msgspec

from extproc.apischema import cohere, openai
from extproc.apischema.cohere import CallEvent, CitationEvent, ContentEvent, MessageEnd, MessageStart, PlanEvent
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import ChunkWriter, FunctionCall, ToolCall
from extproc.translator.openai_errors import upstream_error
from extproc.translator.openai_to_cohere_response import JSON_TOOL, annotations, failed, finish_reason
from extproc.wire import sse

_ENDED_EARLY = "The provider ended the stream before the answer was complete."
_DONE = b"[DONE]"  # ends the streams of some compatible servers
_JSON = -1  # the place of a call of the JSON tool, which the caller does not see


class StreamedResponse:
    """A streamed answer. Chunks leave with the event that completes them; nothing is held back."""

    def __init__(self, call: Call, *, json_tool: bool) -> None:
        self.outcome = Outcome()
        self._call = call
        self._json_tool = json_tool
        self._events = sse.Decoder()
        self._write = self._writer("")
        self._calls: dict[int, int] = {}  # Cohere's index of a call, to its place among those that the caller sees
        self._tool_calls = 0
        self._block_starts: dict[int, int] = {}  # a content block's index, to where it begins in the text
        self._text_length = 0
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
        row = _EVENTS.get(event.event or self._type(event.data))
        if row is None:
            return b""
        decode, method = row
        return method(self, decode(event.data))

    def _type(self, data: bytes) -> str:
        """The type of an event without a name; one that has a message instead is an error."""
        if data == _DONE:
            return ""
        found = _UNTYPED(data)
        return "error" if not found.type and found.message else found.type

    def _on_message_start(self, event: MessageStart) -> bytes:
        if self._started:
            return b""
        self._started = True
        self.outcome.response_id = event.id
        self._write = self._writer(event.id)
        return self._write.start()

    def _on_content_start(self, event: ContentEvent) -> bytes:
        self._block_starts[event.index] = self._text_length
        return self._on_content(event)

    def _on_content(self, event: ContentEvent) -> bytes:
        content = event.content
        if content.text:
            return self._text(content.text)
        return self._reasoning(content.thinking or "")

    def _on_plan(self, event: PlanEvent) -> bytes:
        """The plan opens the answer, unless the answer has to be JSON: then it is only shown as reasoning."""
        plan = event.delta.message.tool_plan
        return self._reasoning(plan) if self._json_tool else self._text(plan)

    def _on_call_start(self, event: CallEvent) -> bytes:
        call = event.delta.message.tool_calls
        function = call.function or cohere.CalledFunction()
        if self._json_tool and function.name == JSON_TOOL:
            self._calls[event.index] = _JSON
            return self._arguments(_JSON, function.arguments)
        place = self._calls[event.index] = self._tool_calls
        self._tool_calls += 1
        opening = self._write.tool_call(place, ToolCall(call.id, FunctionCall(function.name, "")))
        return opening + self._arguments(place, function.arguments)

    def _on_call_delta(self, event: CallEvent) -> bytes:
        function, place = event.delta.message.tool_calls.function, self._calls.get(event.index)
        if function is None or place is None:
            return b""
        return self._arguments(place, function.arguments)

    def _on_citation(self, event: CitationEvent) -> bytes:
        citation = event.delta.message.citations
        found = annotations(citation, self._block_starts.get(citation.content_index, 0))
        return self._write.annotations(found) if found else b""

    def _on_message_end(self, event: MessageEnd) -> bytes:
        delta = event.delta
        self.outcome.usage = delta.usage.total() if delta.usage is not None else None
        if delta.error:
            raise failed(delta.finish_reason or "", delta.error)
        reason = finish_reason(delta.finish_reason, tool_calls=self._tool_calls)
        self.outcome.finish_reasons.append(reason)
        end = self._write.finish(reason)
        if self._call.wants_usage and self.outcome.usage is not None:
            end += self._write.usage(self.outcome.usage)
        self.outcome.complete = self._ended = True
        return end + openai.DONE

    def _on_error(self, event: cohere.UntypedEvent) -> bytes:
        return self._fail(upstream_error(502, event.message or "The provider failed."))

    def _arguments(self, place: int, text: str) -> bytes:
        if place == _JSON:
            return self._text(text)
        if not text:
            return b""
        self._produced(text)
        return self._write.arguments(place, text)

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        self._text_length += len(text)
        self._produced(text)
        return self._write.text(text)

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

    def _writer(self, id: str) -> ChunkWriter:
        call = self._call
        return ChunkWriter(id=id, created=call.created, model=call.model, wants_usage=call.wants_usage)


_UNTYPED = msgspec.json.Decoder(cohere.UntypedEvent).decode
_CONTENT = msgspec.json.Decoder(ContentEvent).decode
_CALL = msgspec.json.Decoder(CallEvent).decode
_Row = tuple[Callable[[bytes], Any], Callable[[StreamedResponse, Any], bytes]]
_EVENTS: dict[str, _Row] = {
    "message-start": (msgspec.json.Decoder(MessageStart).decode, StreamedResponse._on_message_start),
    "content-start": (_CONTENT, StreamedResponse._on_content_start),
    "content-delta": (_CONTENT, StreamedResponse._on_content),
    "tool-plan-delta": (msgspec.json.Decoder(PlanEvent).decode, StreamedResponse._on_plan),
    "tool-call-start": (_CALL, StreamedResponse._on_call_start),
    "tool-call-delta": (_CALL, StreamedResponse._on_call_delta),
    "citation-start": (msgspec.json.Decoder(CitationEvent).decode, StreamedResponse._on_citation),
    "error": (_UNTYPED, StreamedResponse._on_error),
    "message-end": (msgspec.json.Decoder(MessageEnd).decode, StreamedResponse._on_message_end),
}
