"""A Responses answer in OpenAI's chat format: what whole and streamed answers share, and the whole answer.

Reference: https://platform.openai.com/docs/api-reference/responses/object (read in the SDKs' types and in excerpts,
2026-11-21). Items of other types are OpenAI's own tools at work, which the chat format has no place for.
"""

from dataclasses import dataclass, field

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.apischema.responses_backend import Annotation, ErrorDetail, EventType, OutputItem, OutputPart, Response
from extproc.errors import UpstreamError
from extproc.translator import openai_chunks
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import CompletionMessage, FinishReason, FunctionCall, ToolCall, UrlCitation
from extproc.translator.openai_errors import upstream_error
from extproc.translator.openai_to_responses_reasoning import ThinkingBlock, signed, summary

_FAILED = frozenset({"failed", "cancelled"})
_CUT: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_STATUS_OF_CODE = {"rate_limit_exceeded": 429, "invalid_prompt": 400, "server_error": 502}
_RESPONSE = msgspec.json.Decoder(Response)
_ERROR = msgspec.json.Decoder(EventType)
_UNREADABLE = ErrorDetail(message="The provider's answer cannot be read.")


def finish_reason(response: Response, *, tool_calls: int) -> FinishReason:
    """Why an answer ended. Raises UpstreamError for one that failed."""
    if response.status in _FAILED:
        raise failed(response.error)
    if response.status == "incomplete":
        details = response.incomplete_details
        return _CUT.get((details.reason if details is not None else None) or "", "length")
    return "tool_calls" if tool_calls else "stop"


def failed(error: ErrorDetail | None) -> UpstreamError:
    """An error inside an answer or a stream: its code stands for the status that the answer cannot have any more."""
    detail = error or ErrorDetail()
    message = detail.message or "The provider failed while it was answering."
    return upstream_error(_STATUS_OF_CODE.get(detail.code or "", 502), message, param=detail.param)


def annotation(given: Annotation, start: int) -> openai_chunks.Annotation | None:
    """A cited web address; chat can cite nothing else. `start` is where the part begins in the message's text."""
    if given.type != "url_citation":
        return None
    citation = UrlCitation(given.url, given.title, start + given.start_index, start + given.end_index)
    return openai_chunks.Annotation(citation)


def _error_detail(body: bytes | bytearray) -> ErrorDetail:
    """The error in a 200 that is no answer."""
    try:
        return _ERROR.decode(body).error or _UNREADABLE
    except MALFORMED:
        return _UNREADABLE


@dataclass(slots=True)
class _Answer:
    """What the items of a whole answer add up to."""

    text: str = ""
    refusal: str = ""
    reasoning: list[str] = field(default_factory=list)
    signed: list[ThinkingBlock] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    annotations: list[openai_chunks.Annotation] = field(default_factory=list)

    def add(self, item: OutputItem) -> None:
        if item.type == "message":
            for part in item.content or ():
                self._add_part(part)
        elif item.type == "reasoning":
            self._add_reasoning(item)
        elif item.type == "function_call":
            self.tool_calls.append(ToolCall(item.call_id, FunctionCall(item.name, item.arguments)))

    def _add_part(self, part: OutputPart) -> None:
        start = len(self.text)
        self.text += part.text
        self.refusal += part.refusal
        found = (annotation(each, start) for each in part.annotations or ())
        self.annotations += [each for each in found if each is not None]

    def _add_reasoning(self, item: OutputItem) -> None:
        shown, block = summary(item), signed(item)
        if shown:
            self.reasoning.append(shown)
        if block is not None:
            self.signed.append(block)

    def message(self) -> CompletionMessage:
        return CompletionMessage(
            role="assistant",
            content=self.text or None,
            refusal=self.refusal or None,
            annotations=self.annotations,
            tool_calls=self.tool_calls,
            reasoning_content="\n\n".join(self.reasoning),
            thinking_blocks=self.signed,
        )


class WholeResponse:
    """A whole answer: nothing can be said before its last byte."""

    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        given, answer = self._given(), _Answer()
        for item in given.output:
            answer.add(item)
        message = answer.message()
        reason = self._settle(given, message)
        return openai_chunks.completion(
            id=given.id,
            created=self._call.created,
            model=given.model or self._call.model,
            message=message,
            finish_reason=reason,
            usage=self.outcome.usage,
        )

    def _given(self) -> Response:
        try:
            return _RESPONSE.decode(self._body)
        except MALFORMED:
            error = failed(_error_detail(self._body))
            self.outcome.error = error.type
            raise error from None

    def _settle(self, given: Response, message: CompletionMessage) -> FinishReason:
        outcome = self.outcome
        outcome.response_id, outcome.response_model = given.id, given.model
        outcome.usage = given.usage.to_token_usage() if given.usage is not None else None
        arguments = [call.function.arguments for call in message.tool_calls]
        texts = [message.reasoning_content, message.content, message.refusal, *arguments]
        outcome.text += [text for text in texts if text]
        try:
            reason = finish_reason(given, tool_calls=len(message.tool_calls))
        except UpstreamError as error:
            outcome.error = error.type
            raise
        outcome.finish_reasons.append(reason)
        outcome.complete = True
        return reason
