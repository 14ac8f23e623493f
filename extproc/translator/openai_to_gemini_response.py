"""A Gemini answer or error in OpenAI's chat format: what whole and streamed answers share, and the whole answer.

References: https://ai.google.dev/api/generate-content#FinishReason, https://ai.google.dev/gemini-api/docs/troubleshooting
(errors), https://ai.google.dev/gemini-api/docs/thought-signatures, https://cloud.google.com/apis/design/errors
(all seen 2026-11-21).
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from extproc.apischema import gemini
from extproc.apischema.anthropic import ThinkingBlock
from extproc.apischema.gemini import (
    AnswerPart,
    CalledFunction,
    Candidate,
    ErrorBody,
    ErrorDetail,
    ErrorInfo,
    GenerateContentResponse,
    LogprobsResult,
    PromptFeedback,
    TokenCandidate,
)
from extproc.apischema.malformed import MALFORMED
from extproc.errors import UpstreamError
from extproc.translator import openai_chunks
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import (
    Choice,
    CompletionMessage,
    FinishReason,
    FunctionCall,
    Logprobs,
    TokenLogprob,
    ToolCall,
    TopLogprob,
)
from extproc.translator.openai_to_gemini_citations import annotations
from extproc.translator.openai_to_gemini_messages import SIGNED_BY

# The function that stands for a `response_format` where the model cannot have functions and a format at once.
JSON_TOOL = "respond_with_json"

# `CONTINUATION` could go on only with a token that this format cannot carry: the answer is cut.
_FINISH_REASONS: dict[str, FinishReason] = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
# The model failed: what there is of the answer is no answer.
_FAILURES = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)


class _OpenAIError(NamedTuple):
    status: int
    type: str
    code: str | None


# Our credential, our account: a caller must not take these for a fault of their own.
_OUR_CREDENTIAL = _OpenAIError(502, "upstream_error", "upstream_authentication")
_OUR_ACCOUNT = _OpenAIError(502, "upstream_error", "upstream_billing")
_INVALID = _OpenAIError(400, "invalid_request_error", None)
_ERRORS: dict[str, _OpenAIError] = {
    "INVALID_ARGUMENT": _INVALID,
    "OUT_OF_RANGE": _INVALID,
    "FAILED_PRECONDITION": _OUR_ACCOUNT,  # "Please enable billing", or a location that Google does not serve
    "UNAUTHENTICATED": _OUR_CREDENTIAL,
    "PERMISSION_DENIED": _OUR_CREDENTIAL,
    "NOT_FOUND": _OpenAIError(404, "invalid_request_error", "model_not_found"),
    "RESOURCE_EXHAUSTED": _OpenAIError(429, "rate_limit_error", "rate_limit_exceeded"),
    "UNAVAILABLE": _OpenAIError(503, "upstream_error", "overloaded"),
    "DEADLINE_EXCEEDED": _OpenAIError(504, "upstream_error", "timeout"),
}
_ERRORS_BY_STATUS = {
    400: _INVALID,
    401: _OUR_CREDENTIAL,
    402: _OUR_ACCOUNT,
    403: _OUR_CREDENTIAL,
    404: _ERRORS["NOT_FOUND"],
    413: _OpenAIError(413, "invalid_request_error", "request_too_large"),
    429: _ERRORS["RESOURCE_EXHAUSTED"],
    503: _ERRORS["UNAVAILABLE"],
    504: _ERRORS["DEADLINE_EXCEEDED"],
}
_UNKNOWN_ERROR = _OpenAIError(502, "upstream_error", None)
_BAD_KEY = "API_KEY_INVALID"  # comes as INVALID_ARGUMENT

_ANSWER = msgspec.json.Decoder(GenerateContentResponse)
_ERROR = msgspec.json.Decoder(ErrorBody | list[ErrorBody])


def finish_reason(reason: str | None, *, tool_calls: int) -> FinishReason:
    """Raises UpstreamError for a reason that means that the model failed. `STOP` is also how a turn of calls ends."""
    if reason in _FAILURES:
        raise UpstreamError(f"The model failed to answer: {reason}.")
    return _FINISH_REASONS.get(reason or "", "tool_calls" if tool_calls else "stop")


def blocked(feedback: PromptFeedback | None) -> bool:
    """The prompt itself was refused: there is no answer to it."""
    return feedback is not None and feedback.block_reason is not None


def tool_call(called: CalledFunction, signature: str | None, default_id: str) -> ToolCall:
    """A call of a function, with the signature where Google's own OpenAI endpoint has it."""
    function = FunctionCall(called.name, arguments(called))
    call = ToolCall(called.id or default_id, function)
    if signature is not None:
        call.extra_content = {"google": {"thought_signature": signature}}
    return call


