"""OpenAI Responses (caller) to OpenAI chat, the hub: in front of backends that have no Responses API.

References: https://platform.openai.com/docs/api-reference/responses/create,
https://platform.openai.com/docs/guides/migrate-to-responses (both seen 2026-11-21).

Every field of the request is one of these:

* translated by a step of `chat` below, or handled by the gateway itself (`model`, `stream`);
* refused here: what needs state (`_STATE`), what must run inside the provider (built-in tools), and fields that belong
  to the chat API, whose meaning an answer in this API could not have (`_CHATS_OWN`);
* without effect on the answer (`_IGNORED`), or only in its echo (`metadata`, `max_tool_calls`);
* all else travels on under its own name: the chat translator of the backend knows what the two APIs share (`user`,
  `service_tier`, `prompt_cache_key`) and the provider's own extensions, and refuses or drops the rest as configured
  (`truncation` other than `disabled`, fields nobody knows).

What the two APIs mean differently:

* `store` is true unless the caller says otherwise, there; nothing is stored here, and every answer says so.
* Functions are strict there unless the caller says otherwise, where their schema allows it; only what is said is
  passed on.
* Reasoning comes back always, as far as the backend shows any: its text as the summary of a reasoning item whatever
  `reasoning.summary` says, and the blocks that it must be given back in `encrypted_content`, whatever `include` says.
* `allowed_tools` becomes the tools that are allowed, so that every backend can keep to it.
* Deltas come without `obfuscation`, the random padding that `stream_options` can turn off.
"""

import msgspec
from msgspec import Raw

from extproc.apischema import openai_responses
from extproc.apischema.endpoints import CHAT
from extproc.apischema.openai_responses import Format, ResponsesRequest
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.base import Call, Response
from extproc.translator.fields import present
from extproc.translator.responses_to_chat_messages import messages
from extproc.translator.responses_to_chat_response import WholeResponse
from extproc.translator.responses_to_chat_stream import StreamedResponse
from extproc.translator.responses_to_chat_tools import choose, tools
from extproc.wire.json_object import encode_object

_STATE = {
    "previous_response_id": "send the earlier turns in `input`",
    "conversation": "send the earlier turns in `input`",
    "prompt": "send the prompt's text in `instructions` and `input`",
    "context_management": "send the compacted conversation in `input`",
}
_TRANSLATED = frozenset(
    {
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "include",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "background",
        "stream_options",
    }
)
_IGNORED = frozenset(
    {
        "max_tool_calls",  # limits built-in tools, of which there are none
        "metadata",  # labels of a stored response; they are in the answer
        "store",
    }
)
_CHATS_OWN = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "n",
        "reasoning_effort",
        "response_format",
        "verbosity",
        "web_search_options",
    }
)
_INCLUDE_LOGPROBS = "message.output_text.logprobs"
# What else can be included belongs to built-in tools and stored input, of which there is none, or comes always.
_INCLUDABLE = frozenset(
    {
        _INCLUDE_LOGPROBS,
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "reasoning.encrypted_content",
        "web_search_call.action.sources",
        "web_search_call.results",
    }
)
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class ResponsesFront:
    """The front. It holds no state: one object serves every request."""

    def chat(self, call: Call) -> Call:
        step = _Request(call, openai_responses.parse(call.body))
        step.refuse_state()
        step.pass_on()
        step.set_messages()
        step.set_tools()
        step.set_text()
        step.set_reasoning()
        step.set_logprobs()
        step.set_rest()
        body = encode_object(step.out)
        _, mark, query = call.path.partition("?")
        return Call(
            endpoint=CHAT,
            path="/v1" + CHAT.path + mark + query,
            body=body,
            fields=_decode_fields(body),
            model=call.model,
            stream=call.stream,
            wants_usage=call.stream,
            created=call.created,
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        return StreamedResponse(call) if streamed else WholeResponse(call)


class _Request:
    """One request on its way from `asked` to `out`, step by step."""

    def __init__(self, call: Call, asked: ResponsesRequest) -> None:
        self._call = call
        self._asked = asked
        self.out: dict[str, object] = {}

    def refuse_state(self) -> None:
        for name, instead in _STATE.items():
            if present(self._call.fields.get(name)) is not None:
                raise InvalidRequest(f"{name}: this model's backend keeps no state; {instead}.", param=name)
        if self._asked.background:
            raise InvalidRequest(
                "background: this model's backend keeps no state; wait for the answer.", param="background"
            )

    def pass_on(self) -> None:
        for name, value in self._call.fields.items():
            if present(value) is None or name in _TRANSLATED or name in _IGNORED:
                continue
            if name in _CHATS_OWN:
                raise InvalidRequest(f"{name}: the Responses API has no such parameter.", param=name)
            if name != "truncation" or self._asked.truncation != "disabled":
                self.out[name] = value
        if self._call.stream:
            self.out["stream_options"] = {"include_usage": True}

    def set_messages(self) -> None:
        asked = self._asked
        if asked.input is None:
            raise InvalidRequest("input: missing", param="input")
        self.out["messages"] = messages(asked.instructions, asked.input)

    def set_tools(self) -> None:
        asked = self._asked
        made, choice = choose(tools(asked.tools or []), asked.tool_choice)
        if made:
            self.out["tools"] = [tool.document for tool in made]
        if choice is not None and (made or choice not in ("auto", "none")):
            self.out["tool_choice"] = choice
        if asked.parallel_tool_calls is not None and made:
            self.out["parallel_tool_calls"] = asked.parallel_tool_calls

    def set_text(self) -> None:
        text = self._asked.text
        if text is None:
            return
        if text.format is not None and text.format.type != "text":
            self.out["response_format"] = _response_format(text.format)
        if text.verbosity is not None:
            self.out["verbosity"] = text.verbosity

    def set_reasoning(self) -> None:
        reasoning = self._asked.reasoning
        if reasoning is None:
            return
        if reasoning.mode not in (None, "standard"):
            raise Unsupported("reasoning.mode is not supported here: only standard is", param="reasoning.mode")
        if reasoning.context not in (None, "auto"):
            raise Unsupported("reasoning.context is not supported here: only auto is", param="reasoning.context")
        if reasoning.effort is not None:
            self.out["reasoning_effort"] = reasoning.effort

    def set_logprobs(self) -> None:
        asked = self._asked
        for index, name in enumerate(asked.include or ()):
            if name not in _INCLUDABLE:
                raise Unsupported(f"include[{index}] is not supported here", param=f"include[{index}]")
        if asked.top_logprobs or _INCLUDE_LOGPROBS in (asked.include or ()):
            self.out["logprobs"] = True
        if asked.top_logprobs:
            self.out["top_logprobs"] = asked.top_logprobs

    def set_rest(self) -> None:
        asked, fields = self._asked, self._call.fields
        if asked.max_output_tokens is not None:
            self.out["max_completion_tokens"] = asked.max_output_tokens
        for name in ("temperature", "top_p"):
            value = present(fields.get(name))
            if value is not None:
                self.out[name] = value


def _response_format(wanted: Format) -> dict[str, object]:
    if wanted.type == "json_object":
        return {"type": "json_object"}
    schema = present(wanted.schema)
    if wanted.type != "json_schema" or schema is None or wanted.name is None:
        raise InvalidRequest(
            "text.format: neither text, json_object nor a json_schema with a name", param="text.format"
        )
    named: dict[str, object] = {"name": wanted.name, "schema": schema}
    if wanted.description is not None:
        named["description"] = wanted.description
    if wanted.strict is not None:
        named["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": named}
