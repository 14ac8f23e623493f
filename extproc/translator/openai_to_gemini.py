"""OpenAI Chat Completions (caller) to Google Gemini (backend): AI Studio and Vertex AI.

References: https://platform.openai.com/docs/api-reference/chat/create,
https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/openai (what Google's own OpenAI
endpoint makes of a request),
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (all seen 2026-11-21).

Every field of the request is one of these; what is in none of them is a loss, which the backend refuses or drops:

* translated by a step of `request` below, or handled by the gateway itself (`model`, `stream`, `stream_options`);
* Gemini's own, sent through OpenAI's SDK as `extra_body`: passed on as it is, in Gemini's spelling or the Python SDK's
  (`_OWN`); likewise an element of `tools` that is one of Gemini's own tools;
* ignored because nothing of the answer depends on it (`_IGNORED`);
* a loss, except where it is null or says what Gemini does anyway (`_NEUTRAL`): `audio`, `function_call`, `functions`,
  `logit_bias`, `modalities`, `moderation`, `parallel_tool_calls`, `store`, `verbosity`, and all that OpenAI's API does
  not know.

What the two formats mean differently:

* A function's parameters and a `json_schema` go as `parametersJsonSchema` and `responseJsonSchema`, which take JSON
  schema as it is; `parameters` and `responseSchema` know only a part of OpenAPI's and refuse the rest.
* Before Gemini 3 a model has either functions or a `response_format`. There a forced function stands for the format,
  and its arguments come back as the answer's content.
* `strict` functions make the mode `VALIDATED`, which is about all functions of a request.
* Efforts are budgets before Gemini 3 (Google's own numbers) and levels since; one that a model lacks becomes the
  nearest that it has, but `none` is a loss where reasoning cannot be switched off.
* From Gemini 3 on there is one alternative (`n`), and from 3.6 Flash on sampling parameters have no effect.
"""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from extproc.apischema import openai_chat
from extproc.apischema.gemini import (
    Content,
    FunctionCallingConfig,
    FunctionDeclaration,
    GenerateContentRequest,
    GenerationConfig,
    ThinkingConfig,
    Tool,
    ToolConfig,
)
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import ChatRequest, Function, ResponseFormat
from extproc.config.model import Backend, Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.fields import given, present, says_nothing
from extproc.translator.gemini_models import ModelFacts, ThinkingMode, model_facts
from extproc.translator.losses import Losses
from extproc.translator.openai_to_gemini_messages import conversation
from extproc.translator.openai_to_gemini_response import JSON_TOOL, WholeResponse, error_answer
from extproc.translator.openai_to_gemini_stream import StreamedResponse


class _More(Struct):
    """The fields of a chat request that Gemini knows and the common part does not read."""

    n: int | None = None
    seed: int | None = None
    presence_penalty: int | float | None = None
    frequency_penalty: int | float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    web_search_options: dict[str, Raw] | None = None


_NOT_READ = {"parallel_tool_calls", "safety_identifier", "user"}
_TRANSLATED = frozenset(ChatRequest.__struct_fields__) - _NOT_READ | frozenset(
    {*_More.__struct_fields__, "model", "stream", "stream_options"}
)
# Gemini's own fields by both their names; where they go is in `set_own`.
_OWN = {
    "cached_content": "cached_content",
    "cachedContent": "cached_content",
    "labels": "labels",
    "media_resolution": "media_resolution",
    "mediaResolution": "media_resolution",
    "safety_settings": "safety_settings",
    "safetySettings": "safety_settings",
    "thinking_config": "thinking_config",
    "thinkingConfig": "thinking_config",
    "top_k": "top_k",
    "topK": "top_k",
}
_OWN_TOOLS = frozenset(
    {
        "codeExecution",
        "computerUse",
        "enterpriseWebSearch",
        "fileSearch",
        "googleMaps",
        "googleSearch",
        "googleSearchRetrieval",
        "retrieval",
        "urlContext",
    }
)
_IGNORED = frozenset(
    {
        "metadata",  # labels for OpenAI's dashboard
        "prediction",  # speeds an answer up
        "prompt_cache_key",  # the four of caching change cost and speed only
        "prompt_cache_options",
        "prompt_cache_retention",
        "cache_control",
        "safety_identifier",  # the two name the caller's user to OpenAI's abuse detection
        "user",
    }
)
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (True,),
    "store": (False,),
    "verbosity": ("medium",),
}
_SERVICE_TIERS = {"auto": None, "default": "standard", "flex": "flex", "priority": "priority"}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_MOST_SEED = 2**31 - 1