def tool_call_id(document: GenerateContentResponse, call: Call, number: int) -> str:
    """An id for a call that has none, the same whenever the answer is read."""
    return f"call_{document.response_id or call.created}_{number}"


def arguments(called: CalledFunction) -> str:
    """A call's arguments as OpenAI's string: compact, numbers as the model wrote them."""
    if not isinstance(called.args, msgspec.Raw):
        return "{}"
    return str(msgspec.json.format(bytes(called.args), indent=-1), "utf-8", "replace")


def thinking_block(thoughts: str, signature: str) -> ThinkingBlock:
    """Signed reasoning, in the form that callers of Anthropic's models send back."""
    return ThinkingBlock(thoughts, SIGNED_BY + signature)


def logprobs(result: LogprobsResult | None) -> Logprobs | None:
    if result is None or not result.chosen_candidates:
        return None
    chosen = result.chosen_candidates
    tops = [top.candidates or [] for top in result.top_candidates or ()]
    tops += [[]] * (len(chosen) - len(tops))
    return Logprobs([_token_logprob(token, top) for token, top in zip(chosen, tops, strict=False)])


def _token_logprob(token: TokenCandidate, tops: list[TokenCandidate]) -> TokenLogprob:
    others = [TopLogprob(top.token, top.log_probability, list(top.token.encode())) for top in tops]
    return TokenLogprob(token.token, token.log_probability, list(token.token.encode()), others)


def error_answer(status: int, body: bytes) -> UpstreamError:
    """A provider's error as OpenAI has it, its message kept; a body that is not Google's is never repeated."""
    detail = read_error(body) or ErrorDetail()
    return upstream_error(detail, status, f"The provider answered {status} without a readable error.")


def upstream_error(detail: ErrorDetail, status: int, default: str) -> UpstreamError:
    """An error object of Google's; `status` decides where its own is unknown, `default` stands for no message."""
    infos = detail.details or []
    if any(info.reason == _BAD_KEY for info in infos):
        known = _OUR_CREDENTIAL
    else:
        known = _ERRORS.get(detail.status) or _ERRORS_BY_STATUS.get(detail.code or status) or _UNKNOWN_ERROR
    return UpstreamError(
        detail.message or default, status=known.status, type=known.type, code=known.code, headers=_retry_after(infos)
    )


def _retry_after(infos: list[ErrorInfo]) -> dict[str, str]:
    """Google says when to come back in the error ("34.07s"), not in a header."""
    for info in infos:
        try:
            return {"retry-after": str(math.ceil(float(info.retry_delay.removesuffix("s"))))}
        except (ValueError, OverflowError):
            continue
    return {}


def read_error(body: bytes | bytearray) -> ErrorDetail | None:
    """The error in a body, which may stand in an array."""
    try:
        document = _ERROR.decode(body)
    except MALFORMED:
        return None
    if isinstance(document, ErrorBody):
        return document.error
    return document[0].error if document else None


