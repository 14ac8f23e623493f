"""The output of a response, put together from chat messages: a whole one, or deltas in the order in which they come.

Reasoning and messages follow each other: one ends when the other, or a tool call, begins. Tool calls are open side by
side until the answer ends, because a chat stream never says that one has ended and may mix their pieces.
"""

from typing import Any

from extproc.apischema.openai_chat_answer import Annotation, Logprob, Message, ToolCall
from extproc.translator.responses_to_chat_events import EventWriter
from extproc.translator.responses_to_chat_items import (
    COMPLETED,
    CustomCallItem,
    FunctionCallItem,
    Item,
    MessageItem,
    ReasoningItem,
    RefusalPart,
    TextPart,
)


class Output:
    """All items of one response. `token` is what their ids are made of."""

    def __init__(self, events: EventWriter, token: str) -> None:
        self._events = events
        self._token = token
        self._items: list[Item] = []
        self._ended: dict[int, str] = {}  # the status of items that are done, by index
        self._current: ReasoningItem | MessageItem | None = None
        self._text_part: TextPart | None = None
        self._text_length = 0
        self._calls: dict[int, FunctionCallItem | CustomCallItem] = {}

    def add(self, message: Message, logprobs: list[Logprob]) -> bytes:
        """The events of a delta, or of a whole message."""
        if message.content and not self._is_more_than_text(message):
            return self._text(message.content, logprobs)
        out = self._reasoning(message)
        if message.content:
            out += self._text(message.content, logprobs)
        for annotation in message.annotations or ():
            out += self._annotate(annotation)
        if message.refusal:
            out += self._refuse(message.refusal)
        for position, call in enumerate(message.tool_calls or ()):
            out += self._call(call, position if call.index is None else call.index)
        return out

    def close(self, status: str) -> bytes:
        """Ends what is still open, in the order of the output."""
        out = b""
        for index, item in enumerate(self._items):
            if index not in self._ended:
                self._ended[index] = status
                out += item.close(status)
        self._current = None
        return out

    def documents(self, status: str) -> list[dict[str, Any]]:
        """The items as they stand; `status` is that of the open ones."""
        return [item.document(self._ended.get(index, status)) for index, item in enumerate(self._items)]

    @staticmethod
    def _is_more_than_text(delta: Message) -> bool:
        return bool(
            delta.reasoning_content
            or delta.reasoning
            or delta.thinking_blocks
            or delta.tool_calls
            or delta.annotations
            or delta.refusal
        )

    def _reasoning(self, message: Message) -> bytes:
        text, blocks = message.reasoning_content or message.reasoning, message.thinking_blocks
        if not (text or blocks):
            return b""
        out, item = b"", self._current
        if not isinstance(item, ReasoningItem):
            item = ReasoningItem(self._events, self._token, len(self._items))
            out = self._begin(item)
        if text:
            out += item.add(text)
        item.sign(blocks or [])
        return out

    def _text(self, text: str, logprobs: list[Logprob]) -> bytes:
        out, message = self._message()
        part = message.last
        if not isinstance(part, TextPart):
            part, began = message.begin_text(self._text_length)
            self._text_part = part
            out += began
        self._text_length += len(text)
        return out + part.add(text, logprobs)

    def _annotate(self, annotation: Annotation) -> bytes:
        """An annotation belongs to the last text; without any there is nothing that it could be about."""
        return self._text_part.annotate(annotation) if self._text_part is not None else b""

    def _refuse(self, text: str) -> bytes:
        out, message = self._message()
        part = message.last
        if not isinstance(part, RefusalPart):
            part, began = message.begin_refusal()
            out += began
        return out + part.add(text)

    def _call(self, delta: ToolCall, position: int) -> bytes:
        out, call = b"", self._calls.get(position)
        # Some servers number every call 0: a new id is a new call.
        if call is None or (delta.id and delta.id != call.call_id):
            call = self._calls[position] = self._new_call(delta)
            out = self._begin(call)
        said = delta.function.arguments if delta.function is not None else delta.custom and delta.custom.input
        return out + call.add(said) if said else out

    def _new_call(self, delta: ToolCall) -> FunctionCallItem | CustomCallItem:
        index = len(self._items)
        kind, named = (CustomCallItem, delta.custom) if delta.custom is not None else (FunctionCallItem, delta.function)
        name = named.name if named is not None else None
        return kind(self._events, self._token, index, delta.id or f"call_{self._token}_{index}", name or "")

    def _message(self) -> tuple[bytes, MessageItem]:
        if isinstance(self._current, MessageItem):
            return b"", self._current
        item = MessageItem(self._events, self._token, len(self._items))
        return self._begin(item), item

    def _begin(self, item: ReasoningItem | MessageItem | FunctionCallItem | CustomCallItem) -> bytes:
        done = b""
        if self._current is not None:
            index = self._items.index(self._current)
            self._ended[index] = COMPLETED
            done = self._current.close(COMPLETED)
        self._current = item if isinstance(item, ReasoningItem | MessageItem) else None
        self._items.append(item)
        return done + item.open()
