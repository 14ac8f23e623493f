"""The output items of a response, each from its first delta to its last.

Reference: https://platform.openai.com/docs/api-reference/responses/object#responses-object-output (seen 2026-11-21).
Every method returns the events of what it did; `document` is the item as it stands.
"""

from typing import Any, Protocol

import msgspec
from msgspec import Raw

from extproc.apischema.openai_chat_answer import Annotation, Logprob
from extproc.translator.responses_to_chat_events import EventWriter, Place
from extproc.translator.responses_to_chat_reasoning import seal

IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"
_ADDED, _DONE = b"response.output_item.added", b"response.output_item.done"
_Json = dict[str, Any]


class Item(Protocol):
    """An output item under way."""

    def document(self, status: str) -> _Json: ...

    def close(self, status: str) -> bytes:
        """Ends the item, once."""
        ...


class ReasoningItem:
    """Reasoning: its text as the one part of a summary, and the signed blocks."""

    def __init__(self, events: EventWriter, token: str, index: int) -> None:
        self._events = events
        self._id, self._index = f"rs_{token}_{index}", index
        self._place = Place(self._id, index, summary_index=0)
        self._pieces: list[str] = []
        self._blocks: list[Raw] = []

    def open(self) -> bytes:
        return self._events.item(_ADDED, self._index, self.document(IN_PROGRESS))

    def add(self, text: str) -> bytes:
        begin = b"" if self._pieces else self._part(b"response.reasoning_summary_part.added", "")
        self._pieces.append(text)
        return begin + self._events.write(b"response.reasoning_summary_text.delta", self._place.text(b"delta", text))

    def sign(self, blocks: list[Raw]) -> None:
        self._blocks += blocks

    def document(self, status: str) -> _Json:
        summary = [{"type": "summary_text", "text": "".join(self._pieces)}] if self._pieces else []
        item: _Json = {"id": self._id, "type": "reasoning", "status": status, "summary": summary}
        if self._blocks:
            item["encrypted_content"] = seal(self._blocks)
        return item

    def close(self, status: str) -> bytes:
        end = self._events.item
        text = "".join(self._pieces)
        if not text:
            return end(_DONE, self._index, self.document(status))
        done = self._events.write(b"response.reasoning_summary_text.done", self._place.text(b"text", text))
        done += self._part(b"response.reasoning_summary_part.done", text)
        return done + end(_DONE, self._index, self.document(status))

    def _part(self, kind: bytes, text: str) -> bytes:
        return self._events.write(kind, self._place.part({"type": "summary_text", "text": text}))


class TextPart:
    """A part with text. `start` is how much text the whole answer had before it."""

    def __init__(self, events: EventWriter, place: Place, start: int) -> None:
        self._events, self._place, self.start = events, place, start
        self._pieces: list[str] = []
        self._logprobs: list[Logprob] = []
        self._annotations: list[_Json] = []

    def open(self) -> bytes:
        return self._events.write(b"response.content_part.added", self._place.part(self.document()))

    def add(self, text: str, logprobs: list[Logprob]) -> bytes:
        self._pieces.append(text)
        self._logprobs += logprobs
        shown = b',"logprobs":' + _briefly(logprobs) if logprobs else b',"logprobs":[]'
        return self._events.write(b"response.output_text.delta", self._place.text(b"delta", text, shown))

    def annotate(self, annotation: Annotation) -> bytes:
        """Positions count from the part's beginning here, from the whole answer's in chat."""
        cited = annotation.url_citation
        if cited is None:
            return b""
        shown = {
            "type": "url_citation",
            "start_index": max(0, cited.start_index - self.start),
            "end_index": max(0, cited.end_index - self.start),
            "url": cited.url,
            "title": cited.title,
        }
        self._annotations.append(shown)
        fields = self._place.annotation(len(self._annotations) - 1, shown)
        return self._events.write(b"response.output_text.annotation.added", fields)

    def document(self) -> _Json:
        return {
            "type": "output_text",
            "text": "".join(self._pieces),
            "annotations": self._annotations,
            "logprobs": [_fully(each) for each in self._logprobs],
        }

    def close(self) -> bytes:
        part = self.document()
        fields = self._place.text(b"text", part["text"], b',"logprobs":' + _briefly(self._logprobs))
        done = self._events.write(b"response.output_text.done", fields)
        return done + self._events.write(b"response.content_part.done", self._place.part(part))


class RefusalPart:
    def __init__(self, events: EventWriter, place: Place) -> None:
        self._events, self._place = events, place
        self._pieces: list[str] = []

    def open(self) -> bytes:
        return self._events.write(b"response.content_part.added", self._place.part(self.document()))

    def add(self, text: str) -> bytes:
        self._pieces.append(text)
        return self._events.write(b"response.refusal.delta", self._place.text(b"delta", text))

    def document(self) -> _Json:
        return {"type": "refusal", "refusal": "".join(self._pieces)}

    def close(self) -> bytes:
        part = self.document()
        done = self._events.write(b"response.refusal.done", self._place.text(b"refusal", part["refusal"]))
        return done + self._events.write(b"response.content_part.done", self._place.part(part))


