"""A Cohere answer or error in OpenAI's chat format: what whole and streamed answers share, and the whole answer.

References: https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/errors (read in the SDKs' types
and in excerpts, 2026-11-21). Cohere's answers do not name their model: the caller gets the name that they used.
"""

from dataclasses import dataclass, field

import msgspec

from extproc.apischema.cohere import Called, ChatAnswer, Citation, Content, ErrorBody
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
from extproc.translator.openai_errors import upstream_error

# The tool that stands for a `response_format` beside other tools. Its input is the answer.
JSON_TOOL = "respond_with_json"

_FINISH_REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
_FAILURES = {"ERROR": 502, "TIMEOUT": 504}

_ANSWER = msgspec.json.Decoder(ChatAnswer)
_ERROR = msgspec.json.Decoder(ErrorBody)


def finish_reason(reason: str | None, *, tool_calls: int) -> FinishReason:
    """A tool call that the caller does not see (the JSON tool's) is an ordinary end. Raises UpstreamError for an answer
    that failed."""
    if reason in _FAILURES:
        raise failed(reason)
    found = _FINISH_REASONS.get(reason or "", "stop")
    return "stop" if found == "tool_calls" and not tool_calls else found


def failed(reason: str, message: str = "") -> UpstreamError:
    """An answer that ended with an error."""
    return upstream_error(_FAILURES.get(reason, 502), message or "The provider failed while it was answering.")


def annotations(citation: Citation, start: int) -> list[Annotation]:
    """The web addresses that a citation of the answer's text names: OpenAI can cite nothing else.

    `start` is where the citation's content block begins. Cohere leaves the fields of sources to callers and tools; an
    address is taken from `url`, a title from `title`.
    """
    if citation.type not in (None, "TEXT_CONTENT"):
        return []
    found = []
    for source in citation.sources or ():
        fields = source.document or source.tool_output or {}
        url, title = fields.get("url"), fields.get("title")
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            shown = title if isinstance(title, str) else ""
            found.append(Annotation(UrlCitation(url, shown, start + citation.start, start + citation.end)))
    return found


def error_answer(status: int, body: bytes) -> UpstreamError:
    """A provider's error as OpenAI has it, its message kept; a body that is not Cohere's is never repeated."""
    return upstream_error(status, _error_message(body))


def _error_message(body: bytes | bytearray) -> str:
    try:
        return _ERROR.decode(body).message
    except MALFORMED:
        return ""


@dataclass(slots=True)
class _Answer:
    """What the parts of a whole answer add up to. `block_starts`: where each content block begins in the text."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    block_starts: list[int] = field(default_factory=list)

    def add_plan(self, plan: str, json_tool: bool) -> None:
        """The plan opens the answer, unless the answer has to be JSON: then it is only shown as reasoning."""
        if json_tool:
            self.reasoning += plan
        else:
            self.text += plan

    def add_content(self, block: Content) -> None:
        self.block_starts.append(len(self.text))
        self.text += block.text or ""
        self.reasoning += block.thinking or ""

    def add_call(self, call: Called, json_tool: bool) -> None:
        if call.function is None:
            return
        if json_tool and call.function.name == JSON_TOOL:
            self.text += call.function.arguments
        else:
            function = FunctionCall(call.function.name, call.function.arguments or "{}")
            self.tool_calls.append(ToolCall(call.id, function))

    def start_of(self, block: int) -> int:
        return self.block_starts[block] if block < len(self.block_starts) else 0


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
        given = self._given()
        answer = _Answer()
        answer.add_plan(given.message.tool_plan or "", self._json_tool)
        for block in given.message.content or ():
            answer.add_content(block)
        for call in given.message.tool_calls or ():
            answer.add_call(call, self._json_tool)
        reason = self._settle(given, answer)
        return openai_chunks.completion(
            id=given.id,
            created=self._call.created,
            model=self._call.model,
            message=_message(given, answer),
            finish_reason=reason,
            usage=self.outcome.usage,
        )

    def _given(self) -> ChatAnswer:
        try:
            return _ANSWER.decode(self._body)
        except MALFORMED:
            message = _error_message(self._body) or "The provider's answer cannot be read."
            raise self._failed(upstream_error(502, message)) from None

    def _settle(self, given: ChatAnswer, answer: _Answer) -> FinishReason:
        outcome = self.outcome
        outcome.response_id = given.id
        outcome.usage = given.usage.total() if given.usage is not None else None
        arguments = [call.function.arguments for call in answer.tool_calls]
        outcome.text += [part for part in (answer.reasoning, answer.text, *arguments) if part]
        try:
            reason = finish_reason(given.finish_reason, tool_calls=len(answer.tool_calls))
        except UpstreamError as error:
            raise self._failed(error) from None
        outcome.finish_reasons.append(reason)
        outcome.complete = True
        return reason

    def _failed(self, error: UpstreamError) -> UpstreamError:
        self.outcome.error = error.type
        return error


def _message(given: ChatAnswer, answer: _Answer) -> CompletionMessage:
    cited = (annotations(each, answer.start_of(each.content_index)) for each in given.message.citations or ())
    return CompletionMessage(
        role="assistant",
        content=answer.text or None,
        refusal=None,
        annotations=[annotation for found in cited for annotation in found],
        tool_calls=answer.tool_calls,
        reasoning_content=answer.reasoning,
    )
