"""OpenAI chat messages as items of the Responses API.

References: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages,
https://platform.openai.com/docs/api-reference/responses/create#responses-create-input (read in the SDKs' types and in
excerpts, 2026-11-21).

| chat                                      | Responses                                                            |
|-------------------------------------------|----------------------------------------------------------------------|
| `system`, `developer` at the beginning    | `instructions`, with a blank line between them                       |
| `system`, `developer` later               | messages of that role                                                |
| `user`                                    | messages with `input_text`, `input_image` and `input_file`           |
| `assistant`, its refusals too             | messages of text                                                     |
| `tool_calls`                              | `function_call` items                                                |
| `tool`                                    | `function_call_output` items                                         |
| `thinking_blocks` that came from here     | `reasoning` items, before what their turn said and called            |
| `thinking_blocks` of other providers      | nothing: they mean nothing to OpenAI                                 |
| `name` of a message                       | a loss: items have no participants' names                            |
| audio, custom calls, deprecated functions | refused: content is never dropped                                    |

Other fields of messages and parts are left out, because no answer depends on them: echoes of earlier answers
(`annotations`, `reasoning_content`) and hints to other providers' prompt caches.
"""

from collections.abc import Callable

from extproc.apischema.responses_backend import (
    CallerCall,
    CallerMessage,
    CallerPart,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputMessage,
    InputPart,
    InputText,
    Item,
)
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.losses import Losses
from extproc.translator.openai_to_responses_reasoning import unsigned

_INSTRUCTING = frozenset({"system", "developer"})


class Conversation:
    """The two halves of a conversation: `instructions` (None: there are none) and items."""

    def __init__(self) -> None:
        self.instructions: str | None = None
        self.items: list[Item] = []

    def instruct(self, text: str) -> None:
        self.instructions = text if self.instructions is None else f"{self.instructions}\n\n{text}"


def conversation(messages: list[CallerMessage], losses: Losses) -> Conversation:
    """The messages as items. Raises InvalidRequest, or Unsupported for content that items cannot carry."""
    result = Conversation()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        build = _ROLES.get(message.role)
        if build is None:
            raise InvalidRequest(f"{where}.role: unknown role", param=f"{where}.role")
        if message.name is not None and message.role != "tool":
            losses.lose(f"{where}.name", "items have no participants' names")
        if message.role in _INSTRUCTING and not result.items:
            result.instruct(_text(message, where))
        else:
            result.items += build(message, where)
    if not result.items:
        raise InvalidRequest("messages: at least one message of a user is needed", param="messages")
    return result


def _plain(message: CallerMessage, where: str) -> list[Item]:
    return [InputMessage(message.role, _text(message, where))]


def _user(message: CallerMessage, where: str) -> list[Item]:
    return [InputMessage("user", _content(message, where))]


def _assistant(message: CallerMessage, where: str) -> list[Item]:
    if message.audio is not None or message.function_call is not None:
        field = "audio" if message.audio is not None else "function_call"
        raise Unsupported(f"{where}.{field} cannot be sent to this model", param=f"{where}.{field}")
    reasoning = [unsigned(block) for block in message.thinking_blocks or ()]
    items: list[Item] = [item for item in reasoning if item is not None]
    text = _text(message, where) + (message.refusal or "")
    if text:
        items.append(InputMessage("assistant", text))
    calls = enumerate(message.tool_calls or ())
    return [*items, *(_call(call, f"{where}.tool_calls[{index}]") for index, call in calls)]


def _tool(message: CallerMessage, where: str) -> list[Item]:
    if message.tool_call_id is None:
        raise InvalidRequest(f"{where}.tool_call_id: missing", param=f"{where}.tool_call_id")
    return [FunctionCallOutput(message.tool_call_id, _content(message, where))]


_ROLES: dict[str, Callable[[CallerMessage, str], list[Item]]] = {
    "system": _plain,
    "developer": _plain,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}


def _call(call: CallerCall, where: str) -> FunctionCall:
    if call.function is None:
        raise Unsupported(f"{where}: only function calls can be sent to this model", param=where)
    return FunctionCall(call.id, call.function.name, call.function.arguments)


def _text(message: CallerMessage, where: str) -> str:
    """The content of a message that can only hold text."""
    content = _content(message, where)
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, InputText)]
    if len(texts) < len(content):
        raise Unsupported(f"{where}.content: only text can be in a {message.role} message", param=f"{where}.content")
    return "".join(texts)


def _content(message: CallerMessage, where: str) -> str | list[InputPart]:
    if not isinstance(message.content, list):
        return message.content or ""
    return [_part(part, f"{where}.content[{index}]") for index, part in enumerate(message.content)]


def _part(part: CallerPart, where: str) -> InputPart:
    build = _PARTS.get(part.type)
    if build is None:
        raise Unsupported(f"{where}: this kind of content cannot be sent to this model", param=where)
    built = build(part)
    if built is None:
        raise InvalidRequest(f"{where}.{part.type}: missing", param=f"{where}.{part.type}")
    return built


def _input_text(part: CallerPart) -> InputText | None:
    text = part.refusal if part.type == "refusal" else part.text
    return InputText(text) if text is not None else None


def _input_image(part: CallerPart) -> InputImage | None:
    image = part.image_url
    return InputImage(image.url, image.detail or "auto") if image is not None else None


def _input_file(part: CallerPart) -> InputFile | None:
    file = part.file
    if file is None:
        return None
    if file.file_data is not None and file.file_data.startswith(("http://", "https://")):
        return InputFile(file_url=file.file_data)
    return InputFile(file_data=file.file_data, file_id=file.file_id, filename=file.filename)


_PARTS: dict[str, Callable[[CallerPart], InputPart | None]] = {
    "text": _input_text,
    "refusal": _input_text,
    "image_url": _input_image,
    "file": _input_file,
}
