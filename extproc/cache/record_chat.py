"""Streams of chat completions and completions, put together to the whole answer.

References: https://platform.openai.com/docs/api-reference/chat/streaming, .../completions/object (seen 2026-11-21).
A field beside `choices`, or of a choice beside its delta, has its last value; one of a delta must be known, because it
may be a piece or the whole. `obfuscation` is random padding.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from msgspec import Raw

from extproc.cache.document import Fields, decode_fields, encode
from extproc.cache.unrepeatable import Unrepeatable
from extproc.wire import sse

_DONE = b"[DONE]"
_NULL = b"null"
_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
_LISTS = ("annotations", "thinking_blocks")
_OF_CHUNKS = frozenset({"object", "obfuscation"})
_NOTHING, _FIRST = Raw(b"null"), Raw(b"0")

_decode_choices = msgspec.json.Decoder(list[Fields] | None).decode
_decode_index = msgspec.json.Decoder(int).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_lists = msgspec.json.Decoder(dict[str, list[Raw] | None]).decode
_decode_text = msgspec.json.Decoder(str).decode


class _Piece(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of a tool call. The payload's `arguments` or `input` grow, all else is said once."""

    index: int = 0
    id: str | None = None
    type: str | None = None
    function: dict[str, str | None] | None = None
    custom: dict[str, str | None] | None = None
    extra_content: Raw = Raw()


_decode_calls = msgspec.json.Decoder(list[_Piece]).decode


class _Calls:
    """The tool calls of a message, in the order in which they begin."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._open: dict[int, dict[str, Any]] = {}

    def add(self, piece: _Piece) -> None:
        call = self._open.get(piece.index)
        # Some servers number every call 0: a new id is a new call.
        if call is None or (piece.id and piece.id != call["id"]):
            call = self._open[piece.index] = {"id": piece.id or "", "type": piece.type or "function"}
            self._calls.append(call)
        for name, payload in (("function", piece.function), ("custom", piece.custom)):
            if payload is not None:
                _grow(call.setdefault(name, {}), payload)
        if bytes(piece.extra_content) not in (b"", _NULL):
            call["extra_content"] = piece.extra_content

    def document(self) -> list[dict[str, Any]]:
        return self._calls


def _grow(payload: dict[str, str], piece: dict[str, str | None]) -> None:
    for name, text in piece.items():
        if name not in ("name", "arguments", "input"):
            raise Unrepeatable
        payload[name] = payload.get(name, "") + (text or "")


class ChatChoice:
    """A message, its log probabilities, and why it ended."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[Raw]] = {}
        self._calls = _Calls()
        self._logprobs: dict[str, list[Raw]] = {}
        self._rest: Fields = {}

    def add(self, choice: Fields) -> None:
        delta = choice.pop("delta", None)
        if delta is not None and bytes(delta) != _NULL:
            for name, value in decode_fields(delta).items():
                self._grow(name, value)
        logprobs = choice.pop("logprobs", None)
        if logprobs is not None and bytes(logprobs) != _NULL:
            _extend(self._logprobs, logprobs)
        _take(self._rest, choice)

    def document(self) -> dict[str, Any]:
        end = _end(self._rest)
        return {"message": self._message(), "logprobs": _logprobs(self._logprobs), **end}

    def _grow(self, name: str, value: Raw) -> None:
        if name == "role":
            return
        if name in _TEXTS:
            pieces = self._texts.setdefault(name, [])
            if bytes(value) != _NULL:
                pieces.append(_decode_text(value))
        elif bytes(value) == _NULL:
            return
        elif name in _LISTS:
            self._lists.setdefault(name, []).extend(_decode_list(value))
        elif name == "tool_calls":
            for piece in _decode_calls(value):
                self._calls.add(piece)
        else:
            raise Unrepeatable

    def _message(self) -> dict[str, Any]:
        calls = self._calls.document()
        texts = {name: "".join(pieces) for name, pieces in self._texts.items()}
        refusal = texts.pop("refusal", "") or None
        content = texts.pop("content", "")
        said = {name: text for name, text in texts.items() if text}
        # Many a stream begins with an empty text, whatever follows; a whole answer has one only if nothing does.
        is_text = bool(content) or (bool(self._texts.get("content")) and not calls and not refusal)
        message = {"role": "assistant", "content": content if is_text else None}
        return {**message, "refusal": refusal, **said, **self._lists, **({"tool_calls": calls} if calls else {})}


class CompletionsChoice:
    """One choice of the older API: text, and log probabilities in lists side by side."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._logprobs: dict[str, list[Raw]] = {}
        self._rest: Fields = {}

    def add(self, choice: Fields) -> None:
        text = choice.pop("text", None)
        if text is not None and bytes(text) != _NULL:
            self._texts.append(_decode_text(text))
        logprobs = choice.pop("logprobs", None)
        if logprobs is not None and bytes(logprobs) != _NULL:
            _extend(self._logprobs, logprobs)
        _take(self._rest, choice)

    def document(self) -> dict[str, Any]:
        end = _end(self._rest)
        return {"text": "".join(self._texts), "logprobs": _logprobs(self._logprobs), **end}


class Choice(Protocol):
    """One choice under way."""

    def add(self, choice: Fields) -> None: ...

    def document(self) -> dict[str, Any]: ...


class ChunkAssembly:
    """The chunks of a stream: their head, their choices by index, the end. `kind` is the whole's `object`."""

    def __init__(self, kind: str, new_choice: Callable[[], Choice]) -> None:
        self._kind = kind
        self._new_choice = new_choice
        self._head: Fields = {}
        self._choices: dict[int, Choice] = {}
        self._ended = False

    def add(self, event: sse.Event) -> None:
        if self._ended:
            raise Unrepeatable
        if event.data == _DONE:
            self._ended = True
            return
        chunk = decode_fields(event.data)
        if "error" in chunk:
            raise Unrepeatable
        for choice in _decode_choices(chunk.pop("choices", _NOTHING)) or ():
            self._choice(_decode_index(choice.pop("index", _FIRST))).add(choice)
        _take(self._head, {name: value for name, value in chunk.items() if name not in _OF_CHUNKS})

    def document(self) -> bytes:
        if not (self._ended and self._choices):
            raise Unrepeatable
        head, usage = self._head, {}
        if "usage" in head:
            usage = {"usage": head.pop("usage")}
        identity = {"id": head.pop("id")} if "id" in head else {}
        choices = [{"index": index, **choice.document()} for index, choice in sorted(self._choices.items())]
        return encode({**identity, "object": self._kind, **head, "choices": choices, **usage})

    def _choice(self, index: int) -> Choice:
        if index not in self._choices:
            self._choices[index] = self._new_choice()
        return self._choices[index]


def _end(rest: Fields) -> Fields:
    """What a choice says beside its text, once it has ended."""
    if bytes(rest.get("finish_reason", _NOTHING)) == _NULL:
        raise Unrepeatable
    return rest


def _take(known: Fields, new: Fields) -> None:
    """The last value of each field counts; null only where there never was another."""
    for name, value in new.items():
        if name not in known or bytes(value) != _NULL:
            known[name] = value


def _extend(known: dict[str, list[Raw]], new: Raw) -> None:
    for name, values in _decode_lists(new).items():
        known.setdefault(name, []).extend(values or ())


def _logprobs(known: dict[str, list[Raw]]) -> dict[str, list[Raw] | None] | None:
    """A list that nothing came for is null, as in a whole answer."""
    return {name: values or None for name, values in known.items()} if known else None
