"""A response as a stream of Responses events.

Reference: https://platform.openai.com/docs/api-reference/responses-streaming (seen 2026-11-21). Items of a type that is
not told in pieces here are added and done whole, which every client has to understand.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from extproc.cache.document import Fields, decode_fields
from extproc.wire import sse

Json = dict[str, Any]
_Told = Iterator[tuple[str, Json]]
_NOTHING = Raw(b"null")
_OPEN = {"output": Raw(b"[]"), "usage": _NOTHING, "completed_at": _NOTHING}

_decode = msgspec.json.Decoder().decode
_decode_parts = msgspec.json.Decoder(list[Json] | None).decode
_decode_items = msgspec.json.Decoder(list[Fields]).decode
_encode = msgspec.json.encode


def responses_stream(document: bytes) -> bytes:
    response = decode_fields(document)
    return b"".join(
        sse.encode(_encode({"type": name, "sequence_number": number, **fields}), name)
        for number, (name, fields) in enumerate(_events(response))
    )


def _events(response: Fields) -> _Told:
    begun: Json = {**response, "status": "in_progress", **{name: _OPEN[name] for name in _OPEN if name in response}}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(_decode_items(response["output"])):
        yield from _item(index, item)
    yield "response.completed", {"response": response}


def _item(index: int, item: Fields) -> _Told:
    kind = _decode(item.get("type", Raw(b'""')))
    place = {"item_id": item.get("id", Raw(b'""')), "output_index": index}
    opened, told = _opened(kind, item)
    yield "response.output_item.added", {"output_index": index, "item": opened}
    for name, fields in told:
        yield name, {**place, **fields}
    yield "response.output_item.done", {"output_index": index, "item": item}


def _opened(kind: str, item: Fields) -> tuple[Json, _Told]:
    """An item as it is when it is added, and what fills it."""
    begun: Json = {**item, **({"status": "in_progress"} if "status" in item else {})}
    if kind == "message":
        return {**begun, "content": []}, _contents(item)
    if kind == "reasoning":
        empty: Json = {name: [] for name in ("summary", "content") if name in item and bytes(item[name]) != b"null"}
        return {**begun, **empty}, _reasoning(item)
    if kind == "function_call":
        return {**begun, "arguments": ""}, _arguments(item)
    if kind == "custom_tool_call":
        return {**begun, "input": ""}, _input(item)
    return {**item}, iter(())


def _contents(item: Fields) -> _Told:
    for index, part in enumerate(_decode_parts(item.get("content", _NOTHING)) or ()):
        yield from _part({"content_index": index}, part)


def _part(place: Json, part: Json) -> _Told:
    kind = part["type"]
    name = {"output_text": "text", "reasoning_text": "text", "refusal": "refusal"}.get(kind)
    if name is None:
        yield "response.content_part.added", {**place, "part": part}
        yield "response.content_part.done", {**place, "part": part}
        return
    logprobs = {"logprobs": _briefly(part.get("logprobs"))} if kind == "output_text" else {}
    empty: Json = {key: [] for key in ("annotations", "logprobs") if key in part}
    yield "response.content_part.added", {**place, "part": {**part, name: "", **empty}}
    yield f"response.{kind}.delta", {**place, "delta": part[name], **logprobs}
    for index, annotation in enumerate(part.get("annotations") or ()):
        yield "response.output_text.annotation.added", {**place, "annotation_index": index, "annotation": annotation}
    yield f"response.{kind}.done", {**place, name: part[name], **logprobs}
    yield "response.content_part.done", {**place, "part": part}


def _reasoning(item: Fields) -> _Told:
    for index, part in enumerate(_decode_parts(item.get("summary", _NOTHING)) or ()):
        place = {"summary_index": index}
        yield "response.reasoning_summary_part.added", {**place, "part": {**part, "text": ""}}
        yield "response.reasoning_summary_text.delta", {**place, "delta": part["text"]}
        yield "response.reasoning_summary_text.done", {**place, "text": part["text"]}
        yield "response.reasoning_summary_part.done", {**place, "part": part}
    yield from _contents(item)


def _arguments(item: Fields) -> _Told:
    kind = "response.function_call_arguments"
    yield f"{kind}.delta", {"delta": item["arguments"]}
    yield f"{kind}.done", {"name": item["name"], "arguments": item["arguments"]}


def _input(item: Fields) -> _Told:
    yield "response.custom_tool_call_input.delta", {"delta": item["input"]}
    yield "response.custom_tool_call_input.done", {"input": item["input"]}


def _briefly(logprobs: list[Json] | None) -> list[Json]:
    """As events have them: without the bytes."""
    return [
        {
            "token": each["token"],
            "logprob": each["logprob"],
            "top_logprobs": [
                {"token": top["token"], "logprob": top["logprob"]} for top in each.get("top_logprobs") or ()
            ],
        }
        for each in logprobs or ()
    ]
