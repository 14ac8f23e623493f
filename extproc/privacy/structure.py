"""Which strings of a request or an answer are structure, and which may hold what somebody wrote.

Names that are not in these tables are taken for text, so a field that a provider adds tomorrow is redacted and restored
too. The names are those of the API references that `apischema` links to (seen 2026-11-21).

Structure: ids, types, roles, names of functions and tools, names in schemas, closed sets of words, and URLs of media.
Only what none of them looks like by chance counts there (`IN_STRUCTURE`): the numbers in a URL are mostly ids, and its
tokens make it load. What the API itself asks for to sign in elsewhere (`headers` and tokens of MCP servers: without
them the call would fail), what a provider signed or encrypted, and the model are left.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from extproc.privacy.detect.entity import Entity
from extproc.privacy.json_strings import Context, Inside, Literal

_ENVELOPE_STEPS = {
    b"arguments": Context.DATA,
    b"documents": Context.DATA,
    b"input": Context.DATA,
    b"input_examples": Context.DATA,
    b"input_schema": Context.SCHEMA,
    b"logprobs": Context.OPAQUE,
    b"metadata": Context.DATA,
    b"parameters": Context.SCHEMA,
    b"schema": Context.SCHEMA,
    b"variables": Context.DATA,
}
_SCHEMA_VALUES = (b"const", b"default", b"enum", b"examples")

_TOOL_STEPS = {**_ENVELOPE_STEPS, b"headers": Context.OPAQUE}
_LEFT = frozenset(
    b"authorization authorization_token encrypted_content encrypted_index model server_url signature"
    b" thought_signature".split()
)

CONTEXTS: Mapping[Context, Inside] = {
    # At the top, `input` is the API's own list.
    Context.ROOT: Inside(
        {
            **_ENVELOPE_STEPS,
            b"input": Context.ENVELOPE,
            b"mcp_servers": Context.TOOL,
            b"messages": Context.MESSAGE,
            b"tools": Context.TOOL,
        },
        others=Context.ENVELOPE,
        left=_LEFT,
        with_names=True,
    ),
    Context.MESSAGE: Inside(_ENVELOPE_STEPS, others=Context.ENVELOPE, left=_LEFT, with_names=True),
    Context.TOOL: Inside(_TOOL_STEPS, others=Context.TOOL, left=_LEFT, with_names=True),
    Context.ENVELOPE: Inside(_ENVELOPE_STEPS, others=Context.ENVELOPE, left=_LEFT, with_names=True),
    Context.SCHEMA: Inside(dict.fromkeys(_SCHEMA_VALUES, Context.DATA), others=Context.SCHEMA, with_names=True),
    Context.DATA: Inside({}, others=Context.DATA, with_names=True, with_numbers=True),
    Context.OPAQUE: Inside({}, others=Context.OPAQUE, left=None),
}
# The same with nothing of interest but signatures.
SIGNATURE = b"signature"
SIGNATURES: Mapping[Context, Inside] = {
    context: replace(inside, left=inside.left and inside.left - {SIGNATURE}, with_names=False, with_numbers=False)
    for context, inside in CONTEXTS.items()
}

# What is searched for where structure is expected, beside what an operator names himself.
IN_STRUCTURE = frozenset({Entity.EMAIL_ADDRESS.value, Entity.IBAN_CODE.value, Entity.URL_WITH_CREDENTIALS.value})
_NOT_IN_STRUCTURE = frozenset(entity.value for entity in Entity) - IN_STRUCTURE

_MEDIA = frozenset((b"data", b"file_data", b"b64_json"))
_URLS = frozenset((b"url", b"image_url", b"file_url"))
_STRUCTURE = frozenset(
    b"call_id container country detail effort encoding_format file_id file_ids finish_reason format id include item_id"
    b" language media_type mime_type modalities mode name namespace object phase previous_response_id quality"
    b" reasoning_effort response_id role server_label service_tier size status stop_reason syntax timezone tool_call_id"
    b" tool_choice tool_use_id toolset_name truncation ttl type vector_store_ids verbosity voice".split()
)
_SCHEMA_STRUCTURE = frozenset(
    b"$anchor $dynamicRef $id $ref $schema contentEncoding contentMediaType dependentRequired format pattern"
    b" propertyOrdering required type".split()
)
_THINKING, _PART, _NAME = b"thinking", b"text", b"name"
PECULIAR = _MEDIA | _URLS | _STRUCTURE | {_THINKING, _PART}
"""Names that mean something; strings under all others, and outside of schemas, are of the kind `TEXT`."""

_BASE64_CHARS = rb"[A-Za-z0-9+/_-]*+(?:\\/[A-Za-z0-9+/_-]*+)*+=*+"
_BASE64 = re.compile(rb'"(?=[^"]{255})%b"' % _BASE64_CHARS)
_DATA_URL = re.compile(
    rb'"data:(?!text|application\\?/(?:[\w.-]+\+)?(?:json|xml|yaml|x-yaml|javascript|sql))'
    rb'[\w.+-]+\\?/[\w.+-]+(?:;[\w.-]+=[\w.+-]+)*+;base64,%b"' % _BASE64_CHARS,
    re.IGNORECASE,
)


class Kind(Enum):
    """How a string or number of interest is looked at."""

    __hash__ = object.__hash__  # enums have one of their own, in Python

    TEXT = "text"
    PART = "part"  # a text that others may go on with
    THINKING = "thinking"  # a text that may be signed
    ID = "id"  # structure: it must stay one of its own
    URL = "url"
    DATA_URL = "data URL"  # of a text, encoded or not
    MEDIA = "media"  # not to be searched


def kind_of(document: bytes, literal: Literal) -> Kind:
    if literal.is_name:
        return Kind.TEXT if literal.context is Context.DATA else Kind.ID
    if literal.context is Context.SCHEMA:
        return Kind.ID if literal.name in _SCHEMA_STRUCTURE else Kind.TEXT
    if literal.name not in PECULIAR:
        return Kind.TEXT
    if literal.context is Context.DATA:
        return Kind.MEDIA if literal.name in _MEDIA and _is_base64(document, literal) else Kind.TEXT
    return _kind_in_envelope(document, literal)


def _kind_in_envelope(document: bytes, literal: Literal) -> Kind:
    if literal.name == _PART:
        return Kind.PART if literal.siblings else Kind.TEXT
    if literal.name == _THINKING:
        return Kind.THINKING
    if literal.name in _STRUCTURE:
        return Kind.TEXT if literal.name == _NAME and literal.context is Context.MESSAGE else Kind.ID
    if document.startswith(b'"data:', literal.start):
        return Kind.MEDIA if _DATA_URL.fullmatch(document, literal.start, literal.end) else Kind.DATA_URL
    if literal.name in _URLS:
        return Kind.URL
    return Kind.MEDIA if _is_base64(document, literal) else Kind.TEXT


def _is_base64(document: bytes, literal: Literal) -> bool:
    """Base64 that is too long to be a number. A document of plain text may be under the same name."""
    return _BASE64.fullmatch(document, literal.start, literal.end) is not None


def counts_in(kind: Kind, entity: str) -> bool:
    """Whether what looks like an entity counts where it was found."""
    return kind not in (Kind.ID, Kind.URL) or entity not in _NOT_IN_STRUCTURE
