"""OpenAI chat messages as Gemini contents and system instruction.

References: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages,
https://ai.google.dev/api/caching#Content, https://ai.google.dev/gemini-api/docs/function-calling,
https://ai.google.dev/gemini-api/docs/thought-signatures (all seen 2026-11-21).

| OpenAI                                     | Gemini                                                                  |
|--------------------------------------------|-------------------------------------------------------------------------|
| `system`, `developer`, wherever they stand | parts of `systemInstruction`, in order                                  |
| `user`, `assistant`                        | turns of `user` and `model`; neighbours of one role become one turn     |
| `tool`                                     | `functionResponse` parts, all results of a turn's calls in one turn     |
| `text`, `refusal`                          | text parts; empty text is left out, because Gemini refuses it           |
| `image_url`, `file`, `input_audio`         | `inlineData` for data, `fileData` for an address (`https:`, `gs:`)      |
| `tool_calls`                               | `functionCall` parts, the arguments parsed from their string            |
| `tool_call_id`                             | the call's id, and its name, looked up among the calls before           |
| `extra_content.google.thought_signature`   | the call's `thoughtSignature`                                           |
| `thinking_blocks`                          | signatures of what has no other way to carry one                        |
| `name` of a message                        | a loss: Gemini has no participants' names                               |
| other files, deprecated functions          | refused: content is never dropped                                       |

A signature stands in `thinking_blocks` behind `SIGNED_BY`: those of other providers mean nothing to Gemini, which
refuses a request for them, and are left out. From Gemini 3 on the first call of a step must have a signature; a step
that another model took, or whose signature the caller has lost, gets the one that Google documents for the purpose.

Other fields of messages and parts are left out, because no answer depends on them: echoes of earlier answers
(`annotations`, `reasoning_content`) and cache marks (`cache_control`), as Gemini caches by itself.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from extproc.apischema import gemini, openai_chat
from extproc.apischema.gemini import (
    Blob,
    Content,
    FileData,
    FunctionCall,
    FunctionResponse,
    FunctionResponsePart,
    Part,
)
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat import Message, ToolCall
from extproc.apischema.openai_chat import Part as ChatPart
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.gemini_models import ModelFacts
from extproc.translator.losses import Losses

SIGNED_BY = "gemini:"

_PDF = "application/pdf"
_AUDIO = {"wav": "audio/wav", "mp3": "audio/mp3"}
# Vertex AI wants the type of what an address points to; these are the ones that Gemini reads.
_MEDIA_TYPES = {
    "aac": "audio/aac", "csv": "text/csv", "flac": "audio/flac", "gif": "image/gif", "heic": "image/heic",
    "heif": "image/heif", "html": "text/html", "jpeg": "image/jpeg", "jpg": "image/jpeg", "md": "text/md",
    "mov": "video/mov", "mp3": "audio/mp3", "mp4": "video/mp4", "mpeg": "video/mpeg", "ogg": "audio/ogg",
    "pdf": _PDF, "png": "image/png", "txt": "text/plain", "wav": "audio/wav", "webm": "video/webm",
    "webp": "image/webp",
}  # fmt: skip
_ADDRESSES = ("https://", "http://", "gs://")
_T = TypeVar("_T")


class _ThinkingBlock(Struct):
    signature: str = ""


class _GoogleContent(Struct):
    thought_signature: str | None = None


class _ExtraContent(Struct):
    google: _GoogleContent | None = None


_THINKING_BLOCKS = msgspec.json.Decoder(list[_ThinkingBlock] | None)
_EXTRA_CONTENT = msgspec.json.Decoder(_ExtraContent | None)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class Conversation:
    """Gemini's two halves of a conversation, filled message by message."""

    def __init__(self, losses: Losses, facts: ModelFacts) -> None:
        self.system: list[Part] = []
        self.turns: list[Content] = []
        self._losses = losses
        self._facts = facts
        self._results: Content | None = None  # the results of the last model turn's calls
        self._names: dict[str, str] = {}  # of the functions called, by the calls' ids

    def add(self, message: Message, where: str) -> None:
        """`where` is the message's path in the request. Raises InvalidRequest, or Unsupported for its content."""
        add = _ROLES.get(message.role)
        if add is None:
            raise InvalidRequest(f"{where}.role: unknown role", param=f"{where}.role")
        if message.name is not None:
            self._losses.lose(f"{where}.name", "Gemini has no participants' names")
        add(self, message, where)

    def add_system(self, message: Message, where: str) -> None:
        parts = list(_parts(message, where))
        if any(part.text is None for part in parts):
            param = f"{where}.content"
            raise Unsupported(f"{param}: only text can be in a {message.role} message", param=param)
        self.system += parts

    def add_user(self, message: Message, where: str) -> None:
        self._turn("user").parts += _parts(message, where)

    def add_assistant(self, message: Message, where: str) -> None:
        if message.audio is not None or message.function_call is not None:
            field = "audio" if message.audio is not None else "function_call"
            raise Unsupported(f"{where}.{field} cannot be sent to this model", param=f"{where}.{field}")
        said = list(_parts(message, where))
        if message.refusal:
            said.append(Part(text=message.refusal))
        calls = [self._call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(message.tool_calls or ())]
        _sign(said, calls, _signatures(message, where))
        if calls and calls[0].thought_signature is None and self._facts.signed_calls:
            calls[0].thought_signature = gemini.NO_SIGNATURE
        self._turn("model").parts += said + calls
        self._results = None

    def add_tool(self, message: Message, where: str) -> None:
        call = message.tool_call_id
        if call not in self._names:
            param = f"{where}.tool_call_id"
            raise InvalidRequest(f"{param}: no tool call before has this id", param=param)
        parts = list(_parts(message, where))
        media = [FunctionResponsePart(part.inline_data, part.file_data) for part in parts if part.text is None]
        if media and not self._facts.media_in_results:
            param = f"{where}.content"
            raise Unsupported(f"{param}: this model takes only text as a tool's result", param=param)
        text = "".join(part.text or "" for part in parts)
        result = FunctionResponse(call, self._names[call], _response(text), media)
        if self._results is None:
            self._results = Content([], "user")
            self.turns.append(self._results)
        self._results.parts.append(Part(function_response=result))

    def _turn(self, role: str) -> Content:
        """The turn that a message of this role belongs to: the last one, or a new one."""
        last = self.turns[-1] if self.turns else None
        if last is None or last.role != role or last is self._results:
            last = Content([], role)
            self.turns.append(last)
        return last

    def _call(self, call: ToolCall, where: str) -> Part:
        function = call.function
        if function is None:
            raise Unsupported(f"{where}: only function calls can be sent to this model", param=where)
        self._names[call.id] = function.name
        arguments = _arguments(function.arguments, f"{where}.function.arguments")
        return Part(
            function_call=FunctionCall(call.id, function.name, arguments),
            thought_signature=_own_signature(call, where),
        )


