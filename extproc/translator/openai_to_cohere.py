"""OpenAI Chat Completions (caller) to Cohere's Chat, version 2 (backend).

References: https://platform.openai.com/docs/api-reference/chat/create and https://docs.cohere.com/reference/chat (read
in the SDKs' types and in excerpts, 2026-11-21).

Every field of the request is one of these; what is in none of them is a loss, which the backend refuses or drops:

* translated by a step of `request` below, or handled by the gateway itself (`model`, `stream`, `stream_options`);
* Cohere's own, sent through OpenAI's SDK as `extra_body`: passed on as it is (`_OWN`);
* ignored because nothing of the answer depends on it (`_IGNORED`);
* a loss, except where it is null or says what Cohere does anyway (`_NEUTRAL`): `audio`, `function_call`, `functions`,
  `logit_bias`, `logprobs`, `modalities`, `moderation`, `n`, `store`, `top_logprobs`, `verbosity`,
  `web_search_options`, and all that OpenAI's API does not know.

What the two formats mean differently:

* `temperature` ends at 1 there, penalties lie between 0 and 1, and `p` between 0.01 and 0.99: what cannot be said is a
  loss, never clamped. Without them Cohere has defaults of its own (temperature 0.3, p 0.75).
* A named `tool_choice` is a required one with that tool alone. `strict` belongs to all tools together (`strict_tools`).
* `response_format` does not go together with tools there: then a required tool stands for it, and its input comes back
  as the answer's content.
* Log probabilities are of stretches of text there, not of tokens, and have no alternatives: a loss.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from extproc.apischema import cohere, openai_chat
from extproc.apischema.cohere import Thinking, Tool
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import ChatRequest, Function, ResponseFormat
from extproc.config.model import Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.fields import given, present, says_nothing
from extproc.translator.losses import Losses
from extproc.translator.openai_to_cohere_messages import conversation
from extproc.translator.openai_to_cohere_response import JSON_TOOL, WholeResponse, error_answer
from extproc.translator.openai_to_cohere_stream import StreamedResponse

_TRANSLATED = (frozenset(ChatRequest.__struct_fields__) - {"service_tier"}) | {
    "frequency_penalty",
    "model",
    "presence_penalty",
    "seed",
    "stream",
    "stream_options",
}
_OWN = frozenset({"citation_options", "documents", "k", "priority", "safety_mode", "thinking"})
_IGNORED = frozenset(
    {
        "metadata",  # labels for OpenAI's dashboard
        "prediction",  # speeds an answer up
        "prompt_cache_key",  # the three of caching change cost and speed only
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",  # these two tell users apart for OpenAI's abuse detection
        "user",
    }
)
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
}
_TOOL_CHOICES = {"auto": None, "none": "NONE", "required": "REQUIRED"}
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 31000}
_ANSWER_SHARE = 5  # of a caller's own `max_tokens`, one part in five at least is left for the answer

_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_ANY_OBJECT = Raw(b'{"type":"object"}')
_PENALTY = msgspec.json.Decoder(int | float | None)


class OpenAIToCohere:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        chat = openai_chat.parse(call.body)
        step = _Request(call, chat, target)
        step.refuse_unknown()
        step.set_messages()
        step.set_tools()
        step.set_response_format()
        step.set_thinking()
        step.set_sampling()
        step.set_rest()
        body = msgspec.json.encode(step.out)
        return UpstreamRequest(path=target.backend.base_path + "/chat", body=body, dropped=step.losses.dropped)

    def response(self, call: Call, *, streamed: bool) -> Response:
        json_tool = given(call, "response_format") is not None
        return StreamedResponse(call, json_tool=json_tool) if streamed else WholeResponse(call, json_tool=json_tool)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


class _Request:
    """One request on its way from `chat` to `out`, step by step; later steps look at what earlier ones have set."""

    def __init__(self, call: Call, chat: ChatRequest, target: Target) -> None:
        self._call = call
        self._chat = chat
        self.losses = Losses(target.backend)
        self.out = cohere.ChatRequest(target.model, [], stream=call.stream)

    def refuse_unknown(self) -> None:
        for name, value in self._call.fields.items():
            known = name in _TRANSLATED or name in _OWN or name in _IGNORED
            if not known and not says_nothing(name, value, _NEUTRAL):
                self.losses.lose(name)

    def set_messages(self) -> None:
        self.out.messages = conversation(self._chat.messages, self.losses)

    def set_tools(self) -> None:
        functions: list[Function] = []
        for index, raw in enumerate(self._chat.tools or ()):
            tool = openai_chat.parse_tool(raw, f"tools[{index}]")
            if tool.function is None:
                self.losses.lose(f"tools[{index}]", "Cohere has no tools of this type")
            else:
                functions.append(tool.function)
        functions = self._chosen(functions)
        self.out.tools = [_tool(function) for function in functions]
        strict = [function.strict is True for function in functions]
        self.out.strict_tools = bool(strict) and all(strict)
        if any(strict) and not all(strict):
            self.losses.lose("tools", "Cohere keeps to the schemas of all tools or of none")
        if self._chat.parallel_tool_calls is False and functions:
            self.losses.lose("parallel_tool_calls", "Cohere's models decide how many tools they call")

    def set_response_format(self) -> None:
        wanted = self._chat.response_format
        if wanted is None:
            return
        if any(tool.function.name == JSON_TOOL for tool in self.out.tools):
            raise InvalidRequest(f"tools: the name {JSON_TOOL} is taken by response_format", param="tools")
        if wanted.type == "text":
            return
        schema = _schema(wanted)
        if not self.out.tools or self.out.tool_choice == "NONE":
            self.out.tools, self.out.tool_choice, self.out.strict_tools = [], None, False
            self.out.response_format = cohere.ResponseFormat("json_object", schema)
        elif self.out.tool_choice is None:
            self._force_json_tool(schema or _ANY_OBJECT)

    def set_thinking(self) -> None:
        effort, own = self._chat.reasoning_effort, given(self._call, "thinking")
        if own is not None:
            if effort is not None:
                raise InvalidRequest("thinking: give either thinking or reasoning_effort", param="thinking")
            self.out.thinking = own
        elif effort == "none":
            self.out.thinking = Thinking("disabled")
        elif effort is not None:
            self.out.thinking = Thinking("enabled", self._budget(effort))

    def set_sampling(self) -> None:
        chat, out, keep = self._chat, self.out, self.losses.keep
        if chat.temperature is not None:
            too_high = "Cohere's temperature ends at 1" if chat.temperature > 1 else ""
            out.temperature = keep("temperature", chat.temperature, too_high)
        if chat.top_p is not None:
            out_of_range = "" if 0.01 <= chat.top_p <= 0.99 else "Cohere's p lies between 0.01 and 0.99"
            out.p = keep("top_p", chat.top_p, out_of_range)
        out.frequency_penalty = self._penalty("frequency_penalty")
        out.presence_penalty = self._penalty("presence_penalty")
        out.seed = given(self._call, "seed")

    def set_rest(self) -> None:
        chat, out = self._chat, self.out
        out.max_tokens = self._limit
        out.stop_sequences = [chat.stop] if isinstance(chat.stop, str) else chat.stop or []
        out.k = given(self._call, "k")
        out.documents = given(self._call, "documents")
        out.citation_options = given(self._call, "citation_options")
        out.safety_mode = given(self._call, "safety_mode")
        out.priority = given(self._call, "priority")

    @property
    def _limit(self) -> int | None:
        chat = self._chat
        return chat.max_tokens if chat.max_completion_tokens is None else chat.max_completion_tokens

    def _chosen(self, functions: list[Function]) -> list[Function]:
        """The functions that the model may call; sets `tool_choice`."""
        wanted = self._chat.tool_choice
        if wanted is None:
            return functions
        if isinstance(wanted, str):
            if wanted not in _TOOL_CHOICES:
                raise InvalidRequest("tool_choice: neither auto, none, required nor a function", param="tool_choice")
            self._choose(_TOOL_CHOICES[wanted], functions)
            return functions
        if wanted.function is None:
            self.losses.lose("tool_choice", "only a function can be chosen")
            return functions
        named = [function for function in functions if function.name == wanted.function.name]
        self._choose("REQUIRED", named)
        return named

    def _choose(self, choice: str | None, functions: list[Function]) -> None:
        if choice == "REQUIRED" and not functions:
            raise InvalidRequest("tool_choice: there is no such tool to choose", param="tool_choice")
        self.out.tool_choice = choice if functions else None

    def _force_json_tool(self, schema: Raw) -> None:
        """The answer as a tool's input; the model may take one of the caller's tools first."""
        about = "Gives the answer to the user: its input is the whole answer."
        self.out.tools.append(Tool(cohere.Function(JSON_TOOL, schema, about)))
        self.out.tool_choice = "REQUIRED"

    def _budget(self, effort: str) -> int:
        if effort not in _BUDGETS:
            raise InvalidRequest("reasoning_effort: unknown effort", param="reasoning_effort")
        limit = self._limit
        return _BUDGETS[effort] if limit is None else max(1, min(_BUDGETS[effort], limit - limit // _ANSWER_SHARE))

    def _penalty(self, name: str) -> int | float | None:
        """A penalty, if there is one: 0 is Cohere's default."""
        raw = given(self._call, name)
        if raw is None:
            return None
        try:
            value = _PENALTY.decode(raw)
        except MALFORMED as error:
            raise openai_chat.invalid(error, name) from error
        out_of_range = "" if value is None or 0 <= value <= 1 else "Cohere's penalties lie between 0 and 1"
        return self.losses.keep(name, value, out_of_range) or None


def _tool(function: Function) -> Tool:
    return Tool(cohere.Function(function.name, present(function.parameters) or _NO_PARAMETERS, function.description))


def _schema(wanted: ResponseFormat) -> Raw | None:
    """The JSON schema that is asked for; None: any object."""
    if wanted.type == "json_object":
        return None
    schema = present(wanted.json_schema.schema) if wanted.json_schema is not None else None
    if wanted.type != "json_schema" or schema is None:
        raise InvalidRequest("response_format: neither text, json_object nor a json_schema", param="response_format")
    return schema
