"""Anthropic Messages (caller) in front of any backend, by way of OpenAI chat.

References: https://platform.claude.com/docs/en/api/messages/create,
https://platform.openai.com/docs/api-reference/chat/create (both seen 2026-11-21). It is the inverse of
`openai_to_anthropic`: what that makes of the document that comes out here is the document that went in, wherever the
hub can carry it.

Every field of the request is one of these:

* translated by a step of `_Chat` below, or handled by the gateway itself (`model`, `stream`);
* a name of OpenAI's that the Messages API does not have (`_NOT_ANTHROPICS`): refused, as Anthropic refuses it;
* anything else, Anthropic's own fields that the hub has no word for among them (`container`, `context_management`,
  `inference_geo`, `mcp_servers`, `speed`, …): carried under its own name.

What the hub has no word for travels as a field of its own, named by its path in the caller's request
(`tools[0].input_examples`). To the backend's translator it is a field that it does not know: it is refused, or dropped
and named, as the backend is set. So nothing is lost silently, and the caller reads of their own fields.

Reasoning is asked for in two ways. Formats in front of Claude take `thinking` itself (`own_thinking`). For all others
it is a `reasoning_effort`: the one that the caller gave in `output_config`; else the one whose budget is nearest below
`budget_tokens`, of the three that every model has; else for `adaptive` Anthropic's default, `high`. `disabled`, and
`between_tools`, are `none`.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from msgspec import Raw

from extproc.apischema import anthropic_request
from extproc.apischema.anthropic import Thinking
from extproc.apischema.anthropic_request import MessagesCall, Tool, Typed, read
from extproc.apischema.endpoints import CHAT
from extproc.errors import InvalidRequest
from extproc.translator.base import Call, Response
from extproc.translator.fields import present
from extproc.translator.messages_to_chat_messages import talk
from extproc.translator.messages_to_chat_response import WholeResponse
from extproc.translator.messages_to_chat_stream import StreamedResponse
from extproc.wire.json_object import encode_object

_TRANSLATED = frozenset(MessagesCall.__struct_fields__) | {"model", "stream", "max_tokens", "cache_control"}
_NOT_ANTHROPICS = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "modalities",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "stop",
        "store",
        "stream_options",
        "top_logprobs",
        "user",
        "verbosity",
        "web_search_options",
    }
)
_TOOL_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_SERVICE_TIERS = {"auto": None, "standard_only": "default"}  # `auto` is the default of both APIs

_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_DEFAULT_EFFORT = "high"
_BUDGETS = ((16384, "high"), (8192, "medium"))  # the least budget of an effort, as `openai_to_anthropic` has them
_OFF = ("disabled", "between_tools")

_TYPED = msgspec.json.Decoder(Typed)
_TOOL = msgspec.json.Decoder(Tool)
_TEXT = msgspec.json.Decoder(str | None)
_TRUE = Raw(b"true")


class _Format(msgspec.Struct, forbid_unknown_fields=True):
    """`output_config.format`."""

    type: str
    schema: Raw


_FORMAT = msgspec.json.Decoder(_Format)


class MessagesFront:
    """The front. It holds no state: one object serves every request.

    `own_thinking`: the backend's format takes Anthropic's `thinking` and `cache_control` of a request as they are.
    """

    def __init__(self, *, own_thinking: bool = False) -> None:
        self._own_thinking = own_thinking

    def chat(self, call: Call) -> Call:
        step = _Chat(call, anthropic_request.parse(call.body))
        step.carry_others()
        step.set_messages()
        step.set_tools()
        step.set_output(own_thinking=self._own_thinking)
        step.set_rest()
        if self._own_thinking:
            step.copy("cache_control", "cache_control")
        fields = step.fields()
        return replace(
            call,
            endpoint=CHAT,
            path="/v1" + CHAT.path,
            body=encode_object(fields),
            fields=fields,
            wants_usage=True,
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        return StreamedResponse(call) if streamed else WholeResponse(call)


class _Chat:
    """One request on its way from `asked` to the hub's fields, step by step."""

    def __init__(self, call: Call, asked: MessagesCall) -> None:
        self._call = call
        self._asked = asked
        self._out: dict[str, object] = {"model": call.fields["model"]}
        self._lost: list[str] = []

    def fields(self) -> Mapping[str, Raw]:
        """The hub's document, what it cannot say included by path."""
        made = {name: Raw(msgspec.json.encode(value)) for name, value in self._out.items()}
        return made | dict.fromkeys(self._lost, _TRUE)

    def copy(self, name: str, hub_name: str) -> None:
        """A field that the hub has too, as it is; a null says nothing."""
        value = present(self._call.fields.get(name))
        if value is not None:
            self._out[hub_name] = value

    def carry_others(self) -> None:
        for name in self._call.fields:
            if name in _NOT_ANTHROPICS:
                raise InvalidRequest(f"{name}: not a parameter of the Messages API", param=name)
            if name not in _TRANSLATED:
                self.copy(name, name)

    def set_messages(self) -> None:
        conversation = talk(self._asked.messages, self._asked.system)
        self._out["messages"] = conversation.messages
        self._lost += conversation.lost

    def set_tools(self) -> None:
        tools = [self._tool(raw, f"tools[{index}]") for index, raw in enumerate(self._asked.tools or ())]
        if tools:
            self._out["tools"] = tools
        choice = self._asked.tool_choice
        if choice is None:
            return
        if choice.disable_parallel_tool_use:
            self._out["parallel_tool_calls"] = False
        if choice.type == "tool" and choice.name:
            self._out["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        elif choice.type in _TOOL_CHOICES:
            self._out["tool_choice"] = _TOOL_CHOICES[choice.type]
        else:
            raise InvalidRequest("tool_choice: neither auto, any, none nor a named tool", param="tool_choice")

    def set_output(self, *, own_thinking: bool) -> None:
        """`response_format`, and the reasoning that is asked for."""
        config = dict(self._asked.output_config or {})
        wanted = present(config.pop("format", None))
        if wanted is not None:
            self._out["response_format"] = _response_format(wanted)
        self._set_reasoning(_effort(config.pop("effort", None)), own_thinking=own_thinking)
        self._lose_rest(config, "output_config")

    def set_rest(self) -> None:
        asked = self._asked
        self.copy("max_tokens", "max_completion_tokens")
        self._set("stop", asked.stop_sequences or None)
        metadata = dict(asked.metadata or {})
        user = metadata.pop("user_id", None)
        if user is not None:
            self._set("user", read(_TEXT, user, "metadata.user_id"))
        self._lose_rest(metadata, "metadata")
        self._set_service_tier(asked.service_tier)
        if self._call.stream:
            self._out["stream"] = True
            self._out["stream_options"] = {"include_usage": True}

    def _tool(self, raw: Raw, where: str) -> object:
        """A function; a tool that Anthropic defines stays as it is, and backends that have nothing like it say so."""
        if read(_TYPED, raw, where).type not in (None, "custom"):
            return raw
        tool = read(_TOOL, raw, where)
        function: dict[str, object] = {"name": tool.name, "parameters": tool.input_schema}
        if tool.description is not None:
            function["description"] = tool.description
        if tool.strict is not None:
            function["strict"] = tool.strict
        self._lose_if(bool(tool.defer_loading), f"{where}.defer_loading")
        self._lose_if(bool(tool.input_examples), f"{where}.input_examples")
        self._lose_if(not {"direct"}.issuperset(tool.allowed_callers or ()), f"{where}.allowed_callers")
        cached = {} if tool.cache_control is None else {"cache_control": tool.cache_control}
        return {"type": "function", "function": function, **cached}

    def _set_reasoning(self, effort: str | None, *, own_thinking: bool) -> None:
        """An effort is for the answer too; where it cannot be said beside the thinking, it is lost."""
        thinking = self._asked.thinking
        if thinking is not None and own_thinking and not (effort and thinking.type == "adaptive"):
            self.copy("thinking", "thinking")
        elif thinking is not None and thinking.type in _OFF:
            self._out["reasoning_effort"] = "none"
        else:
            self._set("reasoning_effort", effort or _effort_of(thinking))
            return
        self._lose_if(effort not in (None, _DEFAULT_EFFORT), "output_config.effort")

    def _set_service_tier(self, tier: str | None) -> None:
        if tier is not None and tier not in _SERVICE_TIERS:
            raise InvalidRequest("service_tier: neither auto nor standard_only", param="service_tier")
        self._set("service_tier", _SERVICE_TIERS.get(tier or "auto"))

    def _set(self, name: str, value: object) -> None:
        if value is not None:
            self._out[name] = value

    def _lose_if(self, says_something: bool, where: str) -> None:
        if says_something:
            self._lost.append(where)

    def _lose_rest(self, members: Mapping[str, Raw], where: str) -> None:
        """The members of an object that nobody has understood."""
        self._lost += [f"{where}.{name}" for name, value in members.items() if present(value) is not None]


def _response_format(wanted: Raw) -> dict[str, object]:
    given = read(_FORMAT, wanted, "output_config.format")
    if given.type != "json_schema":
        raise InvalidRequest("output_config.format: not a json_schema", param="output_config.format")
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": given.schema}}


def _effort(raw: Raw | None) -> str | None:
    effort = None if raw is None else read(_TEXT, raw, "output_config.effort")
    if effort is not None and effort not in _EFFORTS:
        raise InvalidRequest("output_config.effort: unknown effort", param="output_config.effort")
    return effort


def _effort_of(thinking: Thinking | None) -> str | None:
    if thinking is None:
        return None
    if thinking.type == "adaptive":
        return _DEFAULT_EFFORT
    if thinking.type != "enabled" or thinking.budget_tokens is None:
        raise InvalidRequest("thinking: neither adaptive, disabled nor enabled with budget_tokens", param="thinking")
    return next((effort for least, effort in _BUDGETS if thinking.budget_tokens >= least), "low")
