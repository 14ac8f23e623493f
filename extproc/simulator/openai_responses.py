"""OpenAI responses: a text answer and the events of its stream.

Sources, seen 2026-11-21: https://platform.openai.com/docs/api-reference/responses/create and
https://platform.openai.com/docs/api-reference/responses-streaming.
"""

from collections.abc import Iterator

from extproc.simulator import answer as answers
from extproc.simulator.answer import Answer, Finish, Prompt
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call, Event, Json, encode
from extproc.simulator.openai_endpoints import input_text


def document(call: Call, request: Json, directives: Directives) -> Json:
    """The `response` object."""
    prompt, said = _answered(request, directives)
    return _ended(call, request, said) | ({} if directives.no_usage else {"usage": _usage(prompt, said, directives)})


def events(call: Call, request: Json, directives: Directives) -> Iterator[Event]:
    """The named events of a text answer, numbered by `sequence_number`; there is no `[DONE]`."""
    for number, (data, tokens) in enumerate(_stream(call, request, directives)):
        name = data["type"]
        yield Event(name, encode({"type": name, "sequence_number": number} | data), tokens)


def _stream(call: Call, request: Json, directives: Directives) -> Iterator[tuple[Json, int]]:
    prompt, said = _answered(request, directives)
    begun = _head(call, request) | {"status": "in_progress", "output": [], "usage": None}
    item = _message(call, said)
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    part = item["content"][0]
    yield {"type": "response.created", "response": begun}, 0
    yield {"type": "response.in_progress", "response": begun}, 0
    opened = item | {"status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": opened}, 0
    yield {"type": "response.content_part.added", **place, "part": part | {"text": ""}}, 0
    for piece in said.pieces:
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}, 1
    yield {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []}, 0
    yield {"type": "response.content_part.done", **place, "part": part}, 0
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}, 0
    usage = {} if directives.no_usage else {"usage": _usage(prompt, said, directives)}
    last = "response.completed" if said.finish is not Finish.LENGTH else "response.incomplete"
    yield {"type": last, "response": _ended(call, request, said) | usage}, 0


def _answered(request: Json, directives: Directives) -> tuple[Prompt, Answer]:
    text = input_text(request["input"])
    spoken = answers.words(text) + answers.words(request.get("instructions") or "")
    prompt = Prompt(text=text, max_tokens=request.get("max_output_tokens"), input_tokens=spoken)
    return prompt, answers.compose(prompt, directives)


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


def _ended(call: Call, request: Json, said: Answer) -> Json:
    cut = said.finish is Finish.LENGTH
    return _head(call, request) | {
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [_message(call, said)],
    }


def _message(call: Call, said: Answer) -> Json:
    return {
        "id": f"msg_{call.token}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}],
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
