"""OpenAI Chat Completions (caller) to Anthropic Messages (backend).

References: https://platform.openai.com/docs/api-reference/chat/create and
https://platform.claude.com/docs/en/api/messages (both seen 2026-11-21).

Every field of the request is one of these; what is in none of them is a loss, which the backend refuses or drops:

* translated by a step of `request` below, or handled by the gateway itself (`model`, `stream`, `stream_options`);
* Anthropic's own, sent through OpenAI's SDK as `extra_body`: passed on as it is (`_OWN`);
* ignored because nothing of the answer depends on it (`_IGNORED`);
* a loss, except where it is null or says what Anthropic does anyway (`_NEUTRAL`): `audio`, `frequency_penalty`,
  `function_call`, `functions`, `logit_bias`, `logprobs`, `modalities`, `moderation`, `n`, `presence_penalty`, `seed`,
  `store`, `top_logprobs`, `verbosity`, `web_search_options`, and all that OpenAI's API does not know.

What the two formats mean differently:

* `max_tokens` is required there. Without one the backend's `max_tokens_default` is sent, and room for the reasoning
  that was asked for comes on top, because both APIs count reasoning as output.
* `temperature` ends at 1 there, and Claude 4.7, API version 2026-10-21 and reasoning know no sampling parameters at
  all: what cannot be said is a loss, never clamped. A value of 1 is both APIs' default and is not sent.
* `response_format` `json_schema` with `strict` is Anthropic's own `output_config.format`. Without `strict`, as
  `json_object`, or on models before 4.5, a forced tool stands for it, and its input comes back as the answer's content.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from extproc.apischema import anthropic, openai_chat
from extproc.apischema.anthropic import JsonFormat, MessagesRequest, Metadata, OutputConfig, Thinking, Tool, ToolChoice
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import ChatRequest, Function, ResponseFormat
from extproc.config.model import Backend, Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.anthropic_models import ModelFacts, ThinkingMode, model_facts
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.losses import Losses
from extproc.translator.openai_to_anthropic_messages import conversation
from extproc.translator.openai_to_anthropic_response import JSON_TOOL, WholeResponse, error_answer
from extproc.translator.openai_to_anthropic_stream import StreamedResponse

_TRANSLATED = frozenset(ChatRequest.__struct_fields__) | {"model", "stream", "stream_options"}
_OWN = frozenset({"thinking", "top_k", "cache_control"})
_IGNORED = frozenset(
    {
        "metadata",  # labels for OpenAI's dashboard
        "prediction",  # speeds an answer up
        "prompt_cache_key",  # the three of caching change cost and speed only
        "prompt_cache_options",
        "prompt_cache_retention",
    }
)
_NEUTRAL: Mapping[str, object] = {
    "frequency_penalty": 0,
    "functions": [],
    "logit_bias": {},
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "presence_penalty": 0,
    "store": False,
    "top_logprobs": 0,
    "verbosity": "medium",
}
_SERVICE_TIERS = {"auto": "auto", "default": "standard_only"}
_TOOL_CHOICES = {"auto": "auto", "none": "none", "required": "any"}

# Tokens of reasoning per effort, for models that take a budget; Anthropic's least is 1,024.
_LEAST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32768}
_ANSWER_SHARE = 5  # of a caller's own `max_tokens`, one part in five at least is left for the answer
_EFFORTS = {effort: "low" if effort == "minimal" else effort for effort in _BUDGETS}

_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_ANY_OBJECT = Raw(b'{"type":"object"}')
# Anthropic's names of its own tools end with the day they were made: `web_search_20250305`.
_OWN_TOOL = re.compile(r"_20\d{6}$")
_THINKING = msgspec.json.Decoder(Thinking)


class OpenAIToAnthropic:
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
        backend = target.backend
        return UpstreamRequest(
            path=backend.base_path + "/messages",
            body=msgspec.json.encode(step.out),
            headers=((anthropic.VERSION_HEADER, _version(backend)),),
            dropped=step.losses.dropped,
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        json_tool = _given(call, "response_format") is not None
        return StreamedResponse(call, json_tool=json_tool) if streamed else WholeResponse(call, json_tool=json_tool)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


class _Request:
    """One request on its way from `chat` to `out`, step by step; later steps look at what earlier ones have set."""

    def __init__(self, call: Call, chat: ChatRequest, target: Target) -> None:
        self._call = call
        self._chat = chat
        self._backend = target.backend
        self._facts: ModelFacts = model_facts(target.model)
        self._thinks = False
        self.losses = Losses(target.backend)
        self.out = MessagesRequest(target.model, target.backend.max_tokens_default, [], stream=call.stream)

    def refuse_unknown(self) -> None:
        for name, value in self._call.fields.items():
            known = name in _TRANSLATED or name in _OWN or name in _IGNORED
            if not known and not _says_nothing(name, value):
                self.losses.lose(name)

    def set_messages(self) -> None:
        talk = conversation(self._chat.messages, self.losses)
        self.out.system, self.out.messages = talk.system, talk.turns

    def set_tools(self) -> None:
        for index, raw in enumerate(self._chat.tools or ()):
            where = f"tools[{index}]"
            tool = openai_chat.parse_tool(raw, where)
            if tool.function is not None:
                self.out.tools.append(_tool(tool.function, tool.cache_control))
            elif _OWN_TOOL.search(tool.type):
                self.out.tools.append(raw)
            else:
                self.losses.lose(where, "Anthropic has no tools of this type")
        self.out.tool_choice = self._tool_choice()

    def set_response_format(self) -> None:
        wanted = self._chat.response_format
        if wanted is None:
            return
        if any(isinstance(tool, Tool) and tool.name == JSON_TOOL for tool in self.out.tools):
            raise InvalidRequest(f"tools: the name {JSON_TOOL} is taken by response_format", param="tools")
        if wanted.type == "text":
            return
        schema, strict = _schema(wanted)
        if schema is not None and self._facts.json_format and (strict or not self._facts.forced_tools):
            self.out.output_config = OutputConfig(format=JsonFormat(schema))
        elif self.out.tool_choice is None or not self.out.tool_choice.forced:
            self._force_json_tool(schema or _ANY_OBJECT)

    def set_thinking(self) -> None:
        """`thinking` and, because reasoning counts as output, `max_tokens`."""
        chat, own = self._chat, _given(self._call, "thinking")
        limit = chat.max_tokens if chat.max_completion_tokens is None else chat.max_completion_tokens
        room = 0
        if own is not None:
            room = self._think_as_told(own)
        elif chat.reasoning_effort is not None:
            room = self._think(chat.reasoning_effort, limit)
        self.out.max_tokens = self._backend.max_tokens_default + room if limit is None else limit

    def set_sampling(self) -> None:
        chat, out, keep = self._chat, self.out, self.losses.keep
        why_not = self._no_sampling()
        if chat.temperature is not None and chat.temperature != 1:
            too_high = "Anthropic's temperature ends at 1" if chat.temperature > 1 else ""
            out.temperature = keep("temperature", chat.temperature, why_not or too_high)
        if chat.top_p is not None and chat.top_p != 1:
            both = out.temperature is not None and not self._facts.temperature_with_top_p
            one_of_two = "the model takes either temperature or top_p" if both else ""
            out.top_p = keep("top_p", chat.top_p, why_not or one_of_two)
        top_k = _given(self._call, "top_k")
        if top_k is not None:
            out.top_k = keep("top_k", top_k, why_not)

    def set_rest(self) -> None:
        chat, out = self._chat, self.out
        out.stop_sequences = [chat.stop] if isinstance(chat.stop, str) else chat.stop or []
        user = chat.safety_identifier or chat.user
        out.metadata = Metadata(user) if user else None
        if chat.service_tier is not None:
            out.service_tier = _SERVICE_TIERS.get(chat.service_tier)
            if out.service_tier is None:
                self.losses.lose("service_tier", "Anthropic has only the tiers auto and default")
        out.cache_control = _given(self._call, "cache_control")

    def _tool_choice(self) -> ToolChoice | None:
        choice = self._wanted_choice()
        if not self.out.tools:
            if choice.forced:
                raise InvalidRequest("tool_choice: there are no tools to choose from", param="tool_choice")
            return None
        if choice.forced and not self._facts.forced_tools:
            self.losses.lose("tool_choice", "the model cannot be made to call a tool")
            choice = ToolChoice("auto")
        if self._chat.parallel_tool_calls is False and choice.type != "none":
            choice.disable_parallel_tool_use = True
        return None if choice == ToolChoice("auto") else choice

    def _wanted_choice(self) -> ToolChoice:
        wanted = self._chat.tool_choice
        if wanted is None:
            return ToolChoice("auto")
        if isinstance(wanted, str):
            if wanted not in _TOOL_CHOICES:
                raise InvalidRequest("tool_choice: neither auto, none, required nor a function", param="tool_choice")
            return ToolChoice(_TOOL_CHOICES[wanted])
        if wanted.function is not None:
            return ToolChoice("tool", wanted.function.name)
        self.losses.lose("tool_choice", "only a function can be chosen")
        return ToolChoice("auto")

    def _force_json_tool(self, schema: Raw) -> None:
        """The answer as a tool's input. With other tools to call, the model may take one of those first."""
        tools, choice = self.out.tools, self.out.tool_choice
        if not self._facts.forced_tools:
            self.losses.lose("response_format", "the model needs a JSON schema")
            return
        if tools and (choice is None or choice.type != "none"):
            parallel = None if choice is None else choice.disable_parallel_tool_use
            self.out.tool_choice = ToolChoice("any", disable_parallel_tool_use=parallel)
        else:
            self.out.tool_choice = ToolChoice("tool", JSON_TOOL, disable_parallel_tool_use=True)
        tools.append(Tool(JSON_TOOL, schema, "Gives the answer to the user: its input is the whole answer."))

    def _think(self, effort: str, limit: int | None) -> int:
        """Returns the tokens that the reasoning may need on top of an answer."""
        if effort == "none":
            self._think_not()
            return 0
        if effort not in _BUDGETS:
            raise InvalidRequest("reasoning_effort: unknown effort", param="reasoning_effort")
        budget = _BUDGETS[effort]
        if self._facts.thinking is ThinkingMode.BUDGET and limit is not None:
            budget = min(budget, limit - limit // _ANSWER_SHARE)
        why = self._no_thinking(budget)
        if why:
            self.losses.lose("reasoning_effort", why)
            return 0
        self._thinks = True
        if self._facts.thinking is ThinkingMode.BUDGET:
            self.out.thinking = Thinking("enabled", budget_tokens=budget)
        else:
            self.out.thinking = Thinking("adaptive", display="summarized")
            self.out.output_config = self.out.output_config or OutputConfig()
            self.out.output_config.effort = _EFFORTS[effort]
        return budget

    def _think_not(self) -> None:
        if self._facts.thinking_off is None:
            self.losses.lose("reasoning_effort", "the model always reasons")
        elif self._facts.thinking is not ThinkingMode.NONE:
            self.out.thinking = Thinking(self._facts.thinking_off)

    def _think_as_told(self, own: Raw) -> int:
        if self._chat.reasoning_effort is not None:
            raise InvalidRequest("thinking: give either thinking or reasoning_effort", param="thinking")
        try:
            told = _THINKING.decode(own)
        except MALFORMED as error:
            raise openai_chat.invalid(error, "thinking") from error
        self.out.thinking = own
        self._thinks = told.type in ("enabled", "adaptive")
        return told.budget_tokens or 0

    def _no_thinking(self, budget: int) -> str:
        """Why the model cannot be asked to reason; nothing if it can."""
        choice = self.out.tool_choice
        if self._facts.thinking is ThinkingMode.NONE:
            return "the model does not reason"
        if choice is not None and choice.forced and not self._facts.forced_tools_while_thinking:
            return "the model cannot reason when it is made to call a tool (tool_choice, response_format)"
        if budget < _LEAST_BUDGET:
            return f"max_completion_tokens leaves less than the {_LEAST_BUDGET} tokens that reasoning takes at least"
        return ""

    def _no_sampling(self) -> str:
        """Why there can be no sampling parameters; nothing if there can."""
        if not self._facts.sampling:
            return "the model has no sampling parameters"
        if _version(self._backend) >= anthropic.VERSION_WITHOUT_SAMPLING:
            return "this version of Anthropic's API has no sampling parameters"
        return "the model takes no sampling parameters when it reasons" if self._thinks else ""


def _version(backend: Backend) -> str:
    return backend.api_version or anthropic.VERSION


def _given(call: Call, name: str) -> Raw | None:
    """A field of the request that is there and not null."""
    return _value(call.fields.get(name))


def _says_nothing(name: str, value: Raw) -> bool:
    """Null, or what Anthropic does anyway."""
    if _value(value) is None:
        return True
    try:
        return name in _NEUTRAL and bool(msgspec.json.decode(value) == _NEUTRAL[name])
    except MALFORMED:
        return False


def _tool(function: Function, cache_control: openai_chat.CacheControl | None) -> Tool:
    return Tool(
        name=function.name,
        input_schema=_value(function.parameters) or _NO_PARAMETERS,
        description=function.description,
        strict=function.strict,
        cache_control=cache_control or function.cache_control,
    )


def _schema(wanted: ResponseFormat) -> tuple[Raw | None, bool]:
    """The JSON schema that is asked for (None: any object), and whether it must be kept to."""
    if wanted.type == "json_object":
        return None, False
    given = wanted.json_schema
    schema = _value(given.schema) if given is not None else None
    if wanted.type != "json_schema" or given is None or schema is None:
        raise InvalidRequest("response_format: neither text, json_object nor a json_schema", param="response_format")
    return schema, given.strict is True


def _value(raw: Raw | msgspec.UnsetType | None) -> Raw | None:
    return raw if isinstance(raw, Raw) and bytes(raw) != b"null" else None
