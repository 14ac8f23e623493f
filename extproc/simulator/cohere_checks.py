"""What Cohere refuses in a request, in its words where they are published.

Sources, read in the SDKs' types and in excerpts, 2026-11-21: https://docs.cohere.com/reference/chat,
https://docs.cohere.com/reference/embed, https://docs.cohere.com/reference/rerank,
https://docs.cohere.com/reference/errors (messages).
"""

from typing import Any

import msgspec

from extproc.simulator.format import Call, Json, Rejected, read_object
from extproc.simulator.shapes import mistake

_ROLES = ("system", "user", "assistant", "tool")
_TOOL_CHOICES = ("REQUIRED", "NONE")
_MOST_STOP_SEQUENCES = 5
_MOST_TEXTS = 96


class _Function(msgspec.Struct):
    name: str
    parameters: dict[str, Any]


class _Tool(msgspec.Struct):
    type: str
    function: _Function


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    image_url: dict[str, Any] | None = None


class _CalledFunction(msgspec.Struct):
    name: str
    arguments: str


class _CalledTool(msgspec.Struct):
    id: str
    function: _CalledFunction


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    tool_plan: str | None = None
    tool_calls: list[_CalledTool] | None = None
    tool_call_id: str | None = None
    citations: list[Any] | None = None


class _Thinking(msgspec.Struct):
    type: str
    token_budget: int | None = None


class _ResponseFormat(msgspec.Struct):
    type: str
    json_schema: dict[str, Any] | None = None


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Message]
    tools: list[_Tool] | None = None
    strict_tools: bool | None = None
    tool_choice: str | None = None
    response_format: _ResponseFormat | None = None
    thinking: _Thinking | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    p: float | None = None
    k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    documents: list[Any] | None = None
    citation_options: dict[str, Any] | None = None
    safety_mode: str | None = None
    priority: int | None = None
    stream: bool | None = None


class _Embed(msgspec.Struct):
    model: str
    input_type: str
    texts: list[str] | None = None
    images: list[str] | None = None
    inputs: list[Any] | None = None
    embedding_types: list[str] | None = None
    output_dimension: int | None = None
    max_tokens: int | None = None
    truncate: str | None = None
    priority: int | None = None


class _Rerank(msgspec.Struct):
    model: str
    query: str
    documents: list[str]
    top_n: int | None = None
    max_tokens_per_doc: int | None = None
    relevant_spans: dict[str, Any] | None = None
    priority: int | None = None


class _RerankV1(msgspec.Struct):
    query: str
    documents: list[str | dict[str, Any]]
    model: str | None = None
    top_n: int | None = None
    rank_fields: list[str] | None = None
    return_documents: bool | None = None
    max_chunks_per_doc: int | None = None


def credential(call: Call) -> None:
    """401 unless `Authorization: Bearer` holds a key it knows."""
    key = call.bearer()
    if not key:
        raise Rejected(401, "no api key supplied")
    if not call.accepts(key):
        raise Rejected(401, "invalid api token")


def document(call: Call) -> Json:
    found = read_object(call.body)
    if found is None:
        raise Rejected(400, "invalid request: the body is not valid JSON")
    return found


def chat(request: Json) -> None:
    """Refuses a chat request that Cohere would."""
    _shape(request, _Chat)
    if not request["messages"]:
        raise _invalid("messages must not be empty")
    for message in request["messages"]:
        _message(message)
    _tool_turns(request["messages"])
    _tools(request)
    _ranges(request)


def embed(request: Json) -> None:
    """Refuses an embed request that Cohere would."""
    if request.get("input_type") is None:
        raise _invalid("valid input_type must be provided with the provided model")
    _shape(request, _Embed)
    if not request.get("texts"):
        raise _invalid("texts must not be empty")
    if len(request["texts"]) > _MOST_TEXTS:
        raise _invalid(f"the number of texts must be at most {_MOST_TEXTS}")


def rerank(request: Json, *, first_version: bool) -> None:
    """Refuses a rerank request that Cohere would."""
    _shape(request, _RerankV1 if first_version else _Rerank)
    if not request["query"].strip():
        raise _invalid("query must not be empty or be only whitespace")
    if not request["documents"]:
        raise _invalid("list of documents must not be empty")


def _shape(request: Json, kind: type[msgspec.Struct]) -> None:
    for name in request:
        if name not in kind.__struct_fields__:
            raise Rejected(400, f"unknown field: parameter '{name}' is not a valid field")
    wrong = mistake(request, kind)
    if wrong is None:
        return
    if wrong.place == "model":
        raise Rejected(400, "a model parameter is required for this endpoint.")
    reason = "is required" if wrong.missing else f"must be {wrong.expected}"
    raise _invalid(f"{wrong.place} {reason}")


def _message(message: Json) -> None:
    role = message["role"]
    if role not in _ROLES:
        raise _invalid(f"the role '{role}' is not one of {', '.join(_ROLES)}")
    if message.get("content") is None and not message.get("tool_calls"):
        raise Rejected(400, "message must not be empty in a turn")
    unknown = message.keys() - set(_Message.__struct_fields__)
    if unknown:
        raise Rejected(400, f"unknown field: parameter '{min(unknown)}' is not a valid field")


def _tool_turns(messages: list[Json]) -> None:
    called: set[str] = set()
    for message in messages:
        if message["role"] == "tool" and message.get("tool_call_id") not in called:
            raise _invalid("a tool message must answer a tool call of an earlier message")
        called |= {call["id"] for call in message.get("tool_calls") or ()}


def _tools(request: Json) -> None:
    choice, tools = request.get("tool_choice"), request.get("tools")
    if choice is not None and choice not in _TOOL_CHOICES:
        raise _invalid("tool_choice must be REQUIRED or NONE")
    if choice is not None and not tools:
        raise _invalid("tool_choice needs tools")
    wanted = (request.get("response_format") or {}).get("type")
    if wanted == "json_object" and (tools or request.get("documents")):
        raise _invalid("response_format is not supported with RAG or tools.")


def _ranges(request: Json) -> None:
    if not 0 <= _number(request, "temperature") <= 1:
        raise _invalid("temperature must be between 0 and 1.0 inclusive.")
    if not 0.01 <= _number(request, "p", 0.75) <= 0.99:
        raise _invalid("p must be between 0.01 and 0.99 inclusive.")
    for name in ("frequency_penalty", "presence_penalty"):
        if not 0 <= _number(request, name) <= 1:
            raise _invalid(f"{name} must be between 0 and 1.0 inclusive.")
    if len(request.get("stop_sequences") or ()) > _MOST_STOP_SEQUENCES:
        raise _invalid(f"stop_sequences must hold at most {_MOST_STOP_SEQUENCES} sequences")


def _number(request: Json, name: str, default: float = 0) -> float:
    value = request.get(name)
    return default if value is None else float(value)


def _invalid(message: str) -> Rejected:
    return Rejected(400, f"invalid request: {message}")
