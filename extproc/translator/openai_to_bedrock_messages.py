"""OpenAI chat messages as Bedrock's Converse API has them.

References: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html (both seen 2026-11-21).

| OpenAI                                     | Converse                                                                |
|--------------------------------------------|-------------------------------------------------------------------------|
| `system`, `developer`, wherever they stand | `system` blocks, in order (few models accept them elsewhere)            |
| `user`, `assistant`                        | turns; neighbours of one role become one turn                           |
| `tool`                                     | `toolResult` blocks, first in the user turn that they belong to         |
| `text`, `refusal`                          | text blocks; empty text is left out, because Bedrock refuses it         |
| `image_url`, `file` with `file_data`       | image, document, video or audio, as the media type of its `data:` URL   |
|                                            | says, or the extension of its `s3://` address or file name              |
| `tool_calls`                               | `toolUse` blocks, the arguments parsed from their string                |
| `thinking_blocks`                          | `reasoningContent`, first in its turn, as Claude requires; left out for |
|                                            | models that do not reason                                               |
| `cache_control` of a part or a message     | a `cachePoint` after the block, or after the message's last one         |
| `name` of a message                        | a loss: Converse has no participants' names                             |
| http(s) addresses, uploaded files,         | refused: Bedrock fetches nothing, and content is never dropped          |
| deprecated functions                       |                                                                         |

Names of documents must be plain and differ: other characters become hyphens, and a number is added. Other fields of
messages and parts are left out, because no answer depends on them: echoes of earlier answers (`annotations`,
`reasoning_content`) and hints to OpenAI's own prompt cache.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from extproc.apischema import openai_chat
from extproc.apischema.anthropic import RedactedThinkingBlock, SignedBlock
from extproc.apischema.bedrock import (
    CachePoint,
    ContentBlock,
    Document,
    Media,
    ReasoningContent,
    ReasoningText,
    S3Location,
    Source,
    ToolResult,
    ToolUse,
    Turn,
)
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import CacheControl, Message, Part, ToolCall
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.bedrock_models import CachePoints, ConverseFacts, Reasoning
from extproc.translator.losses import Losses

_SIGNED = msgspec.json.Decoder(list[SignedBlock] | None)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_T = TypeVar("_T")

# The kind of a block and the API's name of the format, by media type and by extension.
_OFFICE = "application/vnd.openxmlformats-officedocument"
_BY_MEDIA_TYPE: dict[str, tuple[str, str]] = {
    "image/gif": ("image", "gif"),
    "image/jpeg": ("image", "jpeg"),
    "image/jpg": ("image", "jpeg"),
    "image/png": ("image", "png"),
    "image/webp": ("image", "webp"),
    "application/msword": ("document", "doc"),
    "application/pdf": ("document", "pdf"),
    "application/vnd.ms-excel": ("document", "xls"),
    f"{_OFFICE}.spreadsheetml.sheet": ("document", "xlsx"),
    f"{_OFFICE}.wordprocessingml.document": ("document", "docx"),
    "text/csv": ("document", "csv"),
    "text/html": ("document", "html"),
    "text/markdown": ("document", "md"),
    "text/plain": ("document", "txt"),
    "video/3gpp": ("video", "three_gp"),
    "video/mp4": ("video", "mp4"),
    "video/mpeg": ("video", "mpeg"),
    "video/quicktime": ("video", "mov"),
    "video/webm": ("video", "webm"),
    "video/x-flv": ("video", "flv"),
    "video/x-matroska": ("video", "mkv"),
    "video/x-ms-wmv": ("video", "wmv"),
    "audio/aac": ("audio", "aac"),
    "audio/flac": ("audio", "flac"),
    "audio/mp3": ("audio", "mp3"),
    "audio/mp4": ("audio", "m4a"),
    "audio/mpeg": ("audio", "mp3"),
    "audio/ogg": ("audio", "ogg"),
    "audio/opus": ("audio", "opus"),
    "audio/wav": ("audio", "wav"),
    "audio/webm": ("audio", "webm"),
    "audio/x-wav": ("audio", "wav"),
}
_BY_EXTENSION: dict[str, tuple[str, str]] = {
    **{name: (kind, name) for kind, name in _BY_MEDIA_TYPE.values() if kind != "audio" and name != "three_gp"},
    **{name: ("audio", name) for name in ("aac", "flac", "m4a", "mp3", "ogg", "opus", "wav")},
    "3gp": ("video", "three_gp"),
    "htm": ("document", "html"),
    "jpg": ("image", "jpeg"),
}
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9()\[\]-]+")
_LONGEST_NAME = 180  # of 200: room for a number
_TTLS = ("5m", "1h")


class Conversation:
    """Converse's two halves of a conversation, filled message by message.

    `called` are the names of the tools that were called in it.
    """

    def __init__(self, facts: ConverseFacts, losses: Losses) -> None:
        self.system: list[ContentBlock] = []
        self.turns: list[Turn] = []
        self.called: list[str] = []
        self._results = 0  # blocks at the head of the last turn that belong to tool results
        self._documents: set[str] = set()
        self._losses = losses
        self._cached = facts.cache_points is not CachePoints.NOWHERE
        self._reasons = facts.reasoning is not Reasoning.NONE

    def add(self, message: Message, where: str) -> None:
        """`where` is the message's path in the request. Raises InvalidRequest, or Unsupported for its content."""
        add = _ROLES.get(message.role)
        if add is None:
            raise InvalidRequest(f"{where}.role: unknown role", param=f"{where}.role")
        if message.name is not None:
            self._losses.lose(f"{where}.name", "Bedrock has no participants' names")
        add(self, message, where)

    def add_system(self, message: Message, where: str) -> None:
        blocks = self._parts(message, where)
        if any(block.text is None and block.cache_point is None for block in blocks):
            raise Unsupported(
                f"{where}.content: only text can be in a {message.role} message", param=f"{where}.content"
            )
        self.system += self._with_cache_point(blocks, message.cache_control)

    def add_user(self, message: Message, where: str) -> None:
        self._turn("user").content += self._with_cache_point(self._parts(message, where), message.cache_control)

    def add_assistant(self, message: Message, where: str) -> None:
        if message.audio is not None or message.function_call is not None:
            field = "audio" if message.audio is not None else "function_call"
            raise Unsupported(f"{where}.{field} cannot be sent to this model", param=f"{where}.{field}")
        blocks = [*(_reasoning(message, where) if self._reasons else ()), *self._parts(message, where)]
        if message.refusal:
            blocks.append(ContentBlock(text=message.refusal))
        for index, call in enumerate(message.tool_calls or ()):
            blocks.append(self._tool_use(call, f"{where}.tool_calls[{index}]"))
        self._turn("assistant").content += self._with_cache_point(blocks, message.cache_control)

    def add_tool(self, message: Message, where: str) -> None:
        if message.tool_call_id is None:
            raise InvalidRequest(f"{where}.tool_call_id: missing", param=f"{where}.tool_call_id")
        parts = self._parts(message, where)
        content = [block for block in parts if block.cache_point is None]
        blocks = [ContentBlock(tool_result=ToolResult(message.tool_call_id, content))]
        blocks += [block for block in parts if block.cache_point is not None][-1:]
        turn = self._turn("user")
        turn.content[self._results : self._results] = blocks = self._with_cache_point(blocks, message.cache_control)
        self._results += len(blocks)

    def end_with_cache_point(self, control: CacheControl) -> None:
        """The whole conversation may be cached."""
        turn = self.turns[-1]
        turn.content = self._with_cache_point(turn.content, control)

    def _turn(self, role: str) -> Turn:
        """The turn that a message of this role belongs to: the last one, or a new one."""
        if not self.turns or self.turns[-1].role != role:
            self.turns.append(Turn(role, []))
            self._results = 0
        return self.turns[-1]

    def _parts(self, message: Message, where: str) -> list[ContentBlock]:
        content = message.content
        if isinstance(content, str):
            return [ContentBlock(text=content)] if content else []
        blocks: list[ContentBlock] = []
        for index, part in enumerate(content or ()):
            block = _PARTS.get(part.type, Conversation._no_part)(self, part, f"{where}.content[{index}]")
            if block is not None:
                blocks = self._with_cache_point([*blocks, block], part.cache_control)
        return blocks

    def _with_cache_point(self, blocks: list[ContentBlock], control: CacheControl | None) -> list[ContentBlock]:
        """The blocks, and a cache point at their end, if one may stand there: not after reasoning or another one."""
        if control is None or not self._cached or not blocks:
            return blocks
        last = blocks[-1]
        if last.reasoning_content is not None or last.cache_point is not None:
            return blocks
        return [*blocks, ContentBlock(cache_point=cache_point(control))]

    def _text(self, part: Part, where: str) -> ContentBlock | None:
        text = part.refusal if part.type == "refusal" else part.text
        if text is None:
            raise InvalidRequest(f"{where}.{part.type}: missing", param=f"{where}.{part.type}")
        return ContentBlock(text=text) if text else None

    def _image(self, part: Part, where: str) -> ContentBlock:
        image = _given(part.image_url, f"{where}.image_url")
        if not image.url.startswith(("data:", "http://", "https://", "s3://")):
            raise InvalidRequest(
                f"{where}.image_url.url: neither a data: nor an s3:// URL", param=f"{where}.image_url.url"
            )
        return self._media(image.url, "", f"{where}.image_url.url")

    def _file(self, part: Part, where: str) -> ContentBlock:
        file = _given(part.file, f"{where}.file")
        if file.file_data is None:
            raise Unsupported(
                f"{where}.file.file_id: files uploaded to OpenAI are not known here", param=f"{where}.file"
            )
        return self._media(file.file_data, file.filename or "", f"{where}.file.file_data")

    def _no_part(self, part: Part, where: str) -> None:
        raise Unsupported(f"{where}: this kind of content cannot be sent to this model", param=where)

    def _media(self, data: str, filename: str, where: str) -> ContentBlock:
        """`data` is a `data:` URL, an address, or plain base64, of which only the file's name can tell what it is."""
        if data.startswith(("http://", "https://")):
            raise Unsupported(f"{where}: Bedrock fetches no addresses, send the content as a data: URL", param=where)
        if data.startswith("data:"):
            media_type, content = _data_url(data, where)
            return self._block(_BY_MEDIA_TYPE.get(media_type), Source(content), filename, where)
        if data.startswith("s3://"):
            return self._block(_by_name(data), Source(s3_location=S3Location(data)), filename, where)
        return self._block(_by_name(filename) or ("document", "pdf"), Source(data), filename, where)

    def _block(self, what: tuple[str, str] | None, source: Source, filename: str, where: str) -> ContentBlock:
        if what is None:
            raise Unsupported(f"{where}: this type of file cannot be sent to this model", param=where)
        kind, file_format = what
        if kind == "document":
            return ContentBlock(document=Document(file_format, self._document_name(filename), source))
        media: dict[str, Any] = {kind: Media(file_format, source)}
        return ContentBlock(**media)

    def _document_name(self, filename: str) -> str:
        stem = filename.rpartition(".")[0] or filename
        plain = _NOT_IN_A_NAME.sub("-", stem)[:_LONGEST_NAME].strip("-") or "document"
        name, number = plain, 1
        while name in self._documents:
            number += 1
            name = f"{plain} ({number})"
        self._documents.add(name)
        return name

    def _tool_use(self, call: ToolCall, where: str) -> ContentBlock:
        function = call.function
        if function is None:
            raise Unsupported(f"{where}: only function calls can be sent to this model", param=where)
        if function.name not in self.called:
            self.called.append(function.name)
        arguments = _arguments(function.arguments, f"{where}.function.arguments")
        return ContentBlock(tool_use=ToolUse(call.id, function.name, arguments))


