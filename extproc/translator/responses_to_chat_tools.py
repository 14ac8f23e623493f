"""Tools of the Responses API as chat's: flat there, nested here.

References: https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools,
https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools (both seen 2026-11-21).

| Responses                        | chat                                                                          |
|----------------------------------|-------------------------------------------------------------------------------|
| `function`                       | `function`                                                                    |
| `custom`, its grammar flat       | `custom`, its grammar nested: a backend without such tools refuses or drops it |
| any other                        | refused: it would run inside OpenAI's service                                 |
| `tool_choice` `allowed_tools`    | only the allowed tools, with `mode` as the choice                             |
| `tool_choice` of a built-in tool | refused                                                                       |
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from extproc.apischema import openai_chat
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_responses import ToolChoice
from extproc.errors import InvalidRequest, Unsupported
from extproc.translator.fields import present, says_nothing

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_str = msgspec.json.Decoder(str).decode

_FIELDS = {
    "function": ("name", "description", "parameters", "strict"),
    "custom": ("name", "description", "format"),
}
_NEUTRAL: dict[str, tuple[object, ...]] = {
    "allowed_callers": (["direct"],),
    "async": (False,),
    "defer_loading": (False,),
}


class Tool(NamedTuple):
    """A tool with chat's document of it."""

    type: str
    name: str
    document: dict[str, Any]


def tools(raws: list[Raw]) -> list[Tool]:
    """Raises InvalidRequest, or Unsupported for a tool that cannot be sent."""
    return [_tool(raw, f"tools[{index}]") for index, raw in enumerate(raws)]


def choose(made: list[Tool], choice: str | ToolChoice | None) -> tuple[list[Tool], str | dict[str, Any] | None]:
    """The tools that the model may call, and chat's `tool_choice`."""
    if choice is None or isinstance(choice, str):
        return made, choice
    if choice.type == "allowed_tools":
        return _allowed(made, choice), choice.mode or "auto"
    if choice.type not in _FIELDS:
        raise Unsupported(
            f"tool_choice is not supported here: {choice.type} is not a function or custom tool", param="tool_choice"
        )
    if choice.name is None:
        raise InvalidRequest("tool_choice.name: missing", param="tool_choice.name")
    return made, {"type": choice.type, choice.type: {"name": choice.name}}


def _allowed(made: list[Tool], choice: ToolChoice) -> list[Tool]:
    by_name = {(tool.type, tool.name): tool for tool in made}
    wanted = [(tool.type, tool.name or "") for tool in choice.tools or ()]
    for index, key in enumerate(wanted):
        if key not in by_name:
            where = f"tool_choice.tools[{index}]"
            raise InvalidRequest(f"{where}: not among the tools", param=where)
    if not wanted:
        raise InvalidRequest("tool_choice.tools: at least one tool is needed", param="tool_choice.tools")
    return [tool for tool in made if (tool.type, tool.name) in wanted]


def _tool(raw: Raw, where: str) -> Tool:
    try:
        given = {name: value for name, value in _decode_fields(raw).items() if present(value) is not None}
        type_ = _decode_str(given.pop("type", Raw(b'""')))
        if type_ not in _FIELDS:
            raise Unsupported(f"{where}: the tool {type_ or 'without a type'} is not supported here", param=where)
        name = _decode_str(given["name"]) if "name" in given else ""
    except MALFORMED as error:
        raise openai_chat.invalid(error, where) from error
    if not name:
        raise InvalidRequest(f"{where}.name: missing", param=f"{where}.name")
    return Tool(type_, name, _document(type_, given, where))


def _document(type_: str, given: dict[str, Raw], where: str) -> dict[str, Any]:
    named: dict[str, Any] = {field: given.pop(field) for field in _FIELDS[type_] if field in given}
    if "format" in named:
        named["format"] = _custom_format(named["format"], f"{where}.format")
    document: dict[str, Any] = {"type": type_, type_: named}
    if "cache_control" in given:
        document["cache_control"] = given.pop("cache_control")
    for field, value in given.items():
        if not says_nothing(field, value, _NEUTRAL):
            raise Unsupported(f"{where}.{field} is not supported here", param=f"{where}.{field}")
    return document


def _custom_format(raw: Raw, where: str) -> dict[str, Any]:
    try:
        fields = _decode_fields(raw)
    except MALFORMED as error:
        raise openai_chat.invalid(error, where) from error
    type_ = fields.pop("type", Raw(b'"text"'))
    return {"type": type_, "grammar": fields} if fields else {"type": type_}
