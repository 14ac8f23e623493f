"""Anthropic turns and system blocks as OpenAI chat messages.

References: https://platform.claude.com/docs/en/api/messages/create,
https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages (both seen 2026-11-21).

| Anthropic                             | OpenAI                                                                      |
|---------------------------------------|-----------------------------------------------------------------------------|
| `system`, at the top or among turns   | `system` message where it stands                                            |
| `user` turn                           | `tool` messages for its results, then a `user` message for all else         |
| `assistant` turn                      | one message: reasoning, then its texts, then its calls                      |
| `text`                                | text; the only one of a message is its `content`. Empty text is left out    |
| `image`                               | `image_url`, inline as a `data:` URL                                        |
| `document` (PDF, plain text, address) | `file`, `title` as its name                                                 |
| `tool_use`                            | `tool_calls`, the input as a compact string                                 |
| `tool_result`                         | `tool` message; `is_error` becomes the word "Error" before its content      |
| `thinking`, `redacted_thinking`       | `thinking_blocks`; without a signature (not Claude's) `reasoning_content`   |
| `cache_control`                       | on the part; of a result, or of a call that ends its turn, on the message   |
| uploaded files, documents of blocks, search results, server tools at work | refused: content is never dropped       |

Left out, because no answer depends on them: `citations` of a text, which echo an earlier answer, and `cache_control` of
a call that others follow. What else a block says is lost: its path is put on a list, for the backend to judge.
"""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from extproc.apischema import anthropic_request
from extproc.apischema.anthropic import Base64Source, TextSource, UrlSource
from extproc.apischema.anthropic_request import (
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
    Typed,
    read,
)
from extproc.errors import InvalidRequest, Unsupported

Fields = dict[str, Any]

_TYPED = msgspec.json.Decoder(Typed)
_TEXT = msgspec.json.Decoder(TextBlock)
_IMAGE = msgspec.json.Decoder(ImageBlock)
_DOCUMENT = msgspec.json.Decoder(DocumentBlock)
_TOOL_USE = msgspec.json.Decoder(ToolUseBlock)
_TOOL_RESULT = msgspec.json.Decoder(ToolResultBlock)
_THINKING = msgspec.json.Decoder(ThinkingBlock)
_REDACTED = msgspec.json.Decoder(RedactedThinkingBlock)


class Talk:
    """A conversation on its way to the hub, filled turn by turn. `lost` are the paths of what it cannot carry."""

    def __init__(self) -> None:
        self.messages: list[Fields] = []
        self.lost: list[str] = []
        self._role = ""
        self._results = 0  # where the next tool result belongs: after those of the same turn, before what is said

    def add_system(self, system: str | list[TextBlock]) -> None:
        parts = [_text_part(block) for block in system if block.text] if not isinstance(system, str) else system
        if parts:
            self.messages.append({"role": "system", "content": _plain(parts)})

    def add(self, turn: Turn, where: str) -> None:
        """`where` is the turn's path in the request. Raises InvalidRequest, or Unsupported for its content."""
        add = _ROLES.get(turn.role)
        if add is None:
            raise InvalidRequest(f"{where}.role: neither user, assistant nor system", param=f"{where}.role")
        if turn.role != self._role:
            self._role, self._results = turn.role, len(self.messages)
        add(self, turn.content, where)

    def _add_system(self, content: str | list[Raw], where: str) -> None:
        if not isinstance(content, str):
            self.add_system([_read_text(raw, f"{where}.content[{at}]") for at, raw in enumerate(content)])
        else:
            self.add_system(content)

    def _add_user(self, content: str | list[Raw], where: str) -> None:
        if isinstance(content, str):
            self.messages.append({"role": "user", "content": content})
            return
        parts = []
        for at, raw in enumerate(content):
            place = f"{where}.content[{at}]"
            if _type(raw, place) == "tool_result":
                self._add_result(raw, place)
            else:
                parts += self._parts(raw, place)
        if parts:
            self.messages.append({"role": "user", "content": _plain(parts)})

    def _add_result(self, raw: Raw, where: str) -> None:
        block = read(_TOOL_RESULT, raw, where)
        if block.toolset_name is not None:
            raise _no_block(where, "toolsets")
        message = {"role": "tool", "tool_call_id": block.tool_use_id, "content": self._result_content(block, where)}
        self.messages.insert(self._results, _cached(message, block.cache_control))
        self._results += 1

    def _result_content(self, block: ToolResultBlock, where: str) -> str | list[Fields]:
        content = block.content or ""
        if isinstance(content, str):
            return f"Error: {content}" if block.is_error else content
        parts = [part for at, raw in enumerate(content) for part in self._parts(raw, f"{where}.content[{at}]")]
        return _plain([{"type": "text", "text": "Error:"}, *parts] if block.is_error else parts)

    def _add_assistant(self, content: str | list[Raw], where: str) -> None:
        turn = _AssistantTurn()
        if isinstance(content, str):
            turn.parts.append({"type": "text", "text": content})
        else:
            for at, raw in enumerate(content):
                turn.add(raw, f"{where}.content[{at}]")
        self.messages.append(turn.message())

    def _parts(self, raw: Raw, where: str) -> list[Fields]:
        """A block of a user or of a tool's result, as the part that it becomes; none for empty text."""
        kind = _type(raw, where)
        if kind == "text":
            block = _read_text(raw, where)
            return [_text_part(block)] if block.text else []
        if kind == "image":
            return [self._image(read(_IMAGE, raw, where), where)]
        if kind == "document":
            return [self._document(read(_DOCUMENT, raw, where), where)]
        raise _no_block(where, f"{kind!r} blocks")

    def _image(self, block: ImageBlock, where: str) -> Fields:
        if isinstance(block.source, FileSource):
            raise _no_file(where)
        if block.transformations:
            self.lost.append(f"{where}.transformations")
        return _cached({"type": "image_url", "image_url": {"url": _url(block.source)}}, block.cache_control)

    def _document(self, block: DocumentBlock, where: str) -> Fields:
        if isinstance(block.source, FileSource):
            raise _no_file(where)
        if isinstance(block.source, ContentSource):
            raise _no_block(where, "documents of blocks")
        if block.context:
            self.lost.append(f"{where}.context")
        if block.citations is not None and block.citations.enabled:
            self.lost.append(f"{where}.citations")
        file = {"file_data": _url(block.source)}
        if block.title:
            file["filename"] = block.title
        return _cached({"type": "file", "file": file}, block.cache_control)


