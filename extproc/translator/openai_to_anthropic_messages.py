"""OpenAI chat messages as Anthropic turns and system blocks.

References: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages,
https://platform.claude.com/docs/en/api/messages#body-messages (both seen 2026-11-21).

| OpenAI                                     | Anthropic                                                               |
|--------------------------------------------|-------------------------------------------------------------------------|
| `system`, `developer`, wherever they stand | `system` blocks, in order (many models accept them nowhere else)        |
| `user`, `assistant`                        | turns; neighbours of one role become one turn                           |
| `tool`                                     | `tool_result` blocks, first in the user turn that they belong to        |
| `text`, `refusal`                          | text blocks; empty text is left out, because Anthropic refuses it       |
| `image_url`                                | image block; `detail` has no counterpart, the provider scales by itself |
| `file` with `file_data`                    | document block: PDF, plain text, or a URL                               |
| `tool_calls`                               | `tool_use` blocks, the arguments parsed from their string               |
| `thinking_blocks`                          | signed reasoning, first in its turn, as the provider requires           |
| `name` of a message                        | a loss: Anthropic has no participants' names                            |
| audio, other files, deprecated functions   | refused: content is never dropped                                       |

A `cache_control` of a part stays on its block, one of a message goes on the message's last block. Other fields of
messages and parts are left out, because no answer depends on them: echoes of earlier answers (`annotations`,
`reasoning_content`) and hints to OpenAI's own prompt cache.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Raw

from extproc.apischema import openai_chat
from extproc.apischema.anthropic import (
    Base64Source,
    Block,
    DocumentBlock,
    ImageBlock,
    PartBlock,
    SignedBlock,
    TextBlock,
    TextSource,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
    UrlSource,
)
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import File, ImageUrl, Message, Part, ToolCall
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.losses import Losses

_SIGNED = msgspec.json.Decoder(list[SignedBlock] | None)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_PDF = "application/pdf"
_T = TypeVar("_T")
_B = TypeVar("_B", bound=Block)


class Conversation:
    """Anthropic's two halves of a conversation, filled message by message."""

    def __init__(self, losses: Losses) -> None:
        self.system: list[TextBlock] = []
        self.turns: list[Turn] = []
        self._results = 0  # tool results at the head of the last turn
        self._losses = losses

    def add(self, message: Message, where: str) -> None:
        """`where` is the message's path in the request. Raises InvalidRequest, or Unsupported for its content."""
        add = _ROLES.get(message.role)
        if add is None:
            raise InvalidRequest(f"{where}.role: unknown role", param=f"{where}.role")
        if message.name is not None:
            self._losses.lose(f"{where}.name", "Anthropic has no participants' names")
        add(self, message, where)

    def add_system(self, message: Message, where: str) -> None:
        blocks = list(_parts(message, where))
        texts = [block for block in blocks if isinstance(block, TextBlock)]
        if len(texts) < len(blocks):
            raise Unsupported(
                f"{where}.content: only text can be in a {message.role} message", param=f"{where}.content"
            )
        self.system += _cached(texts, message)

    def add_user(self, message: Message, where: str) -> None:
        self._turn("user").content += _cached(list(_parts(message, where)), message)

    def add_assistant(self, message: Message, where: str) -> None:
        if message.audio is not None or message.function_call is not None:
            field = "audio" if message.audio is not None else "function_call"
            raise Unsupported(f"{where}.{field} cannot be sent to this model", param=f"{where}.{field}")
        blocks: list[Block] = [*_signed(message, where), *_parts(message, where)]
        if message.refusal:
            blocks.append(TextBlock(message.refusal))
        for index, call in enumerate(message.tool_calls or ()):
            blocks.append(_tool_use(call, f"{where}.tool_calls[{index}]"))
        self._turn("assistant").content += _cached(blocks, message)

    def add_tool(self, message: Message, where: str) -> None:
        if message.tool_call_id is None:
            raise InvalidRequest(f"{where}.tool_call_id: missing", param=f"{where}.tool_call_id")
        result = ToolResultBlock(message.tool_call_id, list(_parts(message, where)), message.cache_control)
        turn = self._turn("user")
        turn.content.insert(self._results, result)
        self._results += 1

    def _turn(self, role: str) -> Turn:
        """The turn that a message of this role belongs to: the last one, or a new one."""
        if not self.turns or self.turns[-1].role != role:
            self.turns.append(Turn(role, []))
            self._results = 0
        return self.turns[-1]


_ROLES: dict[str, Callable[[Conversation, Message, str], None]] = {
    "system": Conversation.add_system,
    "developer": Conversation.add_system,
    "user": Conversation.add_user,
    "assistant": Conversation.add_assistant,
    "tool": Conversation.add_tool,
}