_ROLES: dict[str, Callable[[Conversation, Message, str], None]] = {
    "system": Conversation.add_system,
    "developer": Conversation.add_system,
    "user": Conversation.add_user,
    "assistant": Conversation.add_assistant,
    "tool": Conversation.add_tool,
}
_PARTS: dict[str, Callable[[Conversation, Part, str], ContentBlock | None]] = {
    "text": Conversation._text,
    "refusal": Conversation._text,
    "image_url": Conversation._image,
    "file": Conversation._file,
}


def conversation(messages: Iterable[Message], facts: ConverseFacts, losses: Losses) -> Conversation:
    """The messages as Converse has them. Raises InvalidRequest, or Unsupported for content it cannot carry."""
    result = Conversation(facts, losses)
    for index, message in enumerate(messages):
        result.add(message, f"messages[{index}]")
    result.turns = [turn for turn in result.turns if turn.content]
    if not result.turns:
        raise InvalidRequest("messages: at least one message of a user with content is needed", param="messages")
    return result


def cache_point(control: CacheControl) -> CachePoint:
    """Anthropic's `cache_control` as Converse has it."""
    ttl = control.get("ttl")
    return CachePoint("default", ttl if ttl in _TTLS else None)


def _reasoning(message: Message, where: str) -> list[ContentBlock]:
    if not isinstance(message.thinking_blocks, Raw):
        return []
    try:
        signed = _SIGNED.decode(message.thinking_blocks) or []
    except MALFORMED as error:
        raise openai_chat.invalid(error, f"{where}.thinking_blocks") from error
    return [ContentBlock(reasoning_content=_reasoning_content(block)) for block in signed]


def _reasoning_content(block: SignedBlock) -> ReasoningContent:
    if isinstance(block, RedactedThinkingBlock):
        return ReasoningContent(redacted_content=block.data)
    return ReasoningContent(ReasoningText(block.thinking, block.signature))


def _arguments(text: str, where: str) -> Raw:
    """Arguments are an object in Converse. Models write nothing at all for a function without parameters."""
    raw = text.encode() or b"{}"
    try:
        _OBJECT.decode(raw)
    except MALFORMED:
        raise InvalidRequest(f"{where}: not a JSON object", param=where) from None
    return Raw(raw)


def _by_name(name: str) -> tuple[str, str] | None:
    return _BY_EXTENSION.get(name.rpartition(".")[2].lower())


def _data_url(url: str, where: str) -> tuple[str, str]:
    """Media type and base64 (RFC 2397); parameters of the media type (`;charset=`) are left out."""
    head, comma, data = url[len("data:") :].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequest(f"{where}: not a base64 data: URL", param=where)
    return media_type.lower(), data


def _given(value: _T | None, where: str) -> _T:
    if value is None:
        raise InvalidRequest(f"{where}: missing", param=where)
    return value
