"""Chat chunks as the events of a Responses stream.

References: https://platform.openai.com/docs/api-reference/chat/streaming,
https://platform.openai.com/docs/api-reference/responses-streaming (both seen 2026-11-21).

| chat                              | Responses                                                                  |
|-----------------------------------|----------------------------------------------------------------------------|
| the first chunk                   | `response.created`, `response.in_progress`                                 |
| `content`, its `logprobs`         | `response.output_text.delta` of a message                                  |
| `annotations`                     | `response.output_text.annotation.added`                                    |
| `refusal`                         | `response.refusal.delta`                                                   |
| `reasoning_content`               | `response.reasoning_summary_text.delta` of a reasoning item                |
| `thinking_blocks`                 | the item's `encrypted_content`, when it is done                            |
| `tool_calls`                      | `response.function_call_arguments.delta`, `….custom_tool_call_input.delta` |
| `finish_reason`                   | the `.done` events of all that is open                                     |
| the usage chunk                   | `usage` of the last event                                                  |
| `[DONE]`                          | `response.completed` or `response.incomplete`                              |
| an error, a broken or missing end | `error`, then `response.failed`; nothing follows                           |

Items, parts and texts are opened and closed by events of their own as they begin and end.
"""

from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat_answer import Answer, decode_answer
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.responses_to_chat_events import EventWriter
from extproc.translator.responses_to_chat_output import Output
from extproc.translator.responses_to_chat_response import Document, first_choice, token_logprobs, upstream_error
from extproc.wire import sse

_DONE = b"[DONE]"
_ENDED_EARLY = "The provider ended the stream before the answer was complete."


class StreamedResponse:
    """A streamed answer. Events leave with the chunk that causes them; nothing is held back."""

    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._chunks = sse.Decoder()
        self._events = EventWriter()
        self._started = self._ended = False
        # Made with the first chunk, because ids are made of the chat answer's.
        self._document: Document
        self._output: Output

    def feed(self, data: bytes) -> bytes:
        if self._ended:
            return b""
        try:
            chunks = self._chunks.feed(data)
        except sse.SSEError:
            return self._fail(UpstreamError("The provider sent an event that is too large."))
        return self._translate(chunks, unreadable="The provider sent an event that cannot be read.")

    def finish(self) -> bytes:
        if self._ended:
            return b""
        rest = self._translate(self._chunks.finish(), unreadable=_ENDED_EARLY)
        if self._ended:
            return rest
        if self._started and self._document.finish_reason is not None:
            return rest + self._end()
        return rest + self._fail(UpstreamError(_ENDED_EARLY))

    def _translate(self, chunks: list[sse.Event], unreadable: str) -> bytes:
        out = []
        for chunk in chunks:
            try:
                out.append(self._end() if chunk.data == _DONE else self._on_chunk(decode_answer(chunk.data)))
            except MALFORMED:
                out.append(self._fail(UpstreamError(unreadable)))
            if self._ended:
                break
        return b"".join(out)

    def _on_chunk(self, chunk: Answer) -> bytes:
        if chunk.error is not None:
            return self._fail(upstream_error(chunk.error))
        out = self._start(chunk)
        self._document.take(chunk)
        choice = first_choice(chunk)
        if choice is None:
            return out
        if choice.delta is not None:
            out += self._output.add(choice.delta, token_logprobs(choice))
        if choice.finish_reason is not None:
            self._document.finish_reason = choice.finish_reason
            out += self._output.close(self._document.item_status)
        return out

    def _start(self, chunk: Answer) -> bytes:
        if self._started:
            return b""
        self._started = True
        self._document = Document(self._call, chunk.id or "")
        self._document.take(chunk)
        self._output = Output(self._events, self._document.token)
        document = self._document.in_progress()
        created = self._events.response(b"response.created", document)
        return created + self._events.response(b"response.in_progress", document)

    def _end(self) -> bytes:
        out = self._start(Answer())
        self._ended = True
        out += self._output.close(self._document.item_status)
        kind = b"response." + self._document.item_status.encode()
        return out + self._events.response(kind, self._document.ended(self._output))

    def _fail(self, error: UpstreamError) -> bytes:
        out = self._start(Answer())
        self._ended = True
        out += self._events.error(error)
        return out + self._events.response(b"response.failed", self._document.failed(self._output, error))
