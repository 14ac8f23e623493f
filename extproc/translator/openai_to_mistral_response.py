"""A Mistral answer or error in OpenAI's chat format: what whole and streamed answers share, and the whole answer.

References: https://docs.mistral.ai/api/endpoint/chat, https://docs.mistral.ai/capabilities/reasoning (read in the SDKs'
types and in excerpts, 2026-11-21). Reasoning models answer with a list of `thinking` and `text` chunks; `reference`
chunks carry numbers that mean nothing outside of Mistral's own tools and are left out.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from extproc.apischema.malformed import MALFORMED
from extproc.apischema.mistral import AnswerMessage, Choice, Completion, ErrorBody, Logprobs, Problem
from extproc.errors import UpstreamError
from extproc.genai.usage import TokenUsage
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_chunks import CompletionMessage, FinishReason, FunctionCall, ToolCall
from extproc.translator.openai_errors import upstream_error

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
}
_COMPLETION = msgspec.json.Decoder(Completion)
_ERROR = msgspec.json.Decoder(ErrorBody)


class _Choice(Struct):
    index: int
    message: CompletionMessage
    logprobs: dict[str, Any] | None
    finish_reason: FinishReason


class _Completion(Struct, omit_defaults=True):
    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    usage: dict[str, Any] | None = None


class SignedThinking(Struct, tag="thinking", tag_field="type"):
    """An element of `thinking_blocks`."""

    thinking: str
    signature: str


@dataclass(slots=True)
class Said:
    """What a message, or a piece of one, says."""

    text: str = ""
    reasoning: str = ""
    signed: list[SignedThinking] = field(default_factory=list)


def said(message: AnswerMessage) -> Said:
    """The content of a message: a string, or chunks."""
    if not isinstance(message.content, list):
        return Said(message.content or "")
    found = Said()
    for chunk in message.content:
        if chunk.type == "text":
            found.text += chunk.text
        elif chunk.type == "thinking":
            thought = "".join(each.text for each in chunk.thinking)
            found.reasoning += thought
            if chunk.signature:
                found.signed.append(SignedThinking(thought, chunk.signature))
    return found


def finish_reason(reason: str) -> FinishReason:
    """Raises UpstreamError for an answer that failed."""
    if reason == "error":
        raise upstream_error(502, "The provider failed while it was answering.")
    return _FINISH_REASONS.get(reason, "stop")


def logprobs(given: Logprobs | None) -> dict[str, Any] | None:
    """Log probabilities as OpenAI has them: the same but for Mistral's token numbers."""
    if given is None or given.content is None:
        return None
    content = [{**_fields(token), "top_logprobs": [_fields(top) for top in token.top_logprobs or ()]}
               for token in given.content]  # fmt: skip
    return {"content": content, "refusal": None}


def _fields(token: Any) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}


def error_answer(status: int, body: bytes) -> UpstreamError:
    """A provider's error as OpenAI has it, its message kept; a body that is not Mistral's is never repeated."""
    message, param = error_detail(body)
    return upstream_error(status, message, param=param)


def error_detail(body: bytes | bytearray) -> tuple[str, str | None]:
    """An error's message, and the field at fault; nothing for what is not an error of Mistral's."""
    try:
        error = _ERROR.decode(body)
    except MALFORMED:
        return "", None
    problems = error.problems
    if not problems:
        return error.text, None
    return "; ".join(_told(problem) for problem in problems), _place(problems[0])


def _told(problem: Problem) -> str:
    place = _place(problem)
    return f"{place}: {problem.msg}" if place else problem.msg


def _place(problem: Problem) -> str | None:
    """`messages[0].content` for `["body", "messages", 0, "user", "content"]`: the role is Mistral's addition."""
    steps = problem.loc[1:] if problem.loc[:1] == ["body"] else problem.loc
    path = ""
    for at, step in enumerate(steps):
        if isinstance(step, int):
            path += f"[{step}]"
        elif not (at == 2 and steps[0] == "messages"):
            path += f".{step}"
    return path.lstrip(".") or None


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
        answer = self._answer()
        outcome = self.outcome
        outcome.response_id, outcome.response_model = answer.id, answer.model
        outcome.usage = answer.usage.total() if answer.usage is not None else None
        choices = [self._choice(choice) for choice in answer.choices]
        outcome.complete = True
        created, model = answer.created or self._call.created, answer.model or self._call.model
        spent = None if outcome.usage is None else usage_fields(outcome.usage)
        return msgspec.json.encode(_Completion(answer.id, "chat.completion", created, model, choices, spent))

    def _answer(self) -> Completion:
        try:
            return _COMPLETION.decode(self._body)
        except MALFORMED:
            message, param = error_detail(self._body)
            message = message or "The provider's answer cannot be read."
            raise self._failed(upstream_error(502, message, param=param)) from None

    def _choice(self, choice: Choice) -> _Choice:
        message = choice.message or AnswerMessage()
        content, calls = said(message), self._calls(message)
        try:
            reason = finish_reason(choice.finish_reason or "stop")
        except UpstreamError as error:
            raise self._failed(error) from None
        self.outcome.finish_reasons.append(reason)
        arguments = [call.function.arguments for call in calls]
        self.outcome.text += [part for part in (content.reasoning, content.text, *arguments) if part]
        built = CompletionMessage(
            role="assistant",
            content=content.text or None,
            refusal=None,
            tool_calls=calls,
            reasoning_content=content.reasoning,
            thinking_blocks=content.signed,
        )
        return _Choice(choice.index, built, logprobs(choice.logprobs), reason)

    def _calls(self, message: AnswerMessage) -> list[ToolCall]:
        try:
            return [
                ToolCall(call.id or "", FunctionCall(call.function.name, call.function.text))
                for call in message.tool_calls or ()
            ]
        except MALFORMED:
            raise self._failed(upstream_error(502, "The provider's answer cannot be read.")) from None

    def _failed(self, error: UpstreamError) -> UpstreamError:
        self.outcome.error = error.type
        return error


def usage_fields(usage: TokenUsage) -> dict[str, Any]:
    """Token usage as OpenAI writes it."""
    read, created = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": created},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_output_tokens},
    }
