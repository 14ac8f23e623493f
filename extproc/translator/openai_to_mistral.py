"""OpenAI Chat Completions (caller) to Mistral's chat completions (backend).

References: https://platform.openai.com/docs/api-reference/chat/create and https://docs.mistral.ai/api/endpoint/chat
(read in the SDKs' types and in excerpts, 2026-11-21).

Mistral's API is OpenAI's in outline, and refuses every field that it does not know. Every field of the request is one
of these; what is in none of them is a loss, which the backend refuses or drops:

* the same in both (`_SAME`), or Mistral's own, sent through OpenAI's SDK as `extra_body` (`_OWN`): passed on as it is;
* the same under another name (`_RENAMED`);
* translated by a step of `request` below, or handled by the gateway itself (`model`, `stream`, `stream_options`:
  Mistral ends every stream with its usage);
* ignored because nothing of the answer depends on it (`_IGNORED`);
* a loss, except where it is null or says what Mistral does anyway (`_NEUTRAL`): `audio`, `function_call`, `functions`,
  `logit_bias`, `modalities`, `moderation`, `store`, `verbosity`, `web_search_options`, and all that OpenAI's API does
  not know.

`temperature` ends at 1.5 there: what cannot be said is a loss, never clamped.
"""

from collections.abc import Mapping

from msgspec import Raw

from extproc.apischema import mistral, openai_chat
from extproc.apischema.mistral import CallerRequest, Tool
from extproc.apischema.openai_chat import Function
from extproc.config.model import Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.fields import given, present, says_nothing
from extproc.translator.losses import Losses
from extproc.translator.openai_to_mistral_messages import conversation
from extproc.translator.openai_to_mistral_response import WholeResponse, error_answer
from extproc.translator.openai_to_mistral_stream import StreamedResponse
from extproc.wire.json_object import encode_object

_SAME = frozenset(
    {
        "frequency_penalty",
        "logprobs",
        "metadata",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "stop",
        "top_logprobs",
        "top_p",
    }
)
_OWN = frozenset(
    {
        "guardrails",
        "min_tokens",
        "prompt_logprobs",
        "prompt_mode",
        "random_seed",
        "repetition_penalty",
        "safe_prompt",
        "top_k",
        "top_prompt_logprobs",
    }
)
_RENAMED = {"max_completion_tokens": "max_tokens", "max_tokens": "max_tokens", "seed": "random_seed"}
_TRANSLATED = frozenset(
    {"messages", "model", "service_tier", "stream", "stream_options", "temperature", "tool_choice", "tools"}
)
_IGNORED = frozenset(
    {
        "prompt_cache_options",  # these two of caching change cost and speed only
        "prompt_cache_retention",
        "safety_identifier",  # these two tell users apart for OpenAI's abuse detection
        "user",
    }
)
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "store": (False,),
    "verbosity": ("medium",),
}
_SERVICE_TIERS = {"auto": "auto", "default": "standard_only"}
_TOOL_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_MOST_TEMPERATURE = 1.5
_OWN_TOOLS = frozenset({"connector", "document_library", "image_generation"})
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')


class OpenAIToMistral:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        chat = mistral.parse(call.body)
        step = _Request(call, chat, target)
        step.set_messages()
        step.set_plain_fields()
        step.set_tools()
        step.set_rest()
        path = target.backend.base_path + "/chat/completions"
        return UpstreamRequest(path=path, body=encode_object(step.out), dropped=step.losses.dropped)

    def response(self, call: Call, *, streamed: bool) -> Response:
        return StreamedResponse(call) if streamed else WholeResponse(call)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


class _Request:
    """One request on its way to `out`, step by step."""

    def __init__(self, call: Call, chat: CallerRequest, target: Target) -> None:
        self._call = call
        self._chat = chat
        self.losses = Losses(target.backend)
        self.out: dict[str, object] = {"model": target.model}

    def set_messages(self) -> None:
        self.out["messages"] = conversation(self._chat.messages, self.losses)

    def set_plain_fields(self) -> None:
        """What passes on as it is, under its own or another name; names what cannot."""
        for name, value in self._call.fields.items():
            if name in _SAME or name in _OWN:
                self._set(name, value)
            elif name in _RENAMED and self._first_of_its_name(name):
                self._set(_RENAMED[name], value)
            elif not self._has_a_place(name) and not says_nothing(name, value, _NEUTRAL):
                self.losses.lose(name)

    def set_tools(self) -> None:
        tools: list[object] = []
        for index, raw in enumerate(self._chat.tools or ()):
            tool = openai_chat.parse_tool(raw, f"tools[{index}]")
            if tool.function is not None:
                tools.append(_tool(tool.function))
            elif tool.type in _OWN_TOOLS:
                tools.append(raw)
            else:
                self.losses.lose(f"tools[{index}]", "Mistral has no tools of this type")
        if tools:
            self.out["tools"] = tools
        choice = self._tool_choice()
        if choice is not None:
            self.out["tool_choice"] = choice

    def set_rest(self) -> None:
        chat = self._chat
        if chat.temperature is not None:
            too_high = "Mistral's temperature ends at 1.5" if chat.temperature > _MOST_TEMPERATURE else ""
            if self.losses.keep("temperature", chat.temperature, too_high) is not None:
                self.out["temperature"] = self._call.fields["temperature"]
        if chat.service_tier in _SERVICE_TIERS:
            self.out["service_tier"] = _SERVICE_TIERS[chat.service_tier]
        elif chat.service_tier is not None:
            self.losses.lose("service_tier", "Mistral has only the tiers auto and default")
        if self._call.stream:
            self.out["stream"] = True

    def _set(self, name: str, value: Raw) -> None:
        if present(value) is not None:
            self.out[name] = value

    def _first_of_its_name(self, name: str) -> bool:
        """Whether a field counts: `max_completion_tokens` goes before the deprecated `max_tokens`."""
        return name != "max_tokens" or given(self._call, "max_completion_tokens") is None

    def _has_a_place(self, name: str) -> bool:
        return name in _TRANSLATED or name in _RENAMED or name in _IGNORED

    def _tool_choice(self) -> object:
        wanted = self._chat.tool_choice
        if wanted is None:
            return None
        if isinstance(wanted, str):
            if wanted not in _TOOL_CHOICES:
                raise InvalidRequest("tool_choice: neither auto, none, required nor a function", param="tool_choice")
            return _TOOL_CHOICES[wanted]
        if wanted.function is not None:
            return {"type": "function", "function": {"name": wanted.function.name}}
        self.losses.lose("tool_choice", "only a function can be chosen")
        return None


def _tool(function: Function) -> Tool:
    parameters = present(function.parameters) or _NO_PARAMETERS
    return Tool(mistral.Function(function.name, parameters, function.description, function.strict))
