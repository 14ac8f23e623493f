"""A Gemini stream as OpenAI chat chunks.

References: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent,
https://platform.openai.com/docs/api-reference/chat/streaming (both seen 2026-11-21).

Every event is a `GenerateContentResponse` with what is new. There is no event of the end: an answer with a
`finishReason` is complete when the body ends, and only numbers may follow.

| Gemini                                      | OpenAI                                                                 |
|---------------------------------------------|------------------------------------------------------------------------|
| the first event                             | the chunk with the role                                                |
| a text part                                 | `content`, with the event's `logprobs`                                 |
| a part that is a `thought`                  | `reasoning_content`                                                    |
| `functionCall`                              | a tool call with all its arguments; `content` for the JSON tool        |
| `thoughtSignature`                          | an element of `thinking_blocks`, and a tool call's `extra_content`     |
| `groundingMetadata`, `citationMetadata`     | `annotations`, before the end                                          |
| `finishReason`, `promptFeedback`            | the chunk with `finish_reason`                                         |
| the end of the body                         | the usage chunk, if the caller asked for it, and `[DONE]`              |
| an error, a broken event, an early end      | an error event and `[DONE]`; nothing follows                           |
| other parts, more than one candidate        | nothing (a stream is never asked for alternatives)                     |
"""

import msgspec

from extproc.apischema import openai
from extproc.apischema.gemini import (
    AnswerPart,
    CalledFunction,
    Candidate,
    Citation,
    ErrorDetail,
    GenerateContentResponse,
    GroundingMetadata,
    LogprobsResult,
    PromptFeedback,
)
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import ChunkWriter, FinishReason
from extproc.translator.openai_to_gemini_citations import annotations
from extproc.translator.openai_to_gemini_response import (
    JSON_TOOL,
    arguments,
    blocked,
    finish_reason,
    logprobs,
    read_error,
    response_id,
    thinking_block,
    tool_call,
    tool_call_id,
    upstream_error,
)
from extproc.wire import sse

_ENDED_EARLY = "The provider ended the stream before the answer was complete."
_UNREADABLE = "The provider sent an event that cannot be read."
_MOST_ERROR_BYTES = 16384
_decode = msgspec.json.Decoder(GenerateContentResponse).decode


