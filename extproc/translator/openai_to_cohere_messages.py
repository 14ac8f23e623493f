"""OpenAI chat messages as Cohere has them.

References: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages,
https://docs.cohere.com/reference/chat (read in the SDKs' types and in excerpts, 2026-11-21).

| OpenAI                                     | Cohere                                                                  |
|--------------------------------------------|-------------------------------------------------------------------------|
| `system`, `developer`, wherever they stand | system messages, first, in order: no other place is sure to be accepted |
| `user`                                     | the same; one text part is a plain string                               |
| `assistant`                                | the same; text before tool calls is their `tool_plan`                   |
| `tool`                                     | the same                                                                |
| `text`, `refusal`                          | text                                                                    |
| `image_url` of a user                      | the same; `detail` is left to Cohere                                    |
| `name` of a message                        | a loss: Cohere has no participants' names                               |
| files, audio, deprecated functions         | refused: content is never dropped                                       |

Other fields of messages and parts are left out, because no answer depends on them: echoes of earlier answers
(`annotations`, `reasoning_content`), other providers' signed reasoning (`thinking_blocks`), hints to a prompt cache.
"""

from collections.abc import Callable

from extproc.apischema.cohere import ChatMessage, FunctionCall, ImagePart, ImageUrl, Part, TextPart, ToolCall
from extproc.apischema.openai_chat import Message
from extproc.apischema.openai_chat import Part as CallerPart
from extproc.apischema.openai_chat import ToolCall as CallerToolCall
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.losses import Losses


def conversation(messages: list[Message], losses: Losses) -> list[ChatMessage]:
    """The messages as Cohere has them. Raises InvalidRequest, or Unsupported for content it cannot carry."""
    system: list[ChatMessage] = []
    turns: list[ChatMessage] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        build = _ROLES.get(message.role)
        if build is None:
            raise InvalidRequest(f"{where}.role: unknown role", param=f"{where}.role")
        if message.name is not None and message.role != "tool":
            losses.lose(f"{where}.name", "Cohere has no participants' names")
        built = build(message, where)
        (system if built.role == "system" else turns).append(built)
    if not turns:
        raise InvalidRequest("messages: at least one message of a user is needed", param="messages")
    return system + turns


def _system(message: Message, where: str) -> ChatMessage:
    return ChatMessage("system", _text(message, where))


def _user(message: Message, where: str) -> ChatMessage:
    parts = _parts(message, where)
    only = parts[0] if len(parts) == 1 else None
    return ChatMessage("user", only.text if isinstance(only, TextPart) else parts)


def _assistant(message: Message, where: str) -> ChatMessage:
    if message.audio is not None or message.function_call is not None:
        field = "audio" if message.audio is not None else "function_call"
        raise Unsupported(f"{where}.{field} cannot be sent to this model", param=f"{where}.{field}")
    text = _text(message, where) + (message.refusal or "")
    calls = [_call(call, f"{where}.tool_calls[{index}]") for index, call in enumerate(message.tool_calls or ())]
    if calls:
        return ChatMessage("assistant", tool_plan=text or None, tool_calls=calls)
    return ChatMessage("assistant", text)


def _tool(message: Message, where: str) -> ChatMessage:
    if message.tool_call_id is None:
        raise InvalidRequest(f"{where}.tool_call_id: missing", param=f"{where}.tool_call_id")
    return ChatMessage("tool", _text(message, where), tool_call_id=message.tool_call_id)


_ROLES: dict[str, Callable[[Message, str], ChatMessage]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}


def _text(message: Message, where: str) -> str:
    """The content of a message that can only hold text."""
    parts = _parts(message, where)
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if len(texts) < len(parts):
        raise Unsupported(f"{where}.content: only text can be in a {message.role} message", param=f"{where}.content")
    return "".join(texts)


def _parts(message: Message, where: str) -> list[Part]:
    if isinstance(message.content, str):
        return [TextPart(message.content)]
    return [_part(part, f"{where}.content[{index}]") for index, part in enumerate(message.content or ())]


def _part(part: CallerPart, where: str) -> Part:
    if part.type in ("text", "refusal"):
        text = part.text if part.type == "text" else part.refusal
        if text is None:
            raise InvalidRequest(f"{where}.{part.type}: missing", param=f"{where}.{part.type}")
        return TextPart(text)
    if part.type != "image_url":
        raise Unsupported(f"{where}: this kind of content cannot be sent to this model", param=where)
    if part.image_url is None:
        raise InvalidRequest(f"{where}.image_url: missing", param=f"{where}.image_url")
    return ImagePart(ImageUrl(part.image_url.url))


def _call(call: CallerToolCall, where: str) -> ToolCall:
    if call.function is None:
        raise Unsupported(f"{where}: only function calls can be sent to this model", param=where)
    # Models write nothing at all for a function without parameters.
    return ToolCall(call.id, FunctionCall(call.function.name, call.function.arguments or "{}"))