_ROLES: dict[str, Callable[[Conversation, Message, str], None]] = {
    "system": Conversation.add_system,
    "developer": Conversation.add_system,
    "user": Conversation.add_user,
    "assistant": Conversation.add_assistant,
    "tool": Conversation.add_tool,
}


def conversation(messages: list[Message], losses: Losses, facts: ModelFacts) -> Conversation:
    """The messages as Gemini has them. Raises InvalidRequest, or Unsupported for content it cannot carry."""
    result = Conversation(losses, facts)
    for index, message in enumerate(messages):
        result.add(message, f"messages[{index}]")
    result.turns = [turn for turn in result.turns if turn.parts]
    if not result.turns:
        raise InvalidRequest("messages: at least one message of a user with content is needed", param="messages")
    return result


def _parts(message: Message, where: str) -> Iterator[Part]:
    content = message.content
    if isinstance(content, str):
        if content:
            yield Part(text=content)
        return
    for index, part in enumerate(content or ()):
        made = _PARTS.get(part.type, _no_part)(part, f"{where}.content[{index}]")
        if made is not None:
            yield made


def _text(part: ChatPart, where: str) -> Part | None:
    text = _given(part.refusal if part.type == "refusal" else part.text, f"{where}.{part.type}")
    return Part(text=text) if text else None