class StreamedResponse:
    """A streamed answer. Chunks leave with the event that completes them; nothing is held back."""

    def __init__(self, call: Call, *, json_tool: bool) -> None:
        self.outcome = Outcome()
        self._call = call
        self._json_tool = json_tool
        self._events = sse.Decoder()
        self._tail = b""  # the last bytes, where an error may stand that is no event
        self._document = GenerateContentResponse()
        self._write: ChunkWriter | None = None
        self._text: list[str] = []
        self._thoughts: list[str] = []  # since the last signature or text
        self._grounding: GroundingMetadata | None = None
        self._citations: list[Citation] = []
        self._tool_calls = 0
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        if self._ended:
            return b""
        self._tail = (self._tail + data)[-_MOST_ERROR_BYTES:]
        try:
            events = self._events.feed(data)
        except sse.SSEError:
            return self._fail(UpstreamError("The provider sent an event that is too large."))
        return self._translate(events, unreadable=_UNREADABLE)

    def finish(self) -> bytes:
        if self._ended:
            return b""
        rest = self._translate(self._events.finish(), unreadable=_ENDED_EARLY)
        if self._ended:
            return rest
        self._ended = True
        if not self.outcome.complete:
            return rest + self._fail(self._early_end())
        if self._write is not None and self._call.wants_usage and self.outcome.usage is not None:
            rest += self._write.usage(self.outcome.usage)
        return rest + openai.DONE

    def _translate(self, events: list[sse.Event], unreadable: str) -> bytes:
        out: list[bytes] = []
        for event in events:
            try:
                self._on_event(_decode(event.data), out)
            except MALFORMED:
                out.append(self._fail(UpstreamError(unreadable)))
            except UpstreamError as error:
                out.append(self._fail(error))
            if self._ended:
                break
        return b"".join(out)

    def _on_event(self, document: GenerateContentResponse, out: list[bytes]) -> None:
        if document.error is not None:
            raise upstream_error(document.error, 502, "The provider failed.")
        if document.usage_metadata is not None:
            self.outcome.usage = document.usage_metadata.total()
        if self.outcome.complete or not (document.candidates or document.prompt_feedback):
            return
        write = self._write or self._start(document, out)
        self._document = document
        for candidate in document.candidates or ():
            if not candidate.index:
                self._on_candidate(candidate, write, out)
        if document.prompt_feedback is not None and not document.candidates:
            self._on_feedback(document.prompt_feedback, write, out)

    def _start(self, document: GenerateContentResponse, out: list[bytes]) -> ChunkWriter:
        call, outcome = self._call, self.outcome
        outcome.response_id, outcome.response_model = document.response_id or "", document.model_version or ""
        self._write = ChunkWriter(
            id=response_id(document, call),
            created=call.created,
            model=document.model_version or call.model,
            wants_usage=call.wants_usage,
        )
        out.append(self._write.start())
        return self._write

    def _on_candidate(self, candidate: Candidate, write: ChunkWriter, out: list[bytes]) -> None:
        result = candidate.logprobs_result
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                self._on_part(part, result, write, out)
                result = None
        self._grounding = candidate.grounding_metadata or self._grounding
        if candidate.citation_metadata is not None:
            self._citations += candidate.citation_metadata.all
        if candidate.finish_reason is not None:
            reason = finish_reason(candidate.finish_reason, tool_calls=self._tool_calls)
            self._on_finish(reason, candidate.finish_message, write, out)

    def _on_part(self, part: AnswerPart, result: LogprobsResult | None, write: ChunkWriter, out: list[bytes]) -> None:
        if part.thought and part.text:
            self._thoughts.append(part.text)
            self._produced(part.text)
            out.append(write.reasoning(part.text))
        if part.thought_signature:
            out.append(write.thinking_block(thinking_block("".join(self._thoughts), part.thought_signature)))
            self._thoughts.clear()
        if part.function_call is not None:
            self._on_call(part.function_call, part.thought_signature, write, out)
        elif part.text and not part.thought:
            self._on_text(part.text, result, write, out)

    def _on_text(self, text: str, result: LogprobsResult | None, write: ChunkWriter, out: list[bytes]) -> None:
        self._text.append(text)
        self._thoughts.clear()  # a signature that comes after the text is not repeated with the thoughts before it
        self._produced(text)
        likely = logprobs(result)
        out.append(write.text(text) if likely is None else write.text_with_logprobs(text, likely))

    def _on_call(self, called: CalledFunction, signature: str | None, write: ChunkWriter, out: list[bytes]) -> None:
        if self._json_tool and called.name == JSON_TOOL:
            self._on_text(arguments(called), None, write, out)
            return
        default_id = tool_call_id(self._document, self._call, self._tool_calls)
        call = tool_call(called, signature, default_id)
        self._produced(call.function.arguments)
        out.append(write.tool_call(self._tool_calls, call))
        self._tool_calls += 1

    def _on_feedback(self, feedback: PromptFeedback, write: ChunkWriter, out: list[bytes]) -> None:
        if blocked(feedback):
            self._on_finish("content_filter", feedback.block_reason_message, write, out)

    def _on_finish(self, reason: FinishReason, message: str | None, write: ChunkWriter, out: list[bytes]) -> None:
        found = annotations("".join(self._text), self._grounding, self._citations, [])
        if found:
            out.append(write.annotations(found))
        if message and reason == "content_filter":
            out.append(write.refusal(message))
        self.outcome.finish_reasons.append(reason)
        self.outcome.complete = True
        out.append(write.finish(reason))

    def _early_end(self) -> UpstreamError:
        """Google's errors may come as a bare JSON document in place of an event."""
        last = self._tail.replace(b"\r\n", b"\n").rpartition(b"\n\n")[2]
        detail = read_error(last) or read_error(self._tail)
        return upstream_error(detail or ErrorDetail(), 502, _ENDED_EARLY)

    def _fail(self, error: UpstreamError) -> bytes:
        """Ends the stream, unless the answer is whole: then what is broken comes too late to matter."""
        if self.outcome.complete:
            return b""
        self._ended = True
        self.outcome.error = error.type
        return openai.error_event(error)

    def _produced(self, text: str) -> None:
        self.outcome.text.append(text)
        self.outcome.chunks += 1
