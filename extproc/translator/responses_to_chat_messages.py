"""The input of a Responses request as chat messages.

References: https://platform.openai.com/docs/api-reference/responses/create#responses-create-input,
https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages (both seen 2026-11-21).

| Responses                                   | chat                                                                  |
|---------------------------------------------|-----------------------------------------------------------------------|
| `instructions`                              | a `system` message, first                                             |
| `input` as a string                         | a `user` message                                                      |
| messages, with or without a type            | messages of the same role                                             |
| `reasoning`                                 | `thinking_blocks` and `reasoning_content` of the assistant's message  |
| `function_call`, `custom_tool_call`         | `tool_calls` of the assistant's message                               |
| `function_call_output`, and the custom one  | a `tool` message                                                      |
| `input_text`, `output_text`, `refusal`      | `text` and `refusal` parts; a lone text is the content itself         |
| `input_image`, `input_file`, `input_audio`  | the chat's; a file's URL stands where its data would                  |
| `item_reference`                            | refused: nothing is stored that it could mean                         |
| built-in tools' items, an image's `file_id` | refused: content is never dropped                                     |

Neighbouring items of the assistant are one message, in chat's order: reasoning, text, calls. A second text or signed
reasoning begins another message, so that backends with turns of blocks see them in the order in which they were made;
but text after a call stays with it, because its results must follow at once.

`cache_control` and `prompt_cache_breakpoint` stay where they are. Left out, because no answer depends on them: `id`,
`status`, `phase`, `caller`, and echoes of earlier answers (`annotations`, `logprobs`).
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.apischema import openai_chat
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_responses import (
    ItemKind,
    Message,
    Part,
    ReasoningItem,
    ToolCall,
    ToolOutput,
)
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.responses_to_chat_reasoning import unseal

_ROLES = frozenset({"user", "assistant", "system", "developer"})
_Part = dict[str, Any]
_T = TypeVar("_T")


class ChatMessage(Struct, omit_defaults=True):
    """A chat message as it is sent. `content` is parts until all of them are there."""

    role: str
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[Raw] = []
    tool_calls: list[dict[str, Any]] = []
    tool_call_id: str | UnsetType = UNSET
    cache_control: Raw | UnsetType = UNSET


class Conversation:
    """Chat messages, filled item by item."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []

    def add(self, raw: Raw, where: str) -> None:
        """`where` is the item's path in the request. Raises InvalidRequest, or Unsupported for its kind."""
        kind = _decoded(_KIND, raw, where)
        name = kind.type or ("message" if kind.role is not None else "item_reference")
        add = _ITEMS.get(name)
        if add is None:
            raise Unsupported(f"{where}: an item of type {name} cannot be sent to this model", param=where)
        add(self, raw, where)

    def add_message(self, raw: Raw, where: str) -> None:
        item = _decoded(_MESSAGE, raw, where)
        if item.role not in _ROLES:
            raise InvalidRequest(f"{where}.role: unknown role", param=f"{where}.role")
        content = _content(item.content, f"{where}.content")
        if item.role == "assistant":
            message = self._assistant(begins=self._has_text())
            message.content = content if message.content is None else _parts_of(message.content) + _parts_of(content)
        else:
            message = ChatMessage(item.role, content)
            self.messages.append(message)
        if item.cache_control is not UNSET:
            message.cache_control = item.cache_control

    def add_reasoning(self, raw: Raw, where: str) -> None:
        item = _decoded(_REASONING, raw, where)
        blocks = unseal(item.encrypted_content or "")
        text = "\n\n".join(part.text for part in item.content or item.summary or () if part.text)
        if not blocks and not text:
            return
        message = self._assistant(begins=self._has_text() or (bool(blocks) and self._has_output()))
        _add_reasoning(message, blocks, text)

    def add_function_call(self, raw: Raw, where: str) -> None:
        item = self._call(raw, where)
        function = {"name": item.name, "arguments": item.arguments}
        self._add_call({"id": item.call_id, "type": "function", "function": function})

    def add_custom_call(self, raw: Raw, where: str) -> None:
        item = self._call(raw, where)
        self._add_call({"id": item.call_id, "type": "custom", "custom": {"name": item.name, "input": item.input}})

    def add_output(self, raw: Raw, where: str) -> None:
        item = _decoded(_OUTPUT, raw, where)
        content = _content(item.output, f"{where}.output")
        call_id = _given(item.call_id, f"{where}.call_id")
        self.messages.append(ChatMessage("tool", content, tool_call_id=call_id, cache_control=item.cache_control))

    def refuse_reference(self, _: Raw, where: str) -> None:
        raise InvalidRequest(
            f"{where}: this model's backend keeps no state; send the item itself, not a reference.", param=where
        )

    @staticmethod
    def _call(raw: Raw, where: str) -> ToolCall:
        item = _decoded(_CALL, raw, where)
        _given(item.call_id, f"{where}.call_id")
        _given(item.name, f"{where}.name")
        if item.namespace is not None:
            raise Unsupported(f"{where}.namespace is not supported here", param=f"{where}.namespace")
        return item

    def _add_call(self, call: dict[str, Any]) -> None:
        message = self._assistant(begins=False)
        message.tool_calls = [*message.tool_calls, call]

    def _assistant(self, *, begins: bool) -> ChatMessage:
        """The assistant's message under way, or a new one."""
        if begins or not self._is_assistant():
            self.messages.append(ChatMessage("assistant"))
        return self.messages[-1]

    def _is_assistant(self) -> bool:
        return bool(self.messages) and self.messages[-1].role == "assistant"

    def _has_text(self) -> bool:
        """The message under way has text, and no calls with which more text would have to stay."""
        return self._is_assistant() and self.messages[-1].content is not None and not self.messages[-1].tool_calls

    def _has_output(self) -> bool:
        return self._is_assistant() and (self.messages[-1].content is not None or bool(self.messages[-1].tool_calls))


