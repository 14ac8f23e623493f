"""Chat completions and completions as streams.

References: https://platform.openai.com/docs/api-reference/chat/streaming, .../completions/object (seen 2026-11-21).
For each choice a chunk with the role, one for what the message says, one for its tool calls and one with the finish
reason; then the usage, for a caller who asked for it, and `[DONE]`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from extproc.apischema.openai import DONE
from extproc.cache.document import Fields, decode_fields, encode
from extproc.wire import sse

_NULL = Raw(b"null")
_decode_choices = msgspec.json.Decoder(list[Fields]).decode
_decode_calls = msgspec.json.Decoder(list[Fields]).decode


def chat_stream(document: bytes, *, wants_usage: bool) -> bytes:
    return _stream(document, "chat.completion.chunk", _chat_choice, wants_usage=wants_usage)


def completions_stream(document: bytes, *, wants_usage: bool) -> bytes:
    return _stream(document, "text_completion", _completions_choice, wants_usage=wants_usage)


def _stream(document: bytes, kind: str, pieces_of: Any, *, wants_usage: bool) -> bytes:
    head = decode_fields(document)
    choices, usage = _decode_choices(head.pop("choices")), head.pop("usage", _NULL)
    told = wants_usage and bytes(usage) != b"null"
    head["object"] = Raw(encode(kind))
    silent = {"usage": _NULL} if told else {}
    out = [_event({**head, "choices": [piece], **silent}) for choice in choices for piece in pieces_of(choice)]
    if told:
        out.append(_event({**head, "choices": [], "usage": usage}))
    return b"".join([*out, DONE])


def _event(chunk: dict[str, Any]) -> bytes:
    return sse.encode(encode(chunk))


def _chat_choice(choice: Fields) -> Iterator[dict[str, Any]]:
    index, logprobs = choice["index"], choice.pop("logprobs", _NULL)
    message = decode_fields(choice.pop("message"))
    calls = message.pop("tool_calls", _NULL)
    role = {"role": message.pop("role", Raw(b'"assistant"')), "content": _opening(message), "refusal": _NULL}
    yield _piece(index, role)
    said = {name: value for name, value in message.items() if bytes(value) not in (b"null", b'""', b"[]")}
    if said or bytes(logprobs) != b"null":
        yield _piece(index, said, logprobs)
    if bytes(calls) not in (b"null", b"[]"):
        yield _piece(index, {"tool_calls": _numbered(calls)})
    yield {**_piece(index, {}), **choice}


def _opening(message: Fields) -> Raw:
    """An empty text where text follows; null where there is none."""
    return _NULL if bytes(message.get("content", _NULL)) == b"null" else Raw(b'""')


def _numbered(calls: Raw) -> list[dict[str, Any]]:
    return [{"index": index, **call} for index, call in enumerate(_decode_calls(calls))]


def _piece(index: Raw, delta: dict[str, Any], logprobs: Raw = _NULL) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": _NULL}


def _completions_choice(choice: Fields) -> Iterator[dict[str, Any]]:
    text, logprobs, index = choice.pop("text"), choice.pop("logprobs", _NULL), choice["index"]
    yield {"index": index, "text": text, "logprobs": logprobs, "finish_reason": _NULL}
    yield {**choice, "text": "", "logprobs": _NULL}
