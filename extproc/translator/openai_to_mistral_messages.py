"""OpenAI chat messages as Mistral has them.

References: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages,
https://docs.mistral.ai/api/endpoint/chat (read in the SDKs' types and in excerpts, 2026-11-21).

| OpenAI                                   | Mistral                                                                   |
|------------------------------------------|---------------------------------------------------------------------------|
| `system`, `developer`                    | `system`                                                                  |
| `user`, `assistant`, `tool`              | the same                                                                  |
| `user` right after `tool`                | an `OK` of the assistant stands between them, or Mistral refuses (3230)   |
| `text`, `refusal`                        | text                                                                      |
| `image_url`                              | the same, `detail` included                                               |
| `file` with `file_data`                  | `document_url`                                                            |
| `input_audio`                            | the same without the format, which Mistral finds out by itself            |
| `thinking_blocks`                        | `thinking` chunks, first in their message; encrypted ones are left out    |
| ids of tool calls                        | nine letters or digits; others are hashed, the same way wherever they are |
| Mistral's own chunks, `prefix`           | as they are                                                               |
| `name` of a message, other than a tool's | a loss: Mistral has no participants' names                                |
| uploaded files, deprecated functions     | refused: content is never dropped                                         |

Other fields of messages and parts are left out, because no answer depends on them and Mistral refuses what it does not
know: echoes of earlier answers (`annotations`, `reasoning_content`), hints to other providers' prompt caches.
Order of roles: https://github.com/mistralai/mistral-common/issues/169; ids: https://github.com/langchain-ai/langchain/pull/24668
"""

import hashlib
import re
import string
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Raw

from extproc.apischema import openai_chat
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.mistral import (
    AudioChunk,
    CallerAudio,
    CallerCall,
    CallerMessage,
    CallerPart,
    CallerThinking,
    ChatMessage,
    Chunk,
    DocumentChunk,
    FunctionCall,
    ImageChunk,
    TextChunk,
    ThinkingChunk,
    ToolCall,
)
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.losses import Losses

_PART = msgspec.json.Decoder(CallerPart)
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = string.digits + string.ascii_letters
_BETWEEN_TOOL_AND_USER = "OK"
_PDF = "data:application/pdf;base64,"
_T = TypeVar("_T")


def conversation(messages: list[CallerMessage], losses: Losses) -> list[ChatMessage]:
    """The messages as Mistral has them. Raises InvalidRequest, or Unsupported for content it cannot carry."""
    built: list[ChatMessage] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        build = _ROLES.get(message.role)
        if build is None:
            raise InvalidRequest(f"{where}.role: unknown role", param=f"{where}.role")
        if message.name is not None and message.role != "tool":
            losses.lose(f"{where}.name", "Mistral has no participants' names")
        if message.role == "user" and built and built[-1].role == "tool":
            built.append(ChatMessage("assistant", _BETWEEN_TOOL_AND_USER))
        built.append(build(message, where))
    return built


def call_id(id: str) -> str:
    """The id of a tool call as Mistral takes it: nine letters or digits, always the same for the same id."""
    if _CALL_ID.fullmatch(id):
        return id
    number = int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big")
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)


def _system(message: CallerMessage, where: str) -> ChatMessage:
    content = _content(message, where)
    if not isinstance(content, str) and not all(isinstance(chunk, TextChunk) for chunk in content):
        raise Unsupported(f"{where}.content: only text can be in a {message.role} message", param=f"{where}.content")
    return ChatMessage("system", content)


def _user(message: CallerMessage, where: str) -> ChatMessage:
    return ChatMessage("user", _content(message, where))


def _assistant(message: CallerMessage, where: str) -> ChatMessage:
    if message.audio is not None or message.function_call is not None:
        field = "audio" if message.audio is not None else "function_call"
        raise Unsupported(f"{where}.{field} cannot be sent to this model", param=f"{where}.{field}")
    calls = [_call(call, f"{where}.tool_calls[{index}]") for index, call in enumerate(message.tool_calls or ())]
    content = _said(_content(message, where), message)
    return ChatMessage("assistant", content or None if calls else content, calls, prefix=message.prefix)