_ROLES: dict[str, Callable[[Talk, str | list[Raw], str], None]] = {
    "system": Talk._add_system,
    "user": Talk._add_user,
    "assistant": Talk._add_assistant,
}


class _AssistantTurn:
    """The blocks of one assistant turn, sorted as the hub has them."""

    def __init__(self) -> None:
        self.parts: list[Fields] = []
        self._calls: list[Fields] = []
        self._signed: list[Raw] = []
        self._reasoning: list[str] = []
        self._cache_control: Fields | None = None

    def add(self, raw: Raw, where: str) -> None:
        add = _ASSISTANT.get(_type(raw, where))
        if add is None:
            raise _no_block(where, f"{_type(raw, where)!r} blocks of the assistant")
        self._cache_control = None
        add(self, raw, where)

    def message(self) -> Fields:
        message: Fields = {"role": "assistant", "content": _plain(self.parts) if self.parts else None}
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._signed:
            message["thinking_blocks"] = self._signed
        if self._calls:
            message["tool_calls"] = self._calls
        return _cached(message, self._cache_control)

    def _add_text(self, raw: Raw, where: str) -> None:
        block = _read_text(raw, where)
        if block.text:
            self.parts.append(_text_part(block))

    def _add_thinking(self, raw: Raw, where: str) -> None:
        block = read(_THINKING, raw, where)
        if block.signature:
            self._signed.append(raw)
        else:
            self._reasoning.append(block.thinking)

    def _add_redacted(self, raw: Raw, where: str) -> None:
        read(_REDACTED, raw, where)
        self._signed.append(raw)

    def _add_tool_use(self, raw: Raw, where: str) -> None:
        block = read(_TOOL_USE, raw, where)
        if block.toolset_name is not None:
            raise _no_block(where, "toolsets")
        if block.caller is not None and block.caller.type != "direct":
            raise _no_block(where, "calls by Anthropic's own tools")
        arguments = msgspec.json.format(msgspec.json.encode(block.input), indent=-1).decode()
        function = {"name": block.name, "arguments": arguments}
        self._calls.append({"id": block.id, "type": "function", "function": function})
        self._cache_control = block.cache_control


_ASSISTANT: dict[str, Callable[[_AssistantTurn, Raw, str], None]] = {
    "text": _AssistantTurn._add_text,
    "thinking": _AssistantTurn._add_thinking,
    "redacted_thinking": _AssistantTurn._add_redacted,
    "tool_use": _AssistantTurn._add_tool_use,
}


def talk(turns: list[Turn], system: str | list[TextBlock] | None) -> Talk:
    """The conversation as the hub has it. Raises InvalidRequest, or Unsupported for content it cannot carry."""
    result = Talk()
    result.add_system(system or "")
    for index, turn in enumerate(turns):
        result.add(turn, f"messages[{index}]")
    return result


def _type(raw: Raw, where: str) -> str:
    kind = read(_TYPED, raw, where).type
    if kind is None:
        raise InvalidRequest(f"{where}.type: missing", param=f"{where}.type")
    return kind


def _read_text(raw: Raw, where: str) -> TextBlock:
    if _type(raw, where) != "text":
        raise _no_block(where, f"{_type(raw, where)!r} blocks")
    return read(_TEXT, raw, where)


def _text_part(block: TextBlock) -> Fields:
    return _cached({"type": "text", "text": block.text}, block.cache_control)


def _plain(content: str | list[Fields]) -> str | list[Fields]:
    """A lone text as a string, which every server understands; anything else as parts."""
    if isinstance(content, str) or not content:
        return content or ""
    return content[0]["text"] if len(content) == 1 and content[0].keys() == {"type", "text"} else content


def _cached(fields: Fields, cache_control: anthropic_request.CacheControl | None) -> Fields:
    return fields if cache_control is None else {**fields, "cache_control": cache_control}


def _url(source: Base64Source | UrlSource | TextSource) -> str:
    """An address, or a `data:` URL (RFC 2397) in base64."""
    if isinstance(source, UrlSource):
        return source.url
    data = source.data if isinstance(source, Base64Source) else base64.b64encode(source.data.encode()).decode()
    return f"data:{source.media_type};base64,{data}"


def _no_block(where: str, what: str) -> Unsupported:
    return Unsupported(f"{where}: {what} cannot be sent to this model", param=where)


def _no_file(where: str) -> Unsupported:
    return Unsupported(f"{where}.source: files uploaded to Anthropic are not known here", param=f"{where}.source")
