"""A chat answer as a Responses document: what whole and streamed answers share, and the whole answer.

Reference: https://platform.openai.com/docs/api-reference/responses/object (seen 2026-11-21).

| chat `finish_reason`                     | Responses `status`                        |
|------------------------------------------|-------------------------------------------|
| `stop`, `tool_calls`, none, unknown ones | `completed`                               |
| `length`                                 | `incomplete`, because `max_output_tokens` |
| `content_filter`                         | `incomplete`, because `content_filter`    |
"""

import hashlib
import re
from typing import Any

import msgspec
from msgspec import Raw

from extproc.apischema import openai_responses
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat_answer import Answer, Choice, Logprob, decode_answer
from extproc.apischema.openai_response import ErrorDetail, Usage
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome
from extproc.translator.fields import given
from extproc.translator.responses_to_chat_events import EventWriter
from extproc.translator.responses_to_chat_items import COMPLETED, IN_PROGRESS, INCOMPLETE
from extproc.translator.responses_to_chat_output import Output

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_FAILED = "failed"
# What an id begins with at most providers: `chatcmpl-`, `msg_`, `gen-`.
_PREFIX = re.compile(r"^[a-z]{1,10}[-_](?=.)")
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode

# The request's parameters as the answer repeats them, with what stands for those that were not given: the API's
# defaults, or null where the backend has defaults of its own.
_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


class Document:
    """The `response` object of one call, filled in as the answer comes."""

    def __init__(self, call: Call, chat_id: str) -> None:
        self.token = _token(call, chat_id)
        self.model = call.model
        self.service_tier: str | None = None
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._head = {"id": f"resp_{self.token}", "object": "response", "created_at": call.created}
        self._echo = {name: _echo(call, name) or default for name, default in _ECHOED.items()}
        self._echo["text"] = _text(_echo(call, "text"))

    @property
    def item_status(self) -> str:
        """The status of the items that end with the answer."""
        return INCOMPLETE if self.finish_reason in _INCOMPLETE else COMPLETED

    def take(self, answer: Answer) -> None:
        """What is not output: the last word on each counts."""
        self.model = answer.model or self.model
        self.service_tier = answer.service_tier or self.service_tier
        self.usage = answer.usage or self.usage

    def in_progress(self) -> bytes:
        return self._encoded(IN_PROGRESS, [])

    def ended(self, output: Output) -> bytes:
        """After `output.close`."""
        reason = _INCOMPLETE.get(self.finish_reason or "")
        details = None if reason is None else {"reason": reason}
        return self._encoded(self.item_status, output.documents(self.item_status), incomplete_details=details)

    def failed(self, output: Output, error: UpstreamError) -> bytes:
        shown = {"code": openai_responses.failure(error.type, error.code), "message": error.message}
        return self._encoded(_FAILED, output.documents(INCOMPLETE), error=shown)

    def _encoded(self, status: str, output: list[dict[str, Any]], **more: Any) -> bytes:
        return msgspec.json.encode(
            {
                **self._head,
                "status": status,
                "background": False,
                "error": more.get("error"),
                "incomplete_details": more.get("incomplete_details"),
                "model": self.model,
                "output": output,
                "previous_response_id": None,
                "service_tier": self.service_tier,
                "store": False,
                "usage": None if self.usage is None else _usage(self.usage),
                **self._echo,
            }
        )


def _token(call: Call, chat_id: str) -> str:
    """What the response's ids are made of: the chat answer's id, or where there is none, the request."""
    return _PREFIX.sub("", chat_id) or hashlib.sha256(b"%d:%b" % (call.created, call.body)).hexdigest()[:32]


def _echo(call: Call, name: str) -> Raw | None:
    """A parameter as it was sent, but on one line, because an event's data is one."""
    raw = given(call, name)
    return None if raw is None else Raw(msgspec.json.format(bytes(raw), indent=-1))


def _text(echo: Raw | None) -> dict[str, Any]:
    told = {} if echo is None else _decode_fields(echo)
    return {**told, "format": told.get("format", {"type": "text"})}


def _usage(usage: Usage) -> dict[str, Any]:
    spent = usage.to_token_usage()
    return {
        "input_tokens": spent.input_tokens,
        "input_tokens_details": {
            "cached_tokens": spent.cache_read_input_tokens,
            "cache_write_tokens": spent.cache_creation_input_tokens,
        },
        "output_tokens": spent.output_tokens,
        "output_tokens_details": {"reasoning_tokens": spent.reasoning_output_tokens},
        "total_tokens": spent.total_tokens,
    }


def upstream_error(error: ErrorDetail | str) -> UpstreamError:
    """The error inside a 200 or a stream."""
    if isinstance(error, str):
        return UpstreamError(error or "The provider failed.")
    code = None if error.code is None else str(error.code)
    return UpstreamError(error.message or "The provider failed.", type=error.type, code=code, param=error.param)


def first_choice(answer: Answer) -> Choice | None:
    """The choice that becomes the answer: there is one only, because `n` is refused."""
    return next((choice for choice in answer.choices or () if choice.index == 0), None)


def token_logprobs(choice: Choice) -> list[Logprob]:
    return choice.logprobs.content or [] if choice.logprobs is not None else []


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
        document = Document(self._call, answer.id or "")
        document.take(answer)
        output = Output(EventWriter(), document.token)
        choice = first_choice(answer)
        if choice is not None:
            document.finish_reason = choice.finish_reason
            if choice.message is not None:
                output.add(choice.message, token_logprobs(choice))
        output.close(document.item_status)
        return document.ended(output)

    def _answer(self) -> Answer:
        try:
            answer = decode_answer(self._body)
        except MALFORMED:
            raise UpstreamError("The provider's answer cannot be read.") from None
        if answer.error is not None:
            raise upstream_error(answer.error)
        return answer