class MessageItem:
    """A message of text and refusals, in the order in which they come."""

    def __init__(self, events: EventWriter, token: str, index: int) -> None:
        self._events = events
        self._id, self._index = f"msg_{token}_{index}", index
        self._parts: list[TextPart | RefusalPart] = []

    def open(self) -> bytes:
        return self._events.item(_ADDED, self._index, self.document(IN_PROGRESS))

    @property
    def last(self) -> TextPart | RefusalPart | None:
        return self._parts[-1] if self._parts else None

    def begin_text(self, start: int) -> tuple[TextPart, bytes]:
        """`start` is how much text the whole answer has so far."""
        part = TextPart(self._events, self._next_place(), start)
        return part, self._begin(part)

    def begin_refusal(self) -> tuple[RefusalPart, bytes]:
        part = RefusalPart(self._events, self._next_place())
        return part, self._begin(part)

    def document(self, status: str) -> _Json:
        content = [part.document() for part in self._parts]
        return {"id": self._id, "type": "message", "status": status, "role": "assistant", "content": content}

    def close(self, status: str) -> bytes:
        done = self._parts[-1].close() if self._parts else b""
        return done + self._events.item(_DONE, self._index, self.document(status))

    def _next_place(self) -> Place:
        return Place(self._id, self._index, content_index=len(self._parts))

    def _begin(self, part: TextPart | RefusalPart) -> bytes:
        done = self._parts[-1].close() if self._parts else b""
        self._parts.append(part)
        return done + part.open()


class FunctionCallItem:
    """A call of a function; `arguments` is JSON in a string."""

    def __init__(self, events: EventWriter, token: str, index: int, call_id: str, name: str) -> None:
        self._events = events
        self._id, self._index = f"fc_{token}_{index}", index
        self._place = Place(self._id, index)
        self.call_id, self._name = call_id, name
        self._pieces: list[str] = []

    def open(self) -> bytes:
        return self._events.item(_ADDED, self._index, self.document(IN_PROGRESS))

    def add(self, text: str) -> bytes:
        self._pieces.append(text)
        return self._events.write(b"response.function_call_arguments.delta", self._place.text(b"delta", text))

    def document(self, status: str) -> _Json:
        return {
            "id": self._id,
            "type": "function_call",
            "status": status,
            "arguments": "".join(self._pieces),
            "call_id": self.call_id,
            "name": self._name,
        }

    def close(self, status: str) -> bytes:
        item = self.document(status)
        # Clients made from earlier references want the name here too.
        fields = self._place.text(b"arguments", item["arguments"], b',"name":' + msgspec.json.encode(self._name))
        done = self._events.write(b"response.function_call_arguments.done", fields)
        return done + self._events.item(_DONE, self._index, item)


class CustomCallItem:
    """A call of a custom tool; its input is any text, and it has no status."""

    def __init__(self, events: EventWriter, token: str, index: int, call_id: str, name: str) -> None:
        self._events = events
        self._id, self._index = f"ctc_{token}_{index}", index
        self._place = Place(self._id, index)
        self.call_id, self._name = call_id, name
        self._pieces: list[str] = []

    def open(self) -> bytes:
        return self._events.item(_ADDED, self._index, self.document(IN_PROGRESS))

    def add(self, text: str) -> bytes:
        self._pieces.append(text)
        return self._events.write(b"response.custom_tool_call_input.delta", self._place.text(b"delta", text))

    def document(self, _: str) -> _Json:
        return {
            "id": self._id,
            "type": "custom_tool_call",
            "call_id": self.call_id,
            "name": self._name,
            "input": "".join(self._pieces),
        }

    def close(self, status: str) -> bytes:
        item = self.document(status)
        done = self._events.write(b"response.custom_tool_call_input.done", self._place.text(b"input", item["input"]))
        return done + self._events.item(_DONE, self._index, item)


def _briefly(logprobs: list[Logprob]) -> bytes:
    """As events have them."""
    return msgspec.json.encode(
        [
            {
                "token": each.token,
                "logprob": each.logprob,
                "top_logprobs": [{"token": top.token, "logprob": top.logprob} for top in each.top_logprobs or ()],
            }
            for each in logprobs
        ]
    )


def _fully(logprob: Logprob) -> _Json:
    """As items have them."""
    return {
        "token": logprob.token,
        "bytes": logprob.bytes or [],
        "logprob": logprob.logprob,
        "top_logprobs": [
            {"token": top.token, "bytes": top.bytes or [], "logprob": top.logprob} for top in logprob.top_logprobs or ()
        ],
    }
