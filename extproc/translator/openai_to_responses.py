"""OpenAI Chat Completions (caller) to OpenAI's Responses API (backend): for backends that speak nothing else.

References: https://platform.openai.com/docs/api-reference/chat/create,
https://platform.openai.com/docs/api-reference/responses/create,
https://platform.openai.com/docs/guides/migrate-to-responses (read in the SDKs' types and in excerpts, 2026-11-21).

Every field of the request is one of these; what is in none of them is a loss, which the backend refuses or drops:

* the same in both (`_SAME`), or of Responses alone, sent through OpenAI's SDK as `extra_body` (`_OWN`): passed on;
* translated by a step of `request` below, or handled by the gateway itself (`model`, `stream`, `stream_options`);
* ignored because nothing of the answer depends on it (`_IGNORED`);
* a loss, except where it is null or says what Responses does anyway (`_NEUTRAL`): `audio`, `frequency_penalty`,
  `function_call`, `functions`, `logit_bias`, `logprobs`, `modalities`, `n`, `presence_penalty`, `seed`, `stop`,
  `top_logprobs`, `web_search_options`, and all that OpenAI's API does not know.

Nothing is stored unless the caller says so, as in chat; then reasoning comes encrypted, and goes back with its calls.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from extproc.apischema import openai_chat, responses_backend
from extproc.apischema.openai_chat import Function, ResponseFormat
from extproc.apischema.responses_backend import CallerRequest, Format, FunctionTool, Text
from extproc.config.model import Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.fields import given, present, says_nothing
from extproc.translator.losses import Losses
from extproc.translator.openai_to_openai import OpenAIToOpenAI
from extproc.translator.openai_to_responses_items import conversation
from extproc.translator.openai_to_responses_response import WholeResponse
from extproc.translator.openai_to_responses_stream import StreamedResponse
from extproc.wire.json_object import encode_object

_SAME = frozenset(
    {
        "metadata",
        "moderation",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "temperature",
        "top_p",
        "user",
    }
)
_OWN = frozenset({"max_tool_calls", "truncation"})
_TRANSLATED = frozenset(
    {
        "include",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "store",
        "stream",
        "stream_options",
        "tool_choice",
        "tools",
        "verbosity",
    }
)
_IGNORED = frozenset({"prediction"})  # speeds an answer up
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "frequency_penalty": (0,),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "presence_penalty": (0,),
    "stop": ([],),
    "top_logprobs": (0,),
}
_TOOL_CHOICES = frozenset({"auto", "none", "required"})
_ENCRYPTED = "reasoning.encrypted_content"
# Models that do not reason refuse to be asked for it (https://github.com/pydantic/pydantic-ai/issues/2865 and /3326,
# seen 2026-11-21).
_NO_REASONING = re.compile(r"\b(?:gpt-3|gpt-4|chatgpt-)|\bgpt-5[.\d]*-chat")
_INCLUDE = msgspec.json.Decoder(list[str])
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_OPENAI = OpenAIToOpenAI()


class OpenAIToResponses:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        chat = responses_backend.parse(call.body)
        step = _Request(call, chat, target)
        step.set_input()
        step.set_plain_fields()
        step.set_tools()
        step.set_text()
        step.set_reasoning()
        step.set_rest()
        path = target.backend.base_path + "/responses"
        return UpstreamRequest(path=path, body=encode_object(step.out), dropped=step.losses.dropped)

    def response(self, call: Call, *, streamed: bool) -> Response:
        return StreamedResponse(call) if streamed else WholeResponse(call)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return _OPENAI.error(status, body)


class _Request:
    """One request on its way to `out`, step by step."""

    def __init__(self, call: Call, chat: CallerRequest, target: Target) -> None:
        self._call = call
        self._chat = chat
        self._reasons = not _NO_REASONING.search(target.model)
        self.losses = Losses(target.backend)
        self.out: dict[str, object] = {"model": target.model}

    def set_input(self) -> None:
        talk = conversation(self._chat.messages, self.losses)
        if talk.instructions is not None:
            self.out["instructions"] = talk.instructions
        self.out["input"] = talk.items

    def set_plain_fields(self) -> None:
        """What passes on as it is; names what cannot."""
        for name, value in self._call.fields.items():
            if name in _SAME or name in _OWN:
                if present(value) is not None:
                    self.out[name] = value
            elif not (name in _TRANSLATED or name in _IGNORED or says_nothing(name, value, _NEUTRAL)):
                self.losses.lose(name)

    def set_tools(self) -> None:
        tools = []
        for index, raw in enumerate(self._chat.tools or ()):
            tool = openai_chat.parse_tool(raw, f"tools[{index}]")
            if tool.function is None:
                self.losses.lose(f"tools[{index}]", "only functions can be sent to this model")
            else:
                tools.append(_tool(tool.function))
        if tools:
            self.out["tools"] = tools
        choice = self._tool_choice()
        if choice is not None:
            self.out["tool_choice"] = choice

    def set_text(self) -> None:
        wanted, verbosity = self._chat.response_format, given(self._call, "verbosity")
        if wanted is not None or verbosity is not None:
            self.out["text"] = Text(None if wanted is None else _format(wanted), verbosity)

    def set_reasoning(self) -> None:
        effort, own = self._chat.reasoning_effort, given(self._call, "reasoning")
        if own is not None:
            if effort is not None:
                raise InvalidRequest("reasoning: give either reasoning or reasoning_effort", param="reasoning")
            self.out["reasoning"] = own
        elif effort is not None and self._reasons:
            self.out["reasoning"] = {"effort": effort}
        elif effort not in (None, "none"):
            self.losses.lose("reasoning_effort", "the model does not reason")

    def set_rest(self) -> None:
        chat = self._chat
        limit = chat.max_tokens if chat.max_completion_tokens is None else chat.max_completion_tokens
        if limit is not None:
            self.out["max_output_tokens"] = limit
        stored = given(self._call, "store")
        self.out["store"] = stored or False
        include = self._include()
        if include:
            self.out["include"] = include
        if self._call.stream:
            self.out["stream"] = True

    def _include(self) -> list[str]:
        """What the caller wants, and encrypted reasoning where nothing else keeps it."""
        asked = given(self._call, "include")
        try:
            include = [] if asked is None else _INCLUDE.decode(asked)
        except msgspec.DecodeError as error:
            raise openai_chat.invalid(error, "include") from error
        stored = bytes(given(self._call, "store") or b"") == b"true"
        if self._reasons and not stored and _ENCRYPTED not in include:
            include.append(_ENCRYPTED)
        return include

    def _tool_choice(self) -> object:
        wanted = self._chat.tool_choice
        if wanted is None:
            return None
        if isinstance(wanted, str):
            if wanted not in _TOOL_CHOICES:
                raise InvalidRequest("tool_choice: neither auto, none, required nor a function", param="tool_choice")
            return wanted
        if wanted.function is not None:
            return {"type": "function", "name": wanted.function.name}
        self.losses.lose("tool_choice", "only a function can be chosen")
        return None


def _tool(function: Function) -> FunctionTool:
    parameters = present(function.parameters) or _NO_PARAMETERS
    return FunctionTool(function.name, parameters, function.strict is True, function.description)


def _format(wanted: ResponseFormat) -> Format:
    given = wanted.json_schema
    if wanted.type != "json_schema":
        return Format(wanted.type)
    schema = present(given.schema) if given is not None else None
    if given is None or schema is None:
        raise InvalidRequest("response_format: a json_schema needs its schema", param="response_format")
    return Format("json_schema", given.name, schema, given.description, given.strict)
