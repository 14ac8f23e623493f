"""A Converse answer or error in OpenAI's chat format: what whole and streamed answers share, and the whole answer.

References: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (answer, stop reasons),
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html (both seen 2026-11-21).

Bedrock names neither the answer nor the model: the answer gets an id made of the request, and the model is the name
that the caller used.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from extproc.apischema.anthropic import RedactedThinkingBlock, SignedBlock, ThinkingBlock
from extproc.apischema.bedrock import (
    Citation,
    Citations,
    Content,
    ConverseAnswer,
    ErrorBody,
    GivenReasoning,
    GivenToolUse,
    Trace,
)
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.translator import openai_chunks, openai_errors
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

# The two malformed ones are whole answers all the same, only not good ones.
_FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}

# The status of an exception that a stream ends with. A model's own time limit, 408, would tell the caller to be faster.
_EXCEPTIONS = {
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 504,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
_TIMEOUT = 408

_ANSWER = msgspec.json.Decoder(ConverseAnswer)
_ERROR = msgspec.json.Decoder(ErrorBody)


def finish_reason(stop_reason: str, *, tool_calls: int) -> FinishReason:
    """`tool_use` without a call that the caller will see (the JSON tool's, a server tool's) is an ordinary end."""
    reason = _FINISH_REASONS.get(stop_reason, "stop")
    return "stop" if reason == "tool_calls" and not tool_calls else reason


def response_id(call: Call) -> str:
    """An id that this request has alone, as long as no other is the same in the same second."""
    digest = blake2b(call.body, digest_size=12, salt=call.created.to_bytes(8, "big"))
    return f"chatcmpl-{digest.hexdigest()}"


def response_model(trace: Trace | None) -> str:
    """The model that a prompt router chose; '' where there was none."""
    router = trace.prompt_router if trace is not None else None
    return router.invoked_model_id if router is not None else ""


def annotation(citation: Citation, start: int, end: int) -> Annotation | None:
    """OpenAI can cite web addresses only; None for a place in a document that the caller sent."""
    url = citation.url
    if not url.startswith(("http://", "https://")):
        return None
    return Annotation(UrlCitation(url, citation.title or "", start, end))


def annotations(citations: Iterable[Citation], start: int, end: int) -> list[Annotation]:
    found = (annotation(citation, start, end) for citation in citations)
    return [each for each in found if each is not None]


def redacted(data: bytes) -> RedactedThinkingBlock:
    return RedactedThinkingBlock(base64.b64encode(data).decode())


def input_text(tool: GivenToolUse) -> str:
    """A tool's input as OpenAI's argument string: compact, numbers as the model wrote them."""
    if not isinstance(tool.input, msgspec.Raw):
        return "{}"
    return str(msgspec.json.format(bytes(tool.input), indent=-1), "utf-8", "replace")


def error_answer(status: int, body: bytes | bytearray) -> UpstreamError:
    """Bedrock's error as OpenAI has it; a body that is not Bedrock's is never repeated.

    What is said about a credential is not repeated either: it names the operator's account.
    """
    if status in (401, 403):
        return openai_errors.upstream_error(status, "The provider refused the gateway's credential.")
    return openai_errors.upstream_error(504 if status == _TIMEOUT else status, _message(body))


def exception(name: str, payload: bytes) -> UpstreamError:
    """An exception that ends a stream, by its `:exception-type`."""
    return error_answer(_EXCEPTIONS.get(name, 500), payload)


def _message(body: bytes | bytearray) -> str:
    try:
        return _ERROR.decode(body).text
    except MALFORMED:
        return ""


@dataclass(slots=True)
class _Answer:
    """What the blocks of a whole answer add up to."""

    text: str = ""
    reasoning: str = ""
    signed: list[SignedBlock] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)

    def add(self, block: Content, json_tool: bool) -> None:
        """Other blocks are the provider's own tools at work, which OpenAI's format has no place for."""
        self.text += block.text or ""
        if block.citations_content is not None:
            self._add_cited(block.citations_content)
        if block.reasoning_content is not None:
            self._add_reasoning(block.reasoning_content)
        tool = block.tool_use
        if tool is not None and json_tool and tool.name == JSON_TOOL:
            self.text += input_text(tool)
        elif tool is not None and tool.is_callers:
            self.tool_calls.append(ToolCall(tool.tool_use_id, FunctionCall(tool.name, input_text(tool))))

    def _add_cited(self, cited: Citations) -> None:
        start = len(self.text)
        self.text += "".join(piece.text for piece in cited.content)
        self.annotations += annotations(cited.citations, start, len(self.text))

    def _add_reasoning(self, block: GivenReasoning) -> None:
        if block.redacted_content:
            self.signed.append(redacted(block.redacted_content))
        said = block.reasoning_text
        if said is not None:
            self.reasoning += said.text
            if said.signature:
                self.signed.append(ThinkingBlock(said.text, said.signature))

    def message(self) -> CompletionMessage:
        return CompletionMessage(
            role="assistant",
            content=self.text or None,
            refusal=None,
            annotations=self.annotations,
            tool_calls=self.tool_calls,
            reasoning_content=self.reasoning,
            thinking_blocks=self.signed,
        )


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
        for block in given.output.message.content:
            answer.add(block, self._json_tool)
        reason = finish_reason(given.stop_reason, tool_calls=len(answer.tool_calls))
        self._settle(given, answer, reason)
        return openai_chunks.completion(
            id=response_id(self._call),
            created=self._call.created,
            model=self._call.model,
            message=answer.message(),
            finish_reason=reason,
            usage=self.outcome.usage,
        )

    def _given(self) -> ConverseAnswer:
        try:
            return _ANSWER.decode(self._body)
        except MALFORMED:
            message = _message(self._body) or "The provider's answer cannot be read."
            error = openai_errors.upstream_error(502, message)
            self.outcome.error = error.type
            raise error from None

    def _settle(self, given: ConverseAnswer, answer: _Answer, reason: FinishReason) -> None:
        outcome = self.outcome
        outcome.response_model = response_model(given.trace)
        outcome.usage = given.usage.total() if given.usage is not None else None
        outcome.finish_reasons.append(reason)
        arguments = [call.function.arguments for call in answer.tool_calls]
        outcome.text += [part for part in (answer.reasoning, answer.text, *arguments) if part]
        outcome.complete = True