def _tool(message: CallerMessage, where: str) -> ChatMessage:
    if message.tool_call_id is None:
        raise InvalidRequest(f"{where}.tool_call_id: missing", param=f"{where}.tool_call_id")
    return ChatMessage("tool", _content(message, where), tool_call_id=call_id(message.tool_call_id), name=message.name)


_ROLES: dict[str, Callable[[CallerMessage, str], ChatMessage]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}


def _said(content: str | list[Chunk | Raw], message: CallerMessage) -> str | list[Chunk | Raw]:
    """An assistant's content with its signed reasoning before and its refusal behind."""
    signed = [block for block in message.thinking_blocks or () if isinstance(block, CallerThinking)]
    if not signed and not message.refusal:
        return content
    chunks: list[Chunk | Raw] = [
        ThinkingChunk([TextChunk(block.thinking)], block.signature or None) for block in signed
    ]
    chunks += content if isinstance(content, list) else [TextChunk(content)] if content else []
    return [*chunks, TextChunk(message.refusal)] if message.refusal else chunks


def _content(message: CallerMessage, where: str) -> str | list[Chunk | Raw]:
    if not isinstance(message.content, list):
        return message.content or ""
    return [_chunk(part, f"{where}.content[{index}]") for index, part in enumerate(message.content)]


def _chunk(raw: Raw, where: str) -> Chunk | Raw:
    try:
        part = _PART.decode(raw)
    except MALFORMED as error:
        raise openai_chat.invalid(error, where) from error
    if part.type in _OWN_CHUNKS:
        return raw
    build = _CHUNKS.get(part.type)
    if build is None:
        raise Unsupported(f"{where}: this kind of content cannot be sent to this model", param=where)
    return build(part, where)


def _text(part: CallerPart, where: str) -> TextChunk:
    return TextChunk(_given(part.text, f"{where}.text"))


def _refusal(part: CallerPart, where: str) -> TextChunk:
    return TextChunk(_given(part.refusal, f"{where}.refusal"))


def _image(part: CallerPart, where: str) -> ImageChunk:
    if not isinstance(part.image_url, Raw):
        raise InvalidRequest(f"{where}.image_url: missing", param=f"{where}.image_url")
    return ImageChunk(part.image_url)


def _audio(part: CallerPart, where: str) -> AudioChunk:
    audio = part.input_audio
    if audio is None:
        raise InvalidRequest(f"{where}.input_audio: missing", param=f"{where}.input_audio")
    return AudioChunk(audio.data if isinstance(audio, CallerAudio) else audio)


def _document(part: CallerPart, where: str) -> DocumentChunk:
    file = _given(part.file, f"{where}.file")
    if file.file_data is None:
        raise Unsupported(f"{where}.file.file_id: files uploaded to OpenAI are not known here", param=f"{where}.file")
    is_url = file.file_data.startswith(("http://", "https://", "data:"))
    return DocumentChunk(file.file_data if is_url else _PDF + file.file_data, file.filename or None)


_OWN_CHUNKS = frozenset({"document_url", "reference", "thinking"})
_CHUNKS: dict[str, Callable[[CallerPart, str], Chunk]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _document,
}


def _given(value: _T | None, where: str) -> _T:
    if value is None:
        raise InvalidRequest(f"{where}: missing", param=where)
    return value


def _call(call: CallerCall, where: str) -> ToolCall:
    if call.function is None:
        raise Unsupported(f"{where}: only function calls can be sent to this model", param=where)
    # Models write nothing at all for a function without parameters.
    return ToolCall(call_id(call.id), FunctionCall(call.function.name, call.function.arguments or "{}"))
