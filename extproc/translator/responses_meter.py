"""The Responses API to itself: OpenAI, compatible servers that have it, and Azure OpenAI.

References: https://platform.openai.com/docs/api-reference/responses,
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses (both seen 2026-11-21).

A request has its model replaced; a response stays byte for byte. A stream that breaks before its last event gets an
`error` event and, where the response had begun, its `response.failed`, because the API has no other way to end.
"""

import msgspec
from msgspec import Raw

from extproc.apischema import openai_responses
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_responses import Event, OutputTexts
from extproc.apischema.openai_responses import Response as ResponseObject
from extproc.config.model import Target
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome, Response
from extproc.translator.openai_meter import ENDED_EARLY, StreamMeter, WholeMeter
from extproc.translator.openai_to_openai import OpenAIToOpenAI
from extproc.wire import sse

_PRODUCED = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.mcp_call_arguments.delta",
        "response.code_interpreter_call_code.delta",
    }
)
_BEGUN = frozenset({"response.created", "response.queued", "response.in_progress"})
_ENDED = frozenset({"response.completed", "response.incomplete", "response.failed"})
_FINISH_REASONS = {"max_output_tokens": "length"}
_CALLS = frozenset({"function_call", "custom_tool_call"})

_decode_event = msgspec.json.Decoder(Event).decode
_decode_response = msgspec.json.Decoder(ResponseObject).decode
_decode_item = msgspec.json.Decoder(OutputTexts).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_any = msgspec.json.Decoder(Raw).decode
_decode_text = msgspec.json.Decoder(str).decode


class OpenAIToOpenAIResponses(OpenAIToOpenAI):
    """Changes the model's name; all else stays byte for byte."""

    def response(self, call: Call, *, streamed: bool) -> Response:
        return ResponsesStreamMeter() if streamed else WholeMeter(read_response)


class OpenAIToAzureResponses(OpenAIToOpenAIResponses):
    """Azure OpenAI, whose `v1` API alone has Responses for every model: its path, whatever the backend's version."""

    def _path(self, call: Call, target: Target) -> str:
        _, mark, query = call.path.partition("?")
        return f"{target.backend.base_path}/openai/v1{call.endpoint.path}{mark}{query}"


class ResponsesStreamMeter(StreamMeter):
    """A stream of Responses events, passed on as whole events, byte for byte."""

    def __init__(self) -> None:
        super().__init__(hide_usage=False)
        self._next_number = 0
        self._response: Raw | None = None
        self._error_seen = False

    def _observe(self, event: sse.Event) -> bool:
        try:
            self._read(_decode_event(event.data))
        except msgspec.ValidationError:
            _check_json(event.data)  # of a shape we do not know: for the caller to understand
        except MALFORMED:
            raise _not_json() from None
        return True

    def _read(self, event: Event) -> None:
        self._next_number = max(self._next_number, event.sequence_number + 1)
        if event.type in _PRODUCED:
            if isinstance(event.delta, Raw):
                self.outcome.text.append(_decode_text(event.delta))
                self.outcome.chunks += 1
        elif event.type in _BEGUN and isinstance(event.response, Raw):
            self._response = event.response
            _settle(_decode_response(event.response), self.outcome)
        elif event.type in _ENDED:
            self.outcome.complete = True
            if isinstance(event.response, Raw):
                _settle(_decode_response(event.response), self.outcome)
        elif event.type == "error":
            self._error_seen = True
            self.outcome.error = "provider_error"

    def _end(self) -> bytes:
        """Every stream of this API ends with the response; nothing stands for that."""
        return self._break(ENDED_EARLY)

    def _break(self, message: str) -> bytes:
        self._broken = True
        if self._error_seen:
            return b""  # the provider has said it all
        self.outcome.error = self.outcome.error or "stream_error"
        error = UpstreamError(message)
        return openai_responses.numbered_error_event(error, self._next_number) + self._failed(error)

    def _failed(self, error: UpstreamError) -> bytes:
        """The response as it began, but failed; nothing where its beginning was not seen."""
        if self._response is None:
            return b""
        try:
            fields = _decode_fields(self._response)
        except MALFORMED:
            return b""
        shown = {"code": openai_responses.failure(error.type, error.code), "message": error.message}
        event = {
            "type": "response.failed",
            "sequence_number": self._next_number + 1,
            "response": {**fields, "status": "failed", "error": shown},
        }
        return sse.encode(msgspec.json.encode(event), "response.failed")


def _check_json(data: bytes) -> None:
    """A wrong type is found before what is not JSON at all behind it."""
    try:
        _decode_any(data)
    except MALFORMED:
        raise _not_json() from None


def _not_json() -> UpstreamError:
    return UpstreamError("The provider sent an event that is not JSON.")


def read_response(body: bytes, outcome: Outcome) -> None:
    """Fills in the outcome from a whole answer, what it produced included."""
    try:
        response = _decode_response(body)
    except msgspec.ValidationError:
        return
    except MALFORMED:
        outcome.error = "malformed_response"
        return
    for item in _items(response):
        outcome.text += _texts(item)
    _settle(response, outcome)


def _settle(response: ResponseObject, outcome: Outcome) -> None:
    outcome.response_id = response.id or outcome.response_id
    outcome.response_model = response.model or outcome.response_model
    if response.usage is not None:
        outcome.usage = response.usage.to_token_usage()
    if response.status == "failed" or response.error is not None:
        outcome.error = "provider_error"
    elif response.status in ("completed", "incomplete"):
        outcome.finish_reasons.append(_finish_reason(response))


def _finish_reason(response: ResponseObject) -> str:
    """In the chat API's terms."""
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details is not None else None
        return _FINISH_REASONS.get(reason or "", reason or "incomplete")
    return "tool_calls" if any(item.type in _CALLS for item in _items(response)) else "stop"


def _items(response: ResponseObject) -> list[OutputTexts]:
    """The output items whose shape we know."""
    found = []
    for raw in response.output or ():
        try:
            found.append(_decode_item(raw))
        except msgspec.ValidationError:
            continue
    return found


def _texts(item: OutputTexts) -> list[str]:
    parts = [text for part in item.content or () for text in (part.text, part.refusal)]
    found = [*parts, *(part.text for part in item.summary or ()), item.name, item.arguments, item.input]
    return [text for text in found if text]