_ITEMS: dict[str, Callable[[Conversation, Raw, str], None]] = {
    "message": Conversation.add_message,
    "reasoning": Conversation.add_reasoning,
    "function_call": Conversation.add_function_call,
    "custom_tool_call": Conversation.add_custom_call,
    "function_call_output": Conversation.add_output,
    "custom_tool_call_output": Conversation.add_output,
    "item_reference": Conversation.refuse_reference,
}
_KIND = msgspec.json.Decoder(ItemKind)
_MESSAGE = msgspec.json.Decoder(Message)
_REASONING = msgspec.json.Decoder(ReasoningItem)
_CALL = msgspec.json.Decoder(ToolCall)
_OUTPUT = msgspec.json.Decoder(ToolOutput)


def messages(instructions: str | None, given: str | list[Raw]) -> list[ChatMessage]:
    """The whole conversation. Raises InvalidRequest, or Unsupported for an item that chat cannot carry."""
    talk = Conversation()
    if instructions:
        talk.messages.append(ChatMessage("system", instructions))
    if isinstance(given, str):
        talk.messages.append(ChatMessage("user", given))
    else:
        for index, raw in enumerate(given):
            talk.add(raw, f"input[{index}]")
    return _joined(talk.messages)


def _joined(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Reasoning that led to nothing, such as a signature that comes after its text, is part of what it follows."""
    joined: list[ChatMessage] = []
    for message in messages:
        says_nothing = message.content is None and not message.tool_calls
        if says_nothing and joined and joined[-1].role == message.role == "assistant":
            _add_reasoning(joined[-1], message.thinking_blocks, message.reasoning_content)
        else:
            joined.append(message)
    return joined


def _add_reasoning(message: ChatMessage, blocks: list[Raw], text: str | None) -> None:
    message.thinking_blocks = message.thinking_blocks + blocks
    message.reasoning_content = "\n\n".join(filter(None, (message.reasoning_content, text))) or None


def _content(content: str | list[Part] | None, where: str) -> str | list[_Part]:
    if content is None:
        raise InvalidRequest(f"{where}: missing", param=where)
    if isinstance(content, str):
        return content
    parts = [_part(part, f"{where}[{index}]") for index, part in enumerate(content)]
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts


def _parts_of(content: str | list[_Part]) -> list[_Part]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _part(part: Part, where: str) -> _Part:
    make = _PARTS.get(part.type)
    if make is None:
        raise Unsupported(f"{where}: content of type {part.type} cannot be sent to this model", param=where)
    made = make(part, where)
    for name in ("cache_control", "prompt_cache_breakpoint"):
        value = getattr(part, name)
        if value is not UNSET:
            made[name] = value
    return made


def _text(part: Part, where: str) -> _Part:
    return {"type": "text", "text": _given(part.text, f"{where}.text")}


def _refusal(part: Part, where: str) -> _Part:
    return {"type": "refusal", "refusal": _given(part.refusal, f"{where}.refusal")}


def _image(part: Part, where: str) -> _Part:
    if part.image_url is None and part.file_id is not None:
        raise Unsupported(f"{where}.file_id: files uploaded to OpenAI are not known here", param=f"{where}.file_id")
    image = {"url": _given(part.image_url, f"{where}.image_url")}
    if part.detail is not None:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image}


def _file(part: Part, where: str) -> _Part:
    data = part.file_data or part.file_url
    file = {"file_data": data, "file_id": part.file_id, "filename": part.filename}
    if data is None and part.file_id is None:
        raise InvalidRequest(f"{where}.file_data: missing", param=f"{where}.file_data")
    return {"type": "file", "file": {name: value for name, value in file.items() if value is not None}}


def _audio(part: Part, where: str) -> _Part:
    if part.input_audio is UNSET:
        raise InvalidRequest(f"{where}.input_audio: missing", param=f"{where}.input_audio")
    return {"type": "input_audio", "input_audio": part.input_audio}


_PARTS: dict[str, Callable[[Part, str], _Part]] = {
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


def _given(value: _T | None, where: str) -> _T:
    if value is None:
        raise InvalidRequest(f"{where}: missing", param=where)
    return value


def _decoded(decoder: msgspec.json.Decoder[_T], raw: Raw, where: str) -> _T:
    try:
        return decoder.decode(raw)
    except MALFORMED as error:
        raise openai_chat.invalid(error, where) from error
