"""An Anthropic answer or error in OpenAI's chat format: what whole and streamed answers share, and the whole answer.

References: https://platform.claude.com/docs/en/api/messages#response-content,
https://platform.claude.com/docs/en/api/errors (both seen 2026-11-21).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from extproc.apischema.anthropic import (
    Citation,
    Content,
    ErrorBody,
    ErrorDetail,
    Message,
    RedactedThinkingBlock,
    SignedBlock,
    StopDetails,
    ThinkingBlock,
)
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.translator import openai_chunks
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import (
    Annotation,
    CompletionMessage,
    FinishReason,
    FunctionCall,
    ToolCall,
    UrlCitation,
)

# The tool that stands for a `response_format` the model has no other way to keep to. Its input is the answer.
JSON_TOOL = "respond_with_json"

# A paused turn can go on only if the server tools' blocks are sent back, which this format cannot carry: it is over.
_FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class _OpenAIError(NamedTuple):
    status: int
    type: str
    code: str | None


# Our credential, our bill: a caller must not take these for a fault of their own key.
_OUR_CREDENTIAL = _OpenAIError(502, "upstream_error", "upstream_authentication")
_OUR_BILL = _OpenAIError(502, "upstream_error", "upstream_billing")
_ERRORS: dict[str, _OpenAIError] = {
    "invalid_request_error": _OpenAIError(400, "invalid_request_error", None),
    "authentication_error": _OUR_CREDENTIAL,
    "permission_error": _OUR_CREDENTIAL,
    "billing_error": _OUR_BILL,
    "not_found_error": _OpenAIError(404, "invalid_request_error", "model_not_found"),
    "request_too_large": _OpenAIError(413, "invalid_request_error", "request_too_large"),
    "rate_limit_error": _OpenAIError(429, "rate_limit_error", "rate_limit_exceeded"),
    "timeout_error": _OpenAIError(504, "upstream_error", "timeout"),
    "api_error": _OpenAIError(502, "upstream_error", None),
    "overloaded_error": _OpenAIError(503, "upstream_error", "overloaded"),
}
_ERRORS_BY_STATUS = {
    400: _ERRORS["invalid_request_error"],
    401: _OUR_CREDENTIAL,
    402: _OUR_BILL,
    403: _OUR_CREDENTIAL,
    404: _ERRORS["not_found_error"],
    413: _ERRORS["request_too_large"],
    429: _ERRORS["rate_limit_error"],
    504: _ERRORS["timeout_error"],
    529: _ERRORS["overloaded_error"],
}
_UNKNOWN_ERROR = _OpenAIError(502, "upstream_error", None)

_MESSAGE = msgspec.json.Decoder(Message)
_ERROR = msgspec.json.Decoder(ErrorBody)


def finish_reason(stop_reason: str | None, *, tool_calls: int) -> FinishReason:
    """`tool_use` without a call that the caller will see (the JSON tool's, a server tool's) is an ordinary end."""
    reason = _FINISH_REASONS.get(stop_reason or "", "stop")
    return "stop" if reason == "tool_calls" and not tool_calls else reason


def refusal(details: StopDetails | None) -> str | None:
    """The provider's explanation of a refusal."""
    return details.explanation or None if details is not None else None


def annotation(citation: Citation, start: int, end: int) -> Annotation | None:
    """OpenAI can cite web addresses only; None for a place in a document that the caller sent."""
    url = citation.url or citation.source or ""
    if not url.startswith(("http://", "https://")):
        return None
    return Annotation(UrlCitation(url, citation.title or "", start, end))


def error_answer(status: int, body: bytes) -> UpstreamError:
    """A provider's error as OpenAI has it, its message kept; a body that is not Anthropic's is never repeated."""
    return upstream_error(_error_detail(body), status, f"The provider answered {status} without a readable error.")


def upstream_error(detail: ErrorDetail, status: int, default: str) -> UpstreamError:
    """An error object of Anthropic's; `status` decides where its type is unknown, `default` stands for no message."""
    known = _ERRORS.get(detail.type) or _ERRORS_BY_STATUS.get(status) or _UNKNOWN_ERROR
    return UpstreamError(detail.message or default, status=known.status, type=known.type, code=known.code)


def _error_detail(body: bytes | bytearray) -> ErrorDetail:
    try:
        return _ERROR.decode(body).error
    except MALFORMED:
        return ErrorDetail()


@dataclass(slots=True)
class _Answer:
    """What the blocks of a whole answer add up to."""

    text: str = ""
    reasoning: str = ""
    signed: list[SignedBlock] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)

    def add(self, block: Content, json_tool: bool) -> None:
        """Blocks of other types are the provider's own tools at work, which OpenAI's format has no place for."""
        if block.type == "text":
            self._add_text(block)
        elif block.type == "thinking":
            self._add_thinking(block)
        elif block.type == "redacted_thinking":
            self.signed.append(RedactedThinkingBlock(block.data))
        elif block.type == "tool_use" and json_tool and block.name == JSON_TOOL:
            self.text += input_text(block)
        elif block.type == "tool_use":
            self.tool_calls.append(ToolCall(block.id, FunctionCall(block.name, input_text(block))))

    def _add_text(self, block: Content) -> None:
        start = len(self.text)
        self.text += block.text
        found = (annotation(citation, start, len(self.text)) for citation in block.citations or ())
        self.annotations += [each for each in found if each is not None]

    def _add_thinking(self, block: Content) -> None:
        self.reasoning += block.thinking
        if block.signature:
            self.signed.append(ThinkingBlock(block.thinking, block.signature))

    def message(self, refused: str | None) -> CompletionMessage:
        return CompletionMessage(
            role="assistant",
            content=self.text or None,
            refusal=refused,
            annotations=self.annotations,
            tool_calls=self.tool_calls,
            reasoning_content=self.reasoning,
            thinking_blocks=self.signed,
        )


def input_text(block: Content) -> str:
    """A tool's input as OpenAI's argument string: compact, numbers as the model wrote them."""
    if not isinstance(block.input, msgspec.Raw):
        return "{}"
    return str(msgspec.json.format(bytes(block.input), indent=-1), "utf-8", "replace")


class WholeResponse:
    """A whole answer: nothing can be said before its last byte."""

    def __init__(self, call: Call, *, json_tool: bool) -> None:
        self.outcome = Outcome()
        self._call = call
        self._json_tool = json_tool
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        message = self._message()
        answer = _Answer()
        for block in message.content:
            answer.add(block, self._json_tool)
        reason = finish_reason(message.stop_reason, tool_calls=len(answer.tool_calls))
        self._settle(message, answer, reason)
        return openai_chunks.completion(
            id=message.id,
            created=self._call.created,
            model=message.model,
            message=answer.message(refusal(message.stop_details)),
            finish_reason=reason,
            usage=self.outcome.usage,
        )

    def _message(self) -> Message:
        try:
            return _MESSAGE.decode(self._body)
        except MALFORMED:
            error = upstream_error(_error_detail(self._body), 502, "The provider's answer cannot be read.")
            self.outcome.error = error.type
            raise error from None

    def _settle(self, message: Message, answer: _Answer, reason: FinishReason) -> None:
        outcome = self.outcome
        outcome.response_id, outcome.response_model = message.id, message.model
        outcome.usage = message.usage.total() if message.usage is not None else None
        outcome.finish_reasons.append(reason)
        arguments = [call.function.arguments for call in answer.tool_calls]
        outcome.text += [part for part in (answer.reasoning, answer.text, *arguments) if part]
        outcome.complete = True