def _image(part: ChatPart, where: str) -> Part:
    url = _given(part.image_url, f"{where}.image_url").url
    where = f"{where}.image_url.url"
    if url.startswith("data:"):
        return Part(inline_data=_data_url(url, where))
    if url.startswith(_ADDRESSES):
        return Part(file_data=_file_data(url))
    raise InvalidRequest(f"{where}: neither a data: URL nor an address", param=where)


def _file(part: ChatPart, where: str) -> Part:
    file = _given(part.file, f"{where}.file")
    data = file.file_data or file.file_id or ""
    if data.startswith(_ADDRESSES):
        return Part(file_data=_file_data(data))
    if file.file_data is None:
        raise Unsupported(f"{where}.file.file_id: files uploaded to OpenAI are not known here", param=f"{where}.file")
    if data.startswith("data:"):
        return Part(inline_data=_data_url(data, f"{where}.file.file_data"))
    return Part(inline_data=Blob(_PDF, data))


def _audio(part: ChatPart, where: str) -> Part:
    audio = _given(part.input_audio, f"{where}.input_audio")
    media_type = _AUDIO.get(audio.format)
    if media_type is None:
        param = f"{where}.input_audio.format"
        raise InvalidRequest(f"{param}: neither wav nor mp3", param=param)
    return Part(inline_data=Blob(media_type, audio.data))


def _no_part(part: ChatPart, where: str) -> None:
    raise Unsupported(f"{where}: this kind of content cannot be sent to this model", param=where)


_PARTS: dict[str, Callable[[ChatPart, str], Part | None]] = {
    "text": _text,
    "refusal": _text,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
}


def _file_data(url: str) -> FileData:
    extension = urlsplit(url).path.rpartition(".")[2].lower()
    return FileData(url, _MEDIA_TYPES.get(extension))


def _data_url(url: str, where: str) -> Blob:
    """RFC 2397, base64 only; parameters of the media type (`;charset=`) are left out."""
    head, comma, data = url[len("data:") :].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequest(f"{where}: not a base64 data: URL", param=where)
    return Blob(media_type, data)


def _given(value: _T | None, where: str) -> _T:
    if value is None:
        raise InvalidRequest(f"{where}: missing", param=where)
    return value


def _arguments(text: str, where: str) -> Raw:
    """Arguments are an object at Gemini. Models write nothing at all for a function without parameters."""
    raw = _object(text or "{}")
    if raw is None:
        raise InvalidRequest(f"{where}: not a JSON object", param=where)
    return raw


def _response(text: str) -> Raw:
    """A function's result as the object that Gemini wants: itself if it is one, else under `output`."""
    return _object(text) or Raw(msgspec.json.encode({"output": text}))


def _object(text: str) -> Raw | None:
    raw = text.encode()
    try:
        _OBJECT.decode(raw)
    except MALFORMED:
        return None
    return Raw(raw)


def _signatures(message: Message, where: str) -> list[str]:
    """Gemini's own signatures among a message's thinking blocks."""
    if not isinstance(message.thinking_blocks, Raw):
        return []
    try:
        blocks = _THINKING_BLOCKS.decode(message.thinking_blocks)
    except MALFORMED as error:
        raise openai_chat.invalid(error, f"{where}.thinking_blocks") from error
    signed = (block.signature for block in blocks or ())
    return [signature.removeprefix(SIGNED_BY) for signature in signed if signature.startswith(SIGNED_BY)]


def _own_signature(call: ToolCall, where: str) -> str | None:
    if not isinstance(call.extra_content, Raw):
        return None
    try:
        extra = _EXTRA_CONTENT.decode(call.extra_content)
    except MALFORMED as error:
        raise openai_chat.invalid(error, f"{where}.extra_content") from error
    return extra.google.thought_signature if extra is not None and extra.google is not None else None


def _sign(said: list[Part], calls: list[Part], signatures: list[str]) -> None:
    """Puts signatures back where Gemini gave them: on a step's first call, or on the last text where it calls nothing.

    With both signed the text's came first.
    """
    on_calls = {call.thought_signature for call in calls}
    loose = [signature for signature in signatures if signature not in on_calls]
    if calls and calls[0].thought_signature is None and loose:
        calls[0].thought_signature = loose.pop()
    if said and loose:
        said[-1].thought_signature = loose[-1]
