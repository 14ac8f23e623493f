"""What Anthropic refuses in a Messages request, with its way of naming the place.

Sources, seen 2026-11-21: https://platform.claude.com/docs/en/api/messages, /docs/en/api/errors, /docs/en/api/versioning
(2026-10-21 takes sampling parameters, documents of the assistant and citations of the user away),
/docs/en/build-with-claude/extended-thinking (what thinking forbids, signatures), /docs/en/agents-and-tools/tool-use.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from extproc.simulator.format import Call, Json, Rejected, read_object
from extproc.simulator.shapes import MessagesRequest, mistake

VERSIONS = ("2023-06-01", "2026-10-21")
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_COUNTED = frozenset({
    "cache_control", "messages", "model", "output_config", "speed", "system", "thinking", "tool_choice", "tools",
})  # fmt: skip
_FIELDS = _COUNTED | {
    "container", "diagnostics", "inference_geo", "max_tokens", "metadata", "service_tier", "stop_sequences", "stream",
}  # fmt: skip
_BETA_FIELDS = frozenset({"context_management", "mcp_servers"})
_BLOCKS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text", "cache_control", "citations"}),
    "image": frozenset({"source", "cache_control", "transformations"}),
    "document": frozenset({"source", "cache_control", "citations", "context", "title"}),
    "search_result": frozenset({"source", "title", "content", "cache_control", "citations"}),
    "tool_use": frozenset({"id", "name", "input", "cache_control", "caller", "toolset_name"}),
    "tool_result": frozenset({"tool_use_id", "content", "is_error", "cache_control", "toolset_name"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
}
_REQUIRED = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
}
_TOOL_FIELDS = frozenset({
    "type", "name", "description", "input_schema", "cache_control", "strict", "eager_input_streaming", "input_examples",
    "allowed_callers", "defer_loading",
})  # fmt: skip
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MIN_BUDGET = 1024


def credential(call: Call) -> None:
    """401 unless `x-api-key` or `Authorization: Bearer` holds a key it knows."""
    key = call.headers.get("x-api-key") or call.bearer()
    if not key:
        raise Rejected(401, "x-api-key header is required")
    if not call.accepts(key):
        raise Rejected(401, "invalid x-api-key")


def version(call: Call) -> str:
    found = call.headers.get("anthropic-version")
    if found is None:
        raise _invalid("anthropic-version: header is required")
    if found not in VERSIONS:
        raise _invalid(f'anthropic-version: "{found}" is not a valid version')
    return found


def document(call: Call) -> Json:
    found = read_object(call.body)
    if found is None:
        raise _invalid("The request body is not valid JSON")
    return found


def message(request: Json, api_version: str, *, beta: bool) -> None:
    """Refuses a request to create a message that Anthropic would."""
    _fields(request, _FIELDS | _sampling(api_version) | (_BETA_FIELDS if beta else frozenset()))
    _required(request, "max_tokens")
    _shared(request, api_version)
    _max_tokens(request)
    _sampling_values(request)


def count(request: Json, api_version: str, *, beta: bool) -> None:
    """Refuses a request to count tokens that Anthropic would."""
    _fields(request, _COUNTED | _sampling(api_version) | (_BETA_FIELDS if beta else frozenset()))
    _shared(request, api_version)


def signature(thinking: str) -> str:
    """The signature of a thinking block: a block that comes back changed is refused."""
    return base64.b64encode(hashlib.sha256(b"simulated thinking: " + thinking.encode()).digest()).decode()


def _sampling(api_version: str) -> frozenset[str]:
    return _SAMPLING if api_version == "2023-06-01" else frozenset()


def _fields(request: Json, known: frozenset[str], place: str = "") -> None:
    for name in request:
        if name not in known:
            raise _invalid(f"{place}{name}: Extra inputs are not permitted")


def _max_tokens(request: Json) -> None:
    if _required(request, "max_tokens") < 0:
        raise _invalid("max_tokens: Input should be greater than or equal to 0")


def _sampling_values(request: Json) -> None:
    temperature = request.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        raise _invalid("temperature: range: 0..1")
    sequences = request.get("stop_sequences") or ()
    if any(not sequence.strip() for sequence in sequences):
        raise _invalid("stop_sequences: each stop sequence must contain non-whitespace")


def _shared(request: Json, api_version: str) -> None:
    _shape(request)
    if not request["model"]:
        raise _invalid("model: String should have at least 1 character")
    _tools(request.get("tools") or [])
    _tool_choice(request)
    _system(request.get("system"))
    messages = request["messages"]
    if not messages:
        raise _invalid("messages: at least one message is required")
    for index, one in enumerate(messages):
        _message(one, index, api_version, last=index == len(messages) - 1)
    _tool_turns(_turns(messages))
    _thinking(request, messages)


def _shape(request: Json) -> None:
    wrong = mistake(request, MessagesRequest)
    if wrong is None:
        return
    if wrong.missing:
        raise _invalid(f"{wrong.dotted}: Field required")
    raise _invalid(f"{wrong.dotted}: Input should be {wrong.expected}")


def _system(system: Any) -> None:
    for index, block in enumerate(system if isinstance(system, list) else ()):
        _block(block, f"system.{index}", ("text",))


# Messages and their blocks


def _message(one: Json, index: int, api_version: str, *, last: bool) -> None:
    place = f"messages.{index}"
    _fields(one, frozenset({"role", "content"}), f"{place}.")
    role = _required(one, "role", f"{place}.")
    if role not in ("user", "assistant", "system"):
        raise _invalid(f"{place}.role: Input should be 'user', 'assistant' or 'system'")
    content = _required(one, "content", f"{place}.")
    if not content and not (last and role == "assistant"):
        raise _invalid(
            f"{place}: all messages must have non-empty content except for the optional final assistant message"
        )
    if isinstance(content, str):
        _final_text(content, role, last)
        return
    if not isinstance(content, list):
        raise _invalid(f"{place}.content: Input should be a valid list")
    for number, block in enumerate(content):
        _block(block, f"{place}.content.{number}", _allowed(role))
        _versioned(block, role, f"{place}.content.{number}", api_version)
    if content and content[-1].get("type") == "text":
        _final_text(content[-1]["text"], role, last)


def _allowed(role: str) -> tuple[str, ...]:
    if role == "system":
        return ("text",)
    foreign = ("thinking", "redacted_thinking", "tool_use") if role == "user" else ("tool_result", "image")
    return tuple(kind for kind in _BLOCKS if kind not in foreign)


def _final_text(text: str, role: str, last: bool) -> None:
    if last and role == "assistant" and text != text.rstrip():
        raise _invalid("messages: final assistant content cannot end with trailing whitespace")


def _block(block: Any, place: str, allowed: tuple[str, ...]) -> None:
    if not isinstance(block, dict):
        raise _invalid(f"{place}: Input should be an object")
    kind = _required(block, "type", f"{place}.")
    if kind not in allowed:
        tags = ", ".join(f"'{tag}'" for tag in allowed)
        raise _invalid(
            f"{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )
    _fields(block, _BLOCKS[kind] | {"type"}, f"{place}.{kind}.")
    for name in _REQUIRED.get(kind, ()):
        _required(block, name, f"{place}.{kind}.")
    _BLOCK_CHECKS.get(kind, _anything)(block, place)


def _anything(_block: Json, _place: str) -> None:
    """Nothing more to check."""


def _text(block: Json, place: str) -> None:
    if not isinstance(block["text"], str):
        raise _invalid(f"{place}.text.text: Input should be a valid string")
    if not block["text"]:
        raise _invalid("messages: text content blocks must be non-empty")
    if not block["text"].strip():
        raise _invalid("messages: text content blocks must contain non-whitespace text")


def _image(block: Json, place: str) -> None:
    source = block["source"]
    place = f"{place}.image.source"
    if not isinstance(source, dict):
        raise _invalid(f"{place}: Input should be an object")
    kind = source.get("type")
    if kind == "base64":
        _base64_image(source, f"{place}.base64")
    elif kind == "url":
        if not str(_required(source, "url", f"{place}.url.")).startswith("https://"):
            raise _invalid(f"{place}.url.url: Only HTTPS URLs are supported.")
    elif kind != "file":
        raise _invalid(
            f"{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags: "
            "'base64', 'url', 'file'"
        )


def _base64_image(source: Json, place: str) -> None:
    if _required(source, "media_type", f"{place}.") not in _MEDIA_TYPES:
        raise _invalid(f"{place}.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'")
    try:
        base64.b64decode(_required(source, "data", f"{place}."), validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _invalid(f"{place}.data: Invalid base64 data") from None


def _tool_use(block: Json, place: str) -> None:
    if not isinstance(block["input"], dict):
        raise _invalid(f"{place}.tool_use.input: Input should be an object")


def _tool_result(block: Json, place: str) -> None:
    content = block.get("content")
    if not isinstance(content, str | list | None):
        raise _invalid(f"{place}.tool_result.content: Input should be a string or an array")
    for index, inner in enumerate(content if isinstance(content, list) else ()):
        _block(inner, f"{place}.tool_result.content.{index}", ("text", "image", "document", "search_result"))


def _signed(block: Json, place: str) -> None:
    if block["signature"] != signature(block["thinking"]):
        raise _invalid(f"{place}: Invalid `signature` in `thinking` block")


_BLOCK_CHECKS = {
    "text": _text,
    "image": _image,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _signed,
}


def _versioned(block: Json, role: str, place: str, api_version: str) -> None:
    """What 2026-10-21 no longer takes."""
    if api_version == "2023-06-01":
        return
    if role == "assistant" and block["type"] == "document":
        raise _invalid(f"{place}: `document` blocks are not permitted in assistant messages")
    if role == "user" and block["type"] == "text" and block.get("citations"):
        raise _invalid(f"{place}.text.citations: Extra inputs are not permitted")


# Turns and tools


def _blocks(one: Json) -> list[Json]:
    return one["content"] if isinstance(one["content"], list) else []


def _turns(messages: list[Json]) -> list[tuple[int, str, list[Json]]]:
    """Consecutive messages of a role are one turn: (index of its last message, role, blocks)."""
    turns: list[tuple[int, str, list[Json]]] = []
    for index, one in enumerate(messages):
        if turns and turns[-1][1] == one["role"]:
            turns[-1] = (index, one["role"], turns[-1][2] + _blocks(one))
        else:
            turns.append((index, one["role"], _blocks(one)))
    return turns


def _tool_turns(turns: list[tuple[int, str, list[Json]]]) -> None:
    """Every `tool_use` is answered in the next turn, every `tool_result` answers one of the turn before."""
    before: tuple[int, list[str]] = (0, [])
    for index, _, blocks in turns:
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        _no_stray_results(blocks, before[1], index)
        _all_answered(before, answered)
        before = (index, [block["id"] for block in blocks if block["type"] == "tool_use"])


def _no_stray_results(blocks: list[Json], asked: list[str], index: int) -> None:
    for number, block in enumerate(blocks):
        if block["type"] == "tool_result" and block["tool_use_id"] not in asked:
            raise _invalid(
                f"messages.{index}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )


def _all_answered(before: tuple[int, list[str]], answered: list[str]) -> None:
    if missing := [name for name in before[1] if name not in answered]:
        raise _invalid(
            f"messages.{before[0]}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message."
        )


def _tools(tools: list[Json]) -> None:
    for index, tool in enumerate(tools):
        if tool.get("type") not in (None, "custom"):
            continue  # a tool that Anthropic defines
        place = f"tools.{index}.custom."
        _fields(tool, _TOOL_FIELDS, place)
        if not _TOOL_NAME.fullmatch(str(_required(tool, "name", place))):
            raise _invalid(f"{place}name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        schema = _required(tool, "input_schema", place)
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise _invalid(f"{place}input_schema.type: Input should be 'object'")
    if len({str(tool.get("name")) for tool in tools}) < len(tools):
        raise _invalid("tools: Tool names must be unique.")


def _tool_choice(request: Json) -> None:
    choice = request.get("tool_choice")
    if choice is None:
        return
    if choice.get("type") not in ("auto", "any", "tool", "none"):
        raise _invalid("tool_choice: Input should be an object with type 'auto', 'any', 'tool' or 'none'")
    tools = request.get("tools") or []
    if not tools:
        raise _invalid("tool_choice may only be specified while providing tools.")
    if choice["type"] == "tool" and choice.get("name") not in [tool.get("name") for tool in tools]:
        raise _invalid(f"Tool '{choice.get('name')}' not found in provided tools")


# Thinking


def _thinking(request: Json, messages: list[Json]) -> None:
    thinking = request.get("thinking") or {}
    if thinking.get("type") != "enabled":
        return
    budget = _required(thinking, "budget_tokens", "thinking.enabled.")
    if budget < _MIN_BUDGET:
        raise _invalid(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_MIN_BUDGET}")
    if budget >= request.get("max_tokens", budget + 1):
        raise _invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if request.get("temperature", 1) != 1:
        raise _invalid("`temperature` may only be set to 1 when thinking is enabled.")
    if (request.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise _invalid("Thinking may not be enabled when tool_choice forces tool use.")
    _thinking_kept(messages)


def _thinking_kept(messages: list[Json]) -> None:
    """An assistant turn whose tool calls are being answered must still begin with its thinking."""
    if not any(block["type"] == "tool_result" for block in _blocks(messages[-1])):
        return
    index = max(at for at, one in enumerate(messages) if one["role"] == "assistant")
    first = _blocks(messages[index])[0]["type"]
    if first not in ("thinking", "redacted_thinking"):
        raise _invalid(
            f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When "
            "`thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def _required(block: Json, name: str, place: str = "") -> Any:
    if block.get(name) is None:
        raise _invalid(f"{place}{name}: Field required")
    return block[name]


def _invalid(text: str) -> Rejected:
    return Rejected(400, text)
