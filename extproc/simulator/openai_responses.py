"""OpenAI responses: reasoning, text and function calls, as an answer and as the events of its stream.

Sources, read in the SDKs' types and in excerpts, 2026-11-21:
https://platform.openai.com/docs/api-reference/responses/create and
https://platform.openai.com/docs/api-reference/responses-streaming.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extproc.simulator import answer as answers
from extproc.simulator.answer import Answer, Finish, Prompt, ToolCall
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call, Event, Json, encode
from extproc.simulator.openai_responses_input import ENCRYPTED, THOUGHT, check, read

_ARGUMENT_PIECE = 7


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of the output: as it is when it opens, the events that fill it with the tokens of each, and the whole.

    The events have neither `item_id` nor `output_index` yet.
    """

    opened: Json
    filling: Sequence[tuple[Json, int]]
    whole: Json


@dataclass(frozen=True, slots=True)
class Answered:
    """A response that is decided but not yet written in either form. `ended` is the whole `response` object."""

    begun: Json
    items: Sequence[_Item]
    ended: Json
    tokens: int


def compose(call: Call, request: Json, directives: Directives) -> Answered:
    """Decides the answer. Raises Rejected."""
    check(request)
    prompt = read(request)
    said = answers.compose(prompt, directives)
    items = [] if directives.empty_choices else list(_items(call, request, said))
    head, cut = _head(call, request), said.finish is Finish.LENGTH
    ended = head | {
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [item.whole for item in items],
    }
    usage = {} if directives.no_usage else {"usage": _usage(prompt, said, directives)}
    begun = head | {"status": "in_progress", "output": [], "usage": None}
    return Answered(begun, items, ended | usage, said.reasoning_tokens)


def document(answered: Answered) -> Json:
    """The `response` object."""
    return answered.ended


def events(answered: Answered) -> Iterator[Event]:
    """The named events, numbered by `sequence_number`; there is no `[DONE]`."""
    for number, (data, tokens) in enumerate(_stream(answered)):
        name = data["type"]
        yield Event(name, encode({"type": name, "sequence_number": number} | data), tokens)


def _stream(answered: Answered) -> Iterator[tuple[Json, int]]:
    yield {"type": "response.created", "response": answered.begun}, answered.tokens
    yield {"type": "response.in_progress", "response": answered.begun}, 0
    for index, item in enumerate(answered.items):
        place = {"item_id": item.whole["id"], "output_index": index}
        yield {"type": "response.output_item.added", "output_index": index, "item": item.opened}, 0
        for data, tokens in item.filling:
            yield data | place, tokens
        yield {"type": "response.output_item.done", "output_index": index, "item": item.whole}, 0
    yield {"type": f"response.{answered.ended['status']}", "response": answered.ended}, 0


def _items(call: Call, request: Json, said: Answer) -> Iterator[_Item]:
    if said.reasoning_tokens:
        yield _reasoning(call, request)
    if not said.calls:
        yield _message(call, said)
    for number, one in enumerate(said.calls):
        yield _call(one, f"{call.token[:20]}{number:02}")


def _reasoning(call: Call, request: Json) -> _Item:
    """Its text is a summary, where one was asked for; encrypted it is for the next turn."""
    shown = (request.get("reasoning") or {}).get("summary") is not None
    part = {"type": "summary_text", "text": THOUGHT}
    kept = {"encrypted_content": ENCRYPTED} if "reasoning.encrypted_content" in (request.get("include") or ()) else {}
    opened: Json = {"id": f"rs_{call.token}", "type": "reasoning", "summary": []} | kept
    place = {"summary_index": 0}
    kind = "response.reasoning_summary"
    filling: list[tuple[Json, int]] = [
        ({"type": f"{kind}_part.added", "part": part | {"text": ""}} | place, 0),
        *(({"type": f"{kind}_text.delta", "delta": piece} | place, 1) for piece in answers.pieces(THOUGHT)),
        ({"type": f"{kind}_text.done", "text": THOUGHT} | place, 0),
        ({"type": f"{kind}_part.done", "part": part} | place, 0),
    ]
    return _Item(opened, filling if shown else [], opened | {"summary": [part] if shown else []})


def _message(call: Call, said: Answer) -> _Item:
    refused = said.finish is Finish.REFUSAL
    kind, name = ("refusal", "refusal") if refused else ("output_text", "text")
    more: Json = {} if refused else {"annotations": [], "logprobs": []}
    logprobs: Json = {} if refused else {"logprobs": []}
    part: Json = {"type": kind, name: said.text} | more
    place = {"content_index": 0}
    filling: list[tuple[Json, int]] = [
        ({"type": "response.content_part.added", "part": part | {name: ""}} | place, 0),
        *(({"type": f"response.{kind}.delta", "delta": piece} | logprobs | place, 1) for piece in said.pieces),
        ({"type": f"response.{kind}.done", name: said.text} | logprobs | place, 0),
        ({"type": "response.content_part.done", "part": part} | place, 0),
    ]
    opened = {"id": f"msg_{call.token}", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    return _Item(opened, filling, opened | {"status": "completed", "content": [part]})


def _call(one: ToolCall, token: str) -> _Item:
    text = answers.json_text(one.arguments)
    head = {"id": f"fc_{token}", "type": "function_call", "call_id": f"call_{token}", "name": one.name}
    kind = "response.function_call_arguments"
    pieces = [text[at : at + _ARGUMENT_PIECE] for at in range(0, len(text), _ARGUMENT_PIECE)]
    filling: list[tuple[Json, int]] = [
        *(({"type": f"{kind}.delta", "delta": piece}, 1) for piece in pieces),
        ({"type": f"{kind}.done", "name": one.name, "arguments": text}, 0),
    ]
    opened = head | {"status": "in_progress", "arguments": ""}
    return _Item(opened, filling, head | {"status": "completed", "arguments": text})


def _head(call: Call, request: Json) -> Json:
    return {
        "id": f"resp_{call.token}",
        "object": "response",
        "created_at": call.now,
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "metadata": request.get("metadata") or {},
        "model": request["model"],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools", []),
        "top_p": 1.0,
    }


def _usage(prompt: Prompt, said: Answer, directives: Directives) -> Json:
    cached = min(directives.cached_tokens or 0, prompt.input_tokens)
    return {
        "input_tokens": prompt.input_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
        "total_tokens": prompt.input_tokens + said.output_tokens,
    }