def conversation(messages: list[Message], losses: Losses) -> Conversation:
    """The messages as Anthropic has them. Raises InvalidRequest, or Unsupported for content it cannot carry."""
    result = Conversation(losses)
    for index, message in enumerate(messages):
        result.add(message, f"messages[{index}]")
    result.turns = [turn for turn in result.turns if turn.content]
    if not result.turns:
        raise InvalidRequest("messages: at least one message of a user with content is needed", param="messages")
    return result


def _cached(blocks: list[_B], message: Message) -> list[_B]:
    """The blocks of one message, its own `cache_control` on the last one that can have any."""
    if message.cache_control is not None and blocks and not isinstance(blocks[-1], SignedBlock):
        blocks[-1].cache_control = message.cache_control
    return blocks


def _parts(message: Message, where: str) -> Iterator[PartBlock]:
    content = message.content
    if isinstance(content, str):
        if content:
            yield TextBlock(content)
        return
    for index, part in enumerate(content or ()):
        block = _PARTS.get(part.type, _no_part)(part, f"{where}.content[{index}]")
        if block is not None:
            block.cache_control = part.cache_control
            yield block


def _text(part: Part, where: str) -> TextBlock | None:
    text = part.refusal if part.type == "refusal" else part.text
    if text is None:
        raise InvalidRequest(f"{where}.{part.type}: missing", param=f"{where}.{part.type}")
    return TextBlock(text) if text else None


def _image(part: Part, where: str) -> ImageBlock:
    image = _given(part.image_url, f"{where}.image_url")
    return ImageBlock(_source(image, f"{where}.image_url.url"))


def _source(image: ImageUrl, where: str) -> Base64Source | UrlSource:
    if image.url.startswith("data:"):
        return _data_url(image.url, where)
    if image.url.startswith(("http://", "https://")):
        return UrlSource(image.url)
    raise InvalidRequest(f"{where}: neither a data: nor an http(s) URL", param=where)


def _document(part: Part, where: str) -> DocumentBlock:
    file = _given(part.file, f"{where}.file")
    if file.file_data is None:
        raise Unsupported(f"{where}.file.file_id: files uploaded to OpenAI are not known here", param=f"{where}.file")
    return DocumentBlock(_file_source(file.file_data, f"{where}.file.file_data"), title=_title(file))


def _file_source(data: str, where: str) -> Base64Source | UrlSource | TextSource:
    if data.startswith(("http://", "https://")):
        return UrlSource(data)
    source = _data_url(data, where) if data.startswith("data:") else Base64Source(_PDF, data)
    if source.media_type == "text/plain":
        return TextSource("text/plain", _decoded_text(source.data, where))
    if source.media_type != _PDF:
        raise Unsupported(f"{where}: only PDF and plain text can be sent to this model", param=where)
    return source


def _decoded_text(data: str, where: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest(f"{where}: not UTF-8 text in base64", param=where) from None


def _title(file: File) -> str | None:
    return file.filename or None


def _data_url(url: str, where: str) -> Base64Source:
    """RFC 2397, base64 only; parameters of the media type (`;charset=`) are left out."""
    head, comma, data = url[len("data:") :].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequest(f"{where}: not a base64 data: URL", param=where)
    return Base64Source(media_type, data)


def _no_part(part: Part, where: str) -> None:
    raise Unsupported(f"{where}: this kind of content cannot be sent to this model", param=where)


_PARTS: dict[str, Callable[[Part, str], PartBlock | None]] = {
    "text": _text,
    "refusal": _text,
    "image_url": _image,
    "file": _document,
}


def _given(value: _T | None, where: str) -> _T:
    if value is None:
        raise InvalidRequest(f"{where}: missing", param=where)
    return value


def _signed(message: Message, where: str) -> list[SignedBlock]:
    if not isinstance(message.thinking_blocks, Raw):
        return []
    try:
        return _SIGNED.decode(message.thinking_blocks) or []
    except MALFORMED as error:
        raise openai_chat.invalid(error, f"{where}.thinking_blocks") from error


def _tool_use(call: ToolCall, where: str) -> ToolUseBlock:
    if call.function is None:
        raise Unsupported(f"{where}: only function calls can be sent to this model", param=where)
    return ToolUseBlock(call.id, call.function.name, _arguments(call.function.arguments, f"{where}.function.arguments"))


def _arguments(text: str, where: str) -> Raw:
    """Arguments are an object at Anthropic. Models write nothing at all for a function without parameters."""
    raw = text.encode() or b"{}"
    try:
        _OBJECT.decode(raw)
    except MALFORMED:
        raise InvalidRequest(f"{where}: not a JSON object", param=where) from None
    return Raw(raw)