# Tokens of reasoning per effort where a model takes a budget, and the levels, nearest first, where it takes a level.
_EFFORT_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 32768}
_EFFORT_LEVELS = {
    "minimal": ("MINIMAL", "LOW"),
    "low": ("LOW",),
    "medium": ("MEDIUM", "HIGH"),
    "high": ("HIGH",),
    "xhigh": ("XHIGH", "HIGH"),
    "max": ("XHIGH", "HIGH"),
}
_ANSWER_SHARE = 5  # of a caller's own limit, one part in five at least is left for the answer

_SEARCH = Raw(b'{"googleSearch":{}}')
_ANY_OBJECT = Raw(b'{"type":"object"}')
_MORE = msgspec.json.Decoder(_More)
_KEYS = msgspec.json.Decoder(dict[str, Raw])


class OpenAIToGemini:
    """The pair, for AI Studio. It holds no state: one object serves every request."""

    identity = False

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        step = _Request(call, openai_chat.parse(call.body), target)
        step.refuse_unknown()
        step.set_messages()
        step.set_tools()
        step.set_response_format()
        step.set_thinking()
        step.set_sampling()
        step.set_logprobs()
        step.set_rest()
        method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
        return UpstreamRequest(
            path=f"{self.model_path(target)}:{method}",
            body=msgspec.json.encode(step.finished()),
            dropped=step.losses.dropped,
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        json_tool = given(call, "response_format") is not None
        return StreamedResponse(call, json_tool=json_tool) if streamed else WholeResponse(call, json_tool=json_tool)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)

    def model_path(self, target: Target) -> str:
        return studio_path(target)


class OpenAIToVertex(OpenAIToGemini):
    """The same documents under Vertex AI's paths."""

    def model_path(self, target: Target) -> str:
        return vertex_path(target)


def studio_path(target: Target) -> str:
    """The model's resource at AI Studio; a name with a slash is one already (`tunedModels/mine`)."""
    model = quote(target.model, safe="/")
    return f"{target.backend.base_path}/{model if '/' in model else 'models/' + model}"


def vertex_path(target: Target) -> str:
    """The model's resource at Vertex AI; a name with a slash is one already (`endpoints/123`).

    Without a project it is that of Vertex AI's express mode.
    """
    backend, model = target.backend, quote(target.model, safe="/")
    resource = model if "/" in model else f"publishers/google/models/{model}"
    return f"{backend.base_path}{_location(backend)}/{resource}"


def _location(backend: Backend) -> str:
    return f"/projects/{backend.project}/locations/{backend.region or 'global'}" if backend.project else ""


