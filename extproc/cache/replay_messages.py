"""A message of Anthropic's as a stream.

Reference: https://platform.claude.com/docs/en/build-with-claude/streaming (seen 2026-11-21): `message_start`, each
content block with its deltas, `message_delta` with the end and the usage, `message_stop`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from extproc.cache.document import Fields, decode_fields, encode
from extproc.wire import sse

_NULL = Raw(b"null")
_ENDING = ("stop_reason", "stop_sequence", "stop_details")
_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
_EMPTY = Raw(b'""')

_decode_blocks = msgspec.json.Decoder(list[Fields]).decode
_decode_list = msgspec.json.Decoder(list[Raw] | None).decode
_decode_text = msgspec.json.Decoder(str).decode


def messages_stream(document: bytes) -> bytes:
    return b"".join(_events(decode_fields(document)))


def _events(message: Fields) -> Iterator[bytes]:
    blocks, usage = _decode_blocks(message["content"]), message.get("usage")
    ending = {name: message[name] for name in _ENDING if name in message}
    head: dict[str, Any] = {**message, "content": [], **dict.fromkeys(ending, _NULL)}
    if usage is not None:
        head["usage"] = {**decode_fields(usage), "output_tokens": 0}
    yield _event("message_start", message=head)
    for index, block in enumerate(blocks):
        yield from _block(index, block)
    yield _event("message_delta", delta=ending, **({} if usage is None else {"usage": usage}))
    yield _event("message_stop")


def _block(index: int, block: Fields) -> Iterator[bytes]:
    start, deltas = _taken_apart(block)
    yield _event("content_block_start", index=index, content_block=start)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _taken_apart(block: Fields) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it begins, and its deltas. One of a type that does not grow begins whole."""
    kind = _decode_text(block["type"])
    if kind == "text":
        return _text(block)
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": block.get("thinking", _EMPTY)}]
        if _decode_text(block.get("signature", _EMPTY)):
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", **({"signature": ""} if "signature" in block else {})}, deltas
    if kind in _CALLS:
        text = bytes(block.get("input", Raw(b"{}"))).decode()
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": text}]
    return {**block}, []


def _text(block: Fields) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    cited = _decode_list(block.get("citations", _NULL)) or []
    start: dict[str, Any] = {**block, "text": ""}
    if cited:
        start["citations"] = []
    deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": block["text"]}]
    return start, deltas + [{"type": "citations_delta", "citation": citation} for citation in cited]


def _event(name: str, **fields: Any) -> bytes:
    return sse.encode(encode({"type": name, **fields}), name)