@dataclass(slots=True)
class _Alternative:
    """What the parts of one candidate add up to."""

    text: list[str] = field(default_factory=list)
    part_starts: list[int] = field(default_factory=list)  # where each part's text begins, in bytes of the whole
    reasoning: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)  # reasoning since the last signature
    signed: list[ThinkingBlock] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    size: int = 0  # of the text, in bytes

    def add(self, part: AnswerPart, *, json_tool: bool, default_id: str) -> None:
        """Parts of other kinds are the provider's own tools at work, which OpenAI's format has no place for."""
        self.part_starts.append(self.size)
        called = part.function_call
        if called is not None and json_tool and called.name == JSON_TOOL:
            self._add_text(arguments(called))
        elif called is not None:
            self.tool_calls.append(tool_call(called, part.thought_signature, default_id))
        elif part.thought and part.text:
            self.reasoning.append(part.text)
            self.unsigned.append(part.text)
        elif part.text:
            self._add_text(part.text)
        if part.thought_signature:
            self.signed.append(thinking_block("".join(self.unsigned), part.thought_signature))
            self.unsigned.clear()

    def _add_text(self, text: str) -> None:
        self.text.append(text)
        self.size += len(text.encode())

    def message(self, candidate: Candidate, refused: str | None) -> CompletionMessage:
        text = "".join(self.text)
        return CompletionMessage(
            role="assistant",
            content=text or None,
            refusal=refused,
            annotations=annotations(text, candidate.grounding_metadata, _citations(candidate), self.part_starts),
            tool_calls=self.tool_calls,
            reasoning_content="".join(self.reasoning),
            thinking_blocks=self.signed,
        )


def _citations(candidate: Candidate) -> list[gemini.Citation]:
    return candidate.citation_metadata.all if candidate.citation_metadata is not None else []


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
        try:
            document = self._document()
            choices = self._choices(document)
        except UpstreamError as error:
            self.outcome.error = error.type
            raise
        self.outcome.complete = True
        return openai_chunks.completion_of(
            id=response_id(document, self._call),
            created=self._call.created,
            model=document.model_version or self._call.model,
            choices=choices,
            usage=self.outcome.usage,
        )

    def _document(self) -> GenerateContentResponse:
        try:
            document = _ANSWER.decode(self._body)
        except MALFORMED:
            detail = read_error(self._body) or ErrorDetail()
            raise upstream_error(detail, 502, "The provider's answer cannot be read.") from None
        if document.error is not None:
            raise upstream_error(document.error, 502, "The provider failed.")
        outcome = self.outcome
        outcome.response_id, outcome.response_model = document.response_id or "", document.model_version or ""
        outcome.usage = document.usage_metadata.total() if document.usage_metadata is not None else None
        return document

    def _choices(self, document: GenerateContentResponse) -> list[Choice]:
        if document.candidates:
            return [self._choice(document, candidate, place) for place, candidate in enumerate(document.candidates)]
        if document.prompt_feedback is not None and blocked(document.prompt_feedback):
            refused = CompletionMessage("assistant", None, document.prompt_feedback.block_reason_message)
            self.outcome.finish_reasons.append("content_filter")
            return [Choice(0, refused, None, "content_filter")]
        raise UpstreamError("The provider's answer cannot be read.")

    def _choice(self, document: GenerateContentResponse, candidate: Candidate, place: int) -> Choice:
        found = _Alternative()
        parts = candidate.content.parts if candidate.content is not None else None
        for part in parts or ():
            default_id = tool_call_id(document, self._call, len(found.tool_calls))
            found.add(part, json_tool=self._json_tool, default_id=default_id)
        reason = finish_reason(candidate.finish_reason, tool_calls=len(found.tool_calls))
        refused = candidate.finish_message if reason == "content_filter" else None
        self._settle(found, reason)
        return Choice(
            index=candidate.index if candidate.index is not None else place,
            message=found.message(candidate, refused),
            logprobs=logprobs(candidate.logprobs_result),
            finish_reason=reason,
        )

    def _settle(self, found: _Alternative, reason: FinishReason) -> None:
        self.outcome.finish_reasons.append(reason)
        called = [call.function.arguments for call in found.tool_calls]
        self.outcome.text += [*found.reasoning, *found.text, *called]


def response_id(document: GenerateContentResponse, call: Call) -> str:
    return document.response_id or f"chatcmpl-{call.created}"
