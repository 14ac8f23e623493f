"""What rules look at of a request and of an answer: the texts with who wrote them, and what else there is, counted.

The texts are found as redaction finds them (`privacy.walk`): in every dialect, in JSON inside strings, across the seams
of neighbouring parts, and under names that nobody knows yet.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.malformed import MALFORMED
from extproc.errors import InvalidRequest
from extproc.guardrails.rule import Modality, Role
from extproc.privacy.walk import texts_of
from extproc.wire.json_object import encode_object

_SMALL = 512  # characters: shorter texts of one role are looked at together
_LISTS = ("messages", "input")
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
_ITEM_ROLES = {"function_call": Role.ASSISTANT, "custom_tool_call": Role.ASSISTANT, "reasoning": Role.ASSISTANT}
_FIELD_ROLES = {
    "system": Role.SYSTEM,
    "instructions": Role.SYSTEM,
    "tools": Role.DEFINITION,
    "functions": Role.DEFINITION,
    "response_format": Role.DEFINITION,
}
_MODALITIES = {
    "image_url": Modality.IMAGE,
    "input_image": Modality.IMAGE,
    "image": Modality.IMAGE,
    "input_audio": Modality.AUDIO,
    "audio": Modality.AUDIO,
    "audio_url": Modality.AUDIO,
    "video_url": Modality.VIDEO,
    "input_video": Modality.VIDEO,
    "video": Modality.VIDEO,
    "file": Modality.FILE,
    "input_file": Modality.FILE,
    "document": Modality.FILE,
    "container_upload": Modality.FILE,
}
# Members of a chat request that have the provider search or speak, without a tool or a part.
_TOOL_OF_FIELD = {"web_search_options": "web_search"}


@dataclass(frozen=True, slots=True)
class Text:
    """What one role wrote: a text, or small ones together, a line each."""

    role: Role
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RequestView:
    """`tools` are the names of the tools on offer; `media` counts the parts that are no text."""

    texts: tuple[Text, ...]
    messages: int = 0
    tools: tuple[str, ...] = ()
    media: Mapping[Modality, int] = field(default_factory=dict)

    @property
    def characters(self) -> int:
        return sum(len(text.text) for text in self.texts)


_NOTHING = Raw(b"null")


class _Named(Struct):
    name: str | None = None


class _Tool(Struct):
    type: str = "function"
    name: str | None = None
    function: _Named | None = None
    custom: _Named | None = None
    server_label: str | None = None
    mcp_server_name: str | None = None


class _Who(Struct):
    role: str | None = None
    type: str | None = None


class _Part(Struct):
    type: str | None = None
    content: Raw = _NOTHING
    output: Raw = _NOTHING
    source: Raw = _NOTHING


_decode_part = msgspec.json.Decoder(_Part).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_who = msgspec.json.Decoder(_Who).decode
_decode_tools = msgspec.json.Decoder(list[_Tool]).decode
_decode_names = msgspec.json.Decoder(list[_Named]).decode
_decode_words = msgspec.json.Decoder(list[str]).decode


def read_request(fields: Mapping[str, Raw]) -> RequestView:
    """The view of a request; `fields` are those of its body (`Call.fields`). Raises InvalidRequest."""
    try:
        parts = _by_role(fields)
        texts = [text for role, documents in parts.items() for text in _texts(role, documents)]
        return RequestView(tuple(texts), _messages(fields), tuple(_tools(fields)), _media(fields))
    except MALFORMED:
        raise InvalidRequest("The request's messages or tools are not of a form that guardrails can check.") from None


def together(role: Role, texts: Iterable[str]) -> list[Text]:
    """The texts of a role, small neighbours as one: so that many parts cost no more than their length."""
    pieces: list[Text] = []
    lines: list[str] = []
    size = 0
    for text in texts:
        lines.append(text)
        size += len(text)
        if size >= _SMALL:
            pieces.append(Text(role, "\n".join(lines)))
            lines, size = [], 0
    return [*pieces, Text(role, "\n".join(lines))] if lines else pieces


def _by_role(fields: Mapping[str, Raw]) -> Mapping[Role, list[bytes]]:
    """The pieces of the body that each role wrote, as documents of the same form."""
    members: dict[Role, dict[str, Raw]] = defaultdict(dict)
    for name, raw in fields.items():
        if name in _LISTS and _is_list(raw):
            for role, elements in _elements_by_role(raw).items():
                members[role][name] = Raw(b"[%b]" % b",".join(elements))
        else:
            members[_FIELD_ROLES.get(name, Role.USER)][name] = raw
    return {role: [encode_object(group)] for role, group in members.items()}


def _elements_by_role(raw: Raw) -> Mapping[Role, list[bytes]]:
    elements: dict[Role, list[bytes]] = defaultdict(list)
    for element in _decode_list(raw):
        elements[_role_of(element)].append(bytes(element))
    return elements


def _role_of(element: Raw) -> Role:
    if not is_object(element):
        return Role.USER
    who = _decode_who(element)
    if who.role is not None:
        return _ROLES.get(who.role, Role.USER)
    kind = who.type or ""
    return _ITEM_ROLES.get(kind, Role.TOOL if kind.endswith("_output") else Role.USER)


def _texts(role: Role, documents: Iterable[bytes]) -> list[Text]:
    return together(role, (text for document in documents for text in texts_of(document)))


def _messages(fields: Mapping[str, Raw]) -> int:
    lists = (fields[name] for name in _LISTS if name in fields)
    return sum(len(_decode_list(raw)) for raw in lists if _is_list(raw))


def _tools(fields: Mapping[str, Raw]) -> list[str]:
    tools = [_name_of(tool) for tool in _decode_tools(fields["tools"])] if _has_list(fields, "tools") else []
    if _has_list(fields, "functions"):
        tools += [function.name or "" for function in _decode_names(fields["functions"])]
    if _has_list(fields, "mcp_servers"):
        tools += [f"mcp:{server.name or ''}" for server in _decode_names(fields["mcp_servers"])]
    return tools + [tool for name, tool in _TOOL_OF_FIELD.items() if name in fields]


def _name_of(tool: _Tool) -> str:
    if tool.server_label is not None or tool.mcp_server_name is not None:
        return f"mcp:{tool.server_label or tool.mcp_server_name}"
    named = tool.function or tool.custom or tool
    return named.name or tool.type


def _media(fields: Mapping[str, Raw]) -> Mapping[Modality, int]:
    """Counts parts by their `type`, at any depth; and speech that is asked for."""
    kinds = (kind for name in _LISTS if name in fields for kind in _kinds(fields[name]))
    media = Counter(_MODALITIES[kind] for kind in kinds if kind in _MODALITIES)
    if _has_list(fields, "modalities") and "audio" in _decode_words(fields["modalities"]):
        media[Modality.AUDIO] += 1
    return media


def _kinds(raw: Raw) -> Iterator[str]:
    """The types of a message's parts, and of parts within parts: a tool's result, a document made of blocks."""
    if _is_list(raw):
        for element in _decode_list(raw):
            yield from _kinds(element)
    elif is_object(raw):
        part = _decode_part(raw)
        if part.type is not None:
            yield part.type
        for inner in (part.content, part.output, part.source):
            yield from _kinds(inner)


def _has_list(fields: Mapping[str, Raw], name: str) -> bool:
    return name in fields and _is_list(fields[name])


def _is_list(raw: Raw) -> bool:
    return memoryview(raw)[0] == ord("[")


def is_object(raw: Raw) -> bool:
    return memoryview(raw)[0] == ord("{")