class _Request:
    """One request on its way from `chat` to `out`, step by step; later steps look at what earlier ones have set."""

    def __init__(self, call: Call, chat: ChatRequest, target: Target) -> None:
        self._call = call
        self._chat = chat
        self._more = _more(call.body)
        self._own = {_OWN[name]: raw for name, value in call.fields.items() if name in _OWN and (raw := present(value))}
        self._facts: ModelFacts = model_facts(target.model)
        self._functions: list[FunctionDeclaration] = []
        self._config = GenerationConfig()
        self.losses = Losses(target.backend)
        self.out = GenerateContentRequest([])

    def refuse_unknown(self) -> None:
        for name, value in self._call.fields.items():
            known = name in _TRANSLATED or name in _OWN or name in _IGNORED
            if not known and not says_nothing(name, value, _NEUTRAL):
                self.losses.lose(name)

    def set_messages(self) -> None:
        talk = conversation(self._chat.messages, self.losses, self._facts)
        self.out.contents = talk.turns
        self.out.system_instruction = Content(talk.system) if talk.system else None

    def set_tools(self) -> None:
        strict = False
        for index, raw in enumerate(self._chat.tools or ()):
            where = f"tools[{index}]"
            tool = openai_chat.parse_tool(raw, where)
            if tool.function is not None:
                self._functions.append(_declaration(tool.function))
                strict = strict or tool.function.strict is True
            elif _is_own_tool(raw):
                self.out.tools.append(raw)
            else:
                self.losses.lose(where, "Gemini has no tools of this type")
        self._search_the_web()
        self._choose("VALIDATED" if strict else "AUTO")

    def set_response_format(self) -> None:
        wanted = self._chat.response_format
        if wanted is None:
            return
        if any(function.name == JSON_TOOL for function in self._functions):
            raise InvalidRequest(f"tools: the name {JSON_TOOL} is taken by response_format", param="tools")
        if wanted.type == "text":
            return
        schema = _schema(wanted)
        if self._facts.json_with_tools or not (self._functions or self.out.tools):
            self._config.response_mime_type = "application/json"
            self._config.response_json_schema = schema
        elif self._calling.mode != "ANY":
            self._force_json_tool(schema or _ANY_OBJECT)

    def set_thinking(self) -> None:
        effort, own = self._chat.reasoning_effort, self._own.get("thinking_config")
        if effort is not None and own is not None:
            raise InvalidRequest(
                "reasoning_effort: give either reasoning_effort or thinking_config", param="reasoning_effort"
            )
        self._config.thinking_config = own
        if effort == "none":
            self._think_not()
        elif effort is not None:
            self._think(effort)

    def set_sampling(self) -> None:
        chat, more, config = self._chat, self._more, self._config
        why_not = "" if self._facts.sampling else "the model has no sampling parameters"
        for name, value in (("temperature", chat.temperature), ("top_p", chat.top_p)):
            if value is not None and not (why_not and value == 1):
                setattr(config, name, self.losses.keep(name, value, why_not))
        if "top_k" in self._own:
            config.top_k = self.losses.keep("top_k", self._own["top_k"], why_not)
        config.presence_penalty, config.frequency_penalty = more.presence_penalty, more.frequency_penalty
        config.stop_sequences = [chat.stop] if isinstance(chat.stop, str) else chat.stop or []
        config.max_output_tokens = self._limit()
        self._set_seed()
        self._set_alternatives()

    def set_logprobs(self) -> None:
        more = self._more
        if more.top_logprobs and not more.logprobs:
            raise InvalidRequest("top_logprobs: needs logprobs to be true", param="top_logprobs")
        self._config.response_logprobs = more.logprobs is True
        self._config.logprobs = more.top_logprobs or None

    def set_rest(self) -> None:
        self.out.safety_settings = self._own.get("safety_settings")
        self.out.cached_content = self._own.get("cached_content")
        self.out.labels = self._own.get("labels")
        self._config.media_resolution = self._own.get("media_resolution")
        tier = self._chat.service_tier
        if tier is not None and tier not in _SERVICE_TIERS:
            self.losses.lose("service_tier", "Gemini has only the tiers auto, default, flex and priority")
        elif tier is not None:
            self.out.service_tier = _SERVICE_TIERS[tier]

    def finished(self) -> GenerateContentRequest:
        out = self.out
        if self._functions:
            out.tools.insert(0, Tool(self._functions))
            if self._calling != FunctionCallingConfig():
                out.tool_config = ToolConfig(self._calling)
        if self._config != GenerationConfig():
            out.generation_config = self._config
        return out

    def _search_the_web(self) -> None:
        options = self._more.web_search_options
        if options is None:
            return
        self.out.tools.append(_SEARCH)
        for name, value in options.items():
            if present(value) is not None and bytes(value) != b'"medium"':
                self.losses.lose(f"web_search_options.{name}", "Google's search has no such setting")

    def _choose(self, auto: str) -> None:
        self._calling = FunctionCallingConfig(auto)
        wanted = self._chat.tool_choice
        if isinstance(wanted, str):
            if wanted not in _MODES:
                raise InvalidRequest("tool_choice: neither auto, none, required nor a function", param="tool_choice")
            self._calling.mode = auto if wanted == "auto" else _MODES[wanted]
        elif wanted is not None and wanted.function is not None:
            self._calling = FunctionCallingConfig("ANY", [wanted.function.name])
        elif wanted is not None:
            self.losses.lose("tool_choice", "only a function can be chosen")
        if self._calling.mode == "ANY" and not self._functions:
            raise InvalidRequest("tool_choice: there are no functions to choose from", param="tool_choice")

    def _force_json_tool(self, schema: Raw) -> None:
        """The answer as a function's arguments. With other functions, the model may call one of those first."""
        callable_ = self._functions and self._calling.mode != "NONE"
        self._calling = FunctionCallingConfig("ANY", [] if callable_ else [JSON_TOOL])
        told = "Gives the answer to the user: its arguments are the whole answer."
        self._functions.append(FunctionDeclaration(JSON_TOOL, told, schema))

    def _think(self, effort: str) -> None:
        if effort not in _EFFORT_BUDGETS:
            raise InvalidRequest("reasoning_effort: unknown effort", param="reasoning_effort")
        if self._facts.thinking is ThinkingMode.NONE:
            self.losses.lose("reasoning_effort", "the model does not reason")
        elif self._facts.thinking is ThinkingMode.LEVEL:
            self._config.thinking_config = ThinkingConfig(True, thinking_level=self._level(effort))
        else:
            self._think_within(_EFFORT_BUDGETS[effort])

    def _think_not(self) -> None:
        if not self._facts.thinking_off:
            self.losses.lose("reasoning_effort", "the model always reasons")
        elif self._facts.thinking is not ThinkingMode.NONE:
            self._config.thinking_config = ThinkingConfig(thinking_budget=0)

    def _think_within(self, budget: int) -> None:
        """A budget that the model takes and that leaves room for the answer."""
        least, most = self._facts.budgets
        limit = self._limit()
        if limit is not None:
            budget = min(budget, limit - limit // _ANSWER_SHARE)
        if budget < least:
            why = f"max_completion_tokens leaves less than the {least} tokens that reasoning takes at least"
            self.losses.lose("reasoning_effort", why)
        else:
            self._config.thinking_config = ThinkingConfig(True, thinking_budget=min(budget, most))

    def _level(self, effort: str) -> str:
        return next(level for level in _EFFORT_LEVELS[effort] if level in self._facts.levels)

    def _limit(self) -> int | None:
        chat = self._chat
        return chat.max_tokens if chat.max_completion_tokens is None else chat.max_completion_tokens

    def _set_seed(self) -> None:
        seed = self._more.seed
        if seed is not None:
            outside = "" if abs(seed) <= _MOST_SEED else f"Gemini's seeds end at {_MOST_SEED}"
            self._config.seed = self.losses.keep("seed", seed, outside)

    def _set_alternatives(self) -> None:
        n = self._more.n
        if n is None or n == 1:
            return
        why_not = "a stream has one alternative" if self._call.stream else ""
        why_not = why_not if self._facts.candidates else "the model gives one alternative"
        self._config.candidate_count = self.losses.keep("n", n, why_not)


def _more(body: bytes) -> _More:
    try:
        return _MORE.decode(body)
    except MALFORMED as error:
        raise openai_chat.invalid(error) from error


def _declaration(function: Function) -> FunctionDeclaration:
    return FunctionDeclaration(function.name, function.description, present(function.parameters))


def _is_own_tool(raw: Raw) -> bool:
    """`{"googleSearch": {}}`, in Gemini's spelling or the Python SDK's."""
    return bool(names := _KEYS.decode(raw)) and all(_camel(name) in _OWN_TOOLS for name in names)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _schema(wanted: ResponseFormat) -> Raw | None:
    """The JSON schema that is asked for; None: any JSON."""
    if wanted.type == "json_object":
        return None
    named = wanted.json_schema
    schema = present(named.schema) if named is not None else None
    if wanted.type != "json_schema" or schema is None:
        raise InvalidRequest("response_format: neither text, json_object nor a json_schema", param="response_format")
    return schema
