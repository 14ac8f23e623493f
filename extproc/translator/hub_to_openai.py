"""The hub's chat documents for backends of OpenAI's format: what only the hub knows is taken out.

Reference: https://platform.openai.com/docs/api-reference/chat/create (seen 2026-11-21). A caller of OpenAI chat sends
what they like, and it passes through; what a front has written out of another format has to be OpenAI's, because OpenAI
refuses a request for any field that it does not know.

| hub                                            | OpenAI                                                             |
|------------------------------------------------|--------------------------------------------------------------------|
| `cache_control`, everywhere                    | nothing: OpenAI caches by itself                                   |
| `thinking_blocks`, `reasoning_content`         | nothing: other providers' reasoning means nothing to OpenAI        |
| `annotations` of a message                     | nothing: the echo of an earlier answer                             |
| any other field that OpenAI does not have      | a loss                                                             |
| tools that are not OpenAI's                    | a loss, and `tool_choice` with the last of them                    |
| images and files in a `tool` message           | in a `user` message after the results, as results can only be text |
| a file without a name                          | named: OpenAI takes an inline file without one for an uploaded one |
|                                                | (https://github.com/openai/openai-agents-python/pull/1513)         |
| `user` of more than 64 characters              | its SHA-256: OpenAI takes no more, and advises to hash             |
| `reasoning_effort` where a model cannot reason | a loss, unless it is `none`                                        |
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Raw

from extproc.apischema import openai_chat
from extproc.apischema.malformed import MALFORMED
from extproc.config.model import Target
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.fields import present
from extproc.translator.losses import Losses
from extproc.translator.openai_to_openai import OpenAIToOpenAI
from extproc.wire.json_object import encode_object

OPENAIS = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
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
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""Every field of OpenAI's chat request."""

_HUBS = frozenset({"annotations", "cache_control", "reasoning_content", "thinking_blocks"})
_TOOLS = frozenset({"function", "custom"})
_MOST_USER = 64
_CANNOT_REASON = re.compile(r"(gpt-3|gpt-4|chatgpt-4)")

Fields = dict[str, Any]
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])
_STRING = msgspec.json.Decoder(str)
_encode = msgspec.json.encode


class HubToOpenAI:
    """The hub in front of a translator of OpenAI's format, `back`. It holds no state."""

    identity = False

    def __init__(self, back: OpenAIToOpenAI) -> None:
        self._back = back

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        losses = Losses(target.backend)
        fields = _plain(call.fields, target, losses)
        plain = replace(call, fields=fields, body=encode_object(fields))
        made = self._back.request(plain, target)
        return replace(made, body=made.body or plain.body, dropped=losses.dropped)

    def response(self, call: Call, *, streamed: bool) -> Response:
        return self._back.response(call, streamed=streamed)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return self._back.error(status, body)


def _plain(fields: Mapping[str, Raw], target: Target, losses: Losses) -> dict[str, Raw]:
    """The fields of a chat request as OpenAI has them. Raises InvalidRequest, and Unsupported for what is lost."""
    out = {}
    for name, value in fields.items():
        if present(value) is None or name in _HUBS:
            continue
        if name in OPENAIS:
            out[name] = value
        else:
            losses.lose(name)
    try:
        if "messages" in out:
            out["messages"] = Raw(_encode(_messages(out["messages"])))
        if "tools" in out:
            _set_tools(out, losses)
        if "user" in out:
            out["user"] = Raw(_encode(_user(_STRING.decode(out["user"]))))
    except MALFORMED as error:
        raise openai_chat.invalid(error) from error
    _check_choice(out, losses)
    _check_effort(out, target, losses)
    return out


def _messages(raw: Raw) -> list[Fields]:
    """The messages; what results cannot hold stands after the last result of its turn."""
    out: list[Fields] = []
    shown: list[Fields] = []
    for given in _OBJECTS.decode(raw):
        message: Fields = {name: value for name, value in given.items() if name not in _HUBS}
        is_result = _text_of(message, "role") == "tool"
        if shown and not is_result:
            out.append({"role": "user", "content": shown})
            shown = []
        if _is_list(message.get("content")):
            parts = [_part(part) for part in _OBJECTS.decode(message["content"])]
            message["content"] = _texts(parts) if is_result else parts
            shown += _shown(message, parts) if is_result else []
        elif _says_nothing(message):
            message["content"] = ""
        out.append(message)
    return [*out, {"role": "user", "content": shown}] if shown else out


def _part(given: dict[str, Raw]) -> Fields:
    part: Fields = {name: value for name, value in given.items() if name not in _HUBS}
    if _text_of(part, "type") == "file" and "file" in part:
        part["file"] = {"filename": "document", **_FIELDS.decode(part["file"])}
    return part


def _texts(parts: list[Fields]) -> list[Fields] | str:
    return [part for part in parts if _text_of(part, "type") == "text"] or ""


def _shown(message: Fields, parts: list[Fields]) -> list[Fields]:
    """What a result shows, with the name of the call that it belongs to."""
    others = [part for part in parts if _text_of(part, "type") != "text"]
    if not others:
        return []
    return [{"type": "text", "text": f"Shown by the tool call {_text_of(message, 'tool_call_id')}:"}, *others]


def _says_nothing(message: Fields) -> bool:
    """An answer that was nothing but reasoning."""
    said = ("content", "tool_calls", "function_call", "refusal", "audio")
    return all(present(message.get(name)) is None for name in said)


def _set_tools(out: dict[str, Raw], losses: Losses) -> None:
    tools = []
    for index, raw in enumerate(_LIST.decode(out.pop("tools"))):
        tool: Fields = {name: value for name, value in _FIELDS.decode(raw).items() if name not in _HUBS}
        if _text_of(tool, "type") not in _TOOLS:
            losses.lose(f"tools[{index}]", "OpenAI has no tools of this type")
            continue
        if "function" in tool:
            tool["function"] = {k: v for k, v in _FIELDS.decode(tool["function"]).items() if k not in _HUBS}
        tools.append(tool)
    if tools:
        out["tools"] = Raw(_encode(tools))


def _user(user: str) -> str:
    return user if len(user) <= _MOST_USER else hashlib.sha256(user.encode()).hexdigest()


def _check_choice(out: dict[str, Raw], losses: Losses) -> None:
    """OpenAI refuses to hear of a choice among no tools, even where it says nothing."""
    if "tools" in out:
        return
    out.pop("parallel_tool_calls", None)
    choice = out.pop("tool_choice", None)
    if choice is not None and bytes(choice) not in (b'"auto"', b'"none"'):
        losses.lose("tool_choice", "there are no tools to choose from")


def _check_effort(out: dict[str, Raw], target: Target, losses: Losses) -> None:
    effort = out.get("reasoning_effort")
    if effort is None or not _CANNOT_REASON.match(target.model):
        return
    del out["reasoning_effort"]
    if bytes(effort) != b'"none"':
        losses.lose("reasoning_effort", "the model does not reason")


def _text_of(fields: Fields, name: str) -> str:
    """A string field; nothing where there is none."""
    raw = fields.get(name)
    return _STRING.decode(raw) if isinstance(raw, Raw) and bytes(raw)[:1] == b'"' else ""


def _is_list(value: object) -> bool:
    return isinstance(value, Raw) and bytes(value)[:1] == b"["
