"""OpenAI Chat Completions (caller) to Amazon Bedrock's Converse and ConverseStream (backend).

References: https://platform.openai.com/docs/api-reference/chat/create,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html (all seen 2026-11-21). `model`
is a Bedrock model id, an inference profile or an ARN.

Every field of the request is one of these; what is in none of them is a loss, which the backend refuses or drops:

* translated by a step of `request` below, or handled by the gateway itself (`model`, `stream`, `stream_options`);
* Converse's own, sent through OpenAI's SDK as `extra_body`: passed on as it is (`_OWN`), with `thinking`, `top_k` and
  `cache_control`, which are put where the model has them;
* ignored because nothing of the answer depends on it (`_IGNORED`, and `user` and `safety_identifier`);
* a loss, except where it is null or says what Bedrock does anyway (`_NEUTRAL`): `audio`, `frequency_penalty`,
  `function_call`, `functions`, `logit_bias`, `logprobs`, `modalities`, `moderation`, `n`, `presence_penalty`, `seed`,
  `store`, `top_logprobs`, `verbosity`, `web_search_options`, and all that OpenAI's API does not know.

What the two formats mean differently:

* Converse has no required limit: without one of the caller's there is none but the model's own.
* `temperature` ends at 1 there: what cannot be said is a loss, never clamped.
* How a model is asked to reason, and what it accepts beside, depends on its family (`bedrock_models`).
* Converse cannot forbid tools, nor parallel calls. Claude can, in its own `tool_choice`; tools that may not be called
  at all are left out, unless the conversation has calls, because then Bedrock insists on tools.
* A conversation with calls whose caller gives no tools (any more) gets tools of those names, for the same reason.
* `response_format` `json_schema` is Converse's own `outputConfig.textFormat`. Where the model has none, for
  `json_object`, and for Claude without `strict`, a forced tool stands for it, and its input comes back as the answer's
  content.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw

from extproc.apischema import bedrock, openai_chat
from extproc.apischema.anthropic import Thinking
from extproc.apischema.bedrock import (
    ConverseRequest,
    FormatStructure,
    InferenceConfig,
    OutputConfig,
    ServiceTier,
    TextFormat,
)
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import CacheControl, ChatRequest, JsonSchema, ResponseFormat
from extproc.config.model import Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.anthropic_models import UNKNOWN, ModelFacts, ThinkingMode
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.bedrock_models import ConverseFacts, Reasoning, converse_facts
from extproc.translator.fields import given, present, says_nothing
from extproc.translator.losses import Losses
from extproc.translator.openai_to_bedrock_messages import Conversation, conversation
from extproc.translator.openai_to_bedrock_response import JSON_TOOL, WholeResponse, error_answer
from extproc.translator.openai_to_bedrock_stream import StreamedResponse
from extproc.translator.openai_to_bedrock_tools import Tools

_TRANSLATED = frozenset(ChatRequest.__struct_fields__) | {"model", "stream", "stream_options"}
_OWN = {
    "additionalModelResponseFieldPaths": "additional_model_response_field_paths",
    "guardrailConfig": "guardrail_config",
    "performanceConfig": "performance_config",
    "promptVariables": "prompt_variables",
    "requestMetadata": "request_metadata",
}
_MODELS_OWN = "additionalModelRequestFields"
_PLACED = frozenset({"cache_control", "thinking", "top_k", _MODELS_OWN})
_IGNORED = frozenset(
    {
        "metadata",  # labels for OpenAI's dashboard
        "prediction",  # speeds an answer up
        "prompt_cache_key",  # the three of caching change cost and speed only
        "prompt_cache_options",
        "prompt_cache_retention",
    }
)
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "frequency_penalty": (0,),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "presence_penalty": (0,),
    "store": (False,),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
}
_SERVICE_TIERS = {"default": "default", "flex": "flex", "priority": "priority"}

# Tokens of reasoning per effort, for models that take a budget; Anthropic's least is 1,024.
_LEAST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32768}
_ANSWER_SHARE = 5  # of a caller's own `max_tokens`, one part in five at least is left for the answer
_EFFORTS = {effort: "low" if effort == "minimal" else effort for effort in _BUDGETS}
_THREE_EFFORTS = {effort: "high" if effort in ("xhigh", "max") else said for effort, said in _EFFORTS.items()}

_ANY_OBJECT = Raw(b'{"type":"object"}')
_THINKING = msgspec.json.Decoder(Thinking)
_T = TypeVar("_T")
_FIELDS = msgspec.json.Decoder(dict[str, Any])
_CONTROL = msgspec.json.Decoder(CacheControl)


class OpenAIToBedrock:
    """The pair. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        chat = openai_chat.parse(call.body)
        step = _Request(call, chat, target)
        step.refuse_unknown()
        step.set_own()
        step.set_messages()
        step.set_tools()
        step.set_response_format()
        step.set_reasoning()
        step.set_inference()
        step.set_rest()
        operation = "converse-stream" if call.stream else "converse"
        return UpstreamRequest(
            path=bedrock.model_path(target.backend.base_path, target.model, operation),
            body=msgspec.json.encode(step.out),
            dropped=step.losses.dropped,
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        json_tool = given(call, "response_format") is not None
        return StreamedResponse(call, json_tool=json_tool) if streamed else WholeResponse(call, json_tool=json_tool)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


class _Request:
    """One request on its way from `chat` to `out`, step by step; later steps look at what earlier ones have set.

    `_own` are the model's own fields (`additionalModelRequestFields`).
    """

    def __init__(self, call: Call, chat: ChatRequest, target: Target) -> None:
        self._call = call
        self._chat = chat
        self._facts: ConverseFacts = converse_facts(target.model)
        self._claude: ModelFacts = self._facts.claude or UNKNOWN
        self._talk: Conversation
        self._thinks = False
        self._limit = chat.max_tokens if chat.max_completion_tokens is None else chat.max_completion_tokens
        self.losses = Losses(target.backend)
        self._tools = Tools(chat, self._facts, self.losses)
        self.out = ConverseRequest([])
        self._own = self.out.additional_model_request_fields

    def refuse_unknown(self) -> None:
        known = _TRANSLATED | _OWN.keys() | _PLACED | _IGNORED
        for name, value in self._call.fields.items():
            if name not in known and not says_nothing(name, value, _NEUTRAL):
                self.losses.lose(name)

    def set_own(self) -> None:
        for name, field in _OWN.items():
            setattr(self.out, field, given(self._call, name) or UNSET)
        fields = given(self._call, _MODELS_OWN)
        if fields is not None:
            own: dict[str, Any] = _decoded(_FIELDS, fields, _MODELS_OWN)
            self._own.update(own)

    def set_messages(self) -> None:
        self._talk = talk = conversation(self._chat.messages, self._facts, self.losses)
        control = given(self._call, "cache_control")
        if control is not None:
            talk.end_with_cache_point(_decoded(_CONTROL, control, "cache_control"))
        self.out.system, self.out.messages = talk.system, talk.turns

    def set_tools(self) -> None:
        self._tools.set(self._talk.called)

    def set_response_format(self) -> None:
        wanted = self._chat.response_format
        if wanted is None:
            return
        self._tools.keep_name_free(JSON_TOOL)
        if wanted.type == "text":
            return
        schema, about = _schema(wanted)
        loosely = self._facts.json_format_loosely or about.strict is True
        if schema is not None and self._facts.json_format and loosely:
            json_schema = bedrock.JsonSchema(_compact(schema), about.name or None, about.description)
            self.out.output_config = OutputConfig(TextFormat("json_schema", FormatStructure(json_schema)))
        elif not self._tools.forced:
            self._tools.force_json(schema or _ANY_OBJECT)

    def set_reasoning(self) -> None:
        effort, own = self._chat.reasoning_effort, given(self._call, "thinking")
        if own is not None:
            self._think_as_told(own)
        elif effort == "none":
            self._reason_not()
        elif effort is not None:
            if effort not in _EFFORTS:
                raise InvalidRequest("reasoning_effort: unknown effort", param="reasoning_effort")
            _REASON[self._facts.reasoning](self, effort)

    def set_inference(self) -> None:
        """`max_tokens` and sampling."""
        chat, keep = self._chat, self.losses.keep
        config = InferenceConfig(stop_sequences=[chat.stop] if isinstance(chat.stop, str) else chat.stop or [])
        alone = self._nova_alone()
        if self._limit is not None:
            name = "max_tokens" if chat.max_completion_tokens is None else "max_completion_tokens"
            config.max_tokens = keep(name, self._limit, alone)
        why_not = alone or self._no_sampling()
        if chat.temperature is not None and not self._is_default(chat.temperature):
            too_high = "Bedrock's temperature ends at 1" if chat.temperature > 1 else ""
            config.temperature = keep("temperature", chat.temperature, why_not or too_high)
        if chat.top_p is not None and not self._is_default(chat.top_p):
            both = config.temperature is not None and not self._claude.temperature_with_top_p
            one_of_two = "the model takes either temperature or top_p" if both else ""
            config.top_p = keep("top_p", chat.top_p, why_not or one_of_two)
        top_k = given(self._call, "top_k")
        if top_k is not None and keep("top_k", top_k, why_not or self._no_top_k()) is not None:
            _put(self._own, self._facts.top_k, top_k)
        self.out.inference_config = None if config == InferenceConfig() else config

    def set_rest(self) -> None:
        self.out.tool_config = self._tools.config
        if self._tools.claudes_choice is not None:
            self._own["tool_choice"] = self._tools.claudes_choice
        tier = self._chat.service_tier
        if tier in _SERVICE_TIERS:
            self.out.service_tier = ServiceTier(_SERVICE_TIERS[tier])
        elif tier not in (None, "auto"):
            self.losses.lose("service_tier", "Bedrock has only the tiers default, flex and priority")

    # Reasoning

    def _think_as_told(self, own: Raw) -> None:
        if self._chat.reasoning_effort is not None:
            raise InvalidRequest("thinking: give either thinking or reasoning_effort", param="thinking")
        told = _decoded(_THINKING, own, "thinking")
        if self._facts.reasoning is not Reasoning.CLAUDE:
            self.losses.lose("thinking", "only Claude knows it")
            return
        self._own["thinking"] = own
        self._thinks = told.type in ("enabled", "adaptive")

    def _reason_not(self) -> None:
        reasoning = self._facts.reasoning
        if reasoning is Reasoning.NESTED:
            self._own["reasoning"] = {"effort": "none"}
        elif reasoning is Reasoning.CLAUDE and self._claude.thinking is not ThinkingMode.NONE:
            if self._claude.thinking_off is None:
                self.losses.lose("reasoning_effort", "the model always reasons")
            else:
                self._own["thinking"] = Thinking(self._claude.thinking_off)
        elif reasoning in (Reasoning.FLAT, Reasoning.OUTPUT_CONFIG):
            self.losses.lose("reasoning_effort", "the model cannot be told not to reason")

    def _reason_impossible(self, effort: str) -> None:
        self.losses.lose("reasoning_effort", "the model does not reason")

    def _reason_as_claude(self, effort: str) -> None:
        budget = _BUDGETS[effort]
        by_budget = self._claude.thinking is ThinkingMode.BUDGET
        if by_budget and self._limit is not None:
            budget = min(budget, self._limit - self._limit // _ANSWER_SHARE)
        why = self._no_thinking(budget)
        if why:
            self.losses.lose("reasoning_effort", why)
            return
        self._thinks = True
        if by_budget:
            self._own["thinking"] = Thinking("enabled", budget_tokens=budget)
        else:
            self._own["thinking"] = Thinking("adaptive", display="summarized")
            self._set_effort(effort)

    def _reason_as_nova(self, effort: str) -> None:
        self._own["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": _THREE_EFFORTS[effort]}

    def _reason_flat(self, effort: str) -> None:
        self._own["reasoning_effort"] = _THREE_EFFORTS[effort]

    def _reason_nested(self, effort: str) -> None:
        self._own["reasoning"] = {"effort": _EFFORTS[effort]}

    def _set_effort(self, effort: str) -> None:
        self.out.output_config = self.out.output_config or OutputConfig()
        self.out.output_config.effort = _EFFORTS[effort]

    def _no_thinking(self, budget: int) -> str:
        """Why Claude cannot be asked to reason; nothing if it can."""
        if self._claude.thinking is ThinkingMode.NONE:
            return "the model does not reason"
        if self._tools.forced and not self._claude.forced_tools_while_thinking:
            return "the model cannot reason when it is made to call a tool (tool_choice, response_format)"
        if budget < _LEAST_BUDGET:
            return f"max_completion_tokens leaves less than the {_LEAST_BUDGET} tokens that reasoning takes at least"
        return ""

    # Sampling

    def _is_default(self, value: float) -> bool:
        """1 is OpenAI's default of both parameters and Claude's; other models have others."""
        return value == 1 and self._facts.claude is not None

    def _no_sampling(self) -> str:
        """Why there can be no sampling parameters; nothing if there can."""
        if not self._claude.sampling:
            return "the model has no sampling parameters"
        return "the model takes no sampling parameters when it reasons" if self._thinks else ""

    def _no_top_k(self) -> str:
        return "" if self._facts.top_k else "the model has nothing like it"

    def _nova_alone(self) -> str:
        """Nova's highest effort goes with no other parameter."""
        config = self._own.get("reasoningConfig")
        high = isinstance(config, dict) and config.get("maxReasoningEffort") == "high"
        return "the model takes no such parameter when it reasons with high effort" if high else ""


_REASON = {
    Reasoning.NONE: _Request._reason_impossible,
    Reasoning.CLAUDE: _Request._reason_as_claude,
    Reasoning.NOVA: _Request._reason_as_nova,
    Reasoning.FLAT: _Request._reason_flat,
    Reasoning.NESTED: _Request._reason_nested,
    Reasoning.OUTPUT_CONFIG: _Request._set_effort,
}


def _decoded(decoder: msgspec.json.Decoder[_T], raw: Raw, where: str) -> _T:
    """Raises InvalidRequest that names the place."""
    try:
        return decoder.decode(raw)
    except MALFORMED as error:
        raise openai_chat.invalid(error, where) from error


def _put(fields: dict[str, Any], path: tuple[str, ...], value: Raw) -> None:
    *parents, name = path
    for parent in parents:
        fields = fields.setdefault(parent, {})
    fields[name] = value


def _compact(schema: Raw) -> str:
    return str(msgspec.json.format(bytes(schema), indent=-1), "utf-8")


def _schema(wanted: ResponseFormat) -> tuple[Raw | None, JsonSchema]:
    """The JSON schema that is asked for (None: any object), and what is said of it."""
    if wanted.type == "json_object":
        return None, JsonSchema()
    about = wanted.json_schema
    schema = present(about.schema) if about is not None else None
    if wanted.type != "json_schema" or about is None or schema is None:
        raise InvalidRequest("response_format: neither text, json_object nor a json_schema", param="response_format")
    return schema, about
