"""Which strings of a request or an answer are structure, and which may hold what somebody wrote.

Names that are not in these tables are taken for text, so a field that a provider adds tomorrow is redacted and restored
too. The names are those of the API references that `apischema` links to (seen 2026-11-21).

Structure: ids, types, roles, models, names of functions and tools, closed sets of words, URLs of media, and what the
API itself asks for to sign in elsewhere (`headers` and tokens of MCP servers: without them the call would fail).
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from extproc.privacy.json_strings import Context, Inside, Literal

_ENVELOPE_STEPS = {
    b"arguments": Context.DATA,
    b"documents": Context.DATA,
    b"extra_content": Context.OPAQUE,
    b"headers": Context.OPAQUE,
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

_ENVELOPE_STRUCTURE = frozenset(
    b"authorization authorization_token call_id container country detail effort encoding_format encrypted_content"
    b" encrypted_index file_id file_ids file_url finish_reason format id image_url include item_id language media_type"
    b" mime_type modalities mode model name namespace object phase previous_response_id quality reasoning_effort"
    b" response_id role server_label server_url service_tier signature size status stop_reason syntax"
    b" thought_signature timezone tool_call_id tool_choice tool_use_id toolset_name truncation ttl type url"
    b" vector_store_ids verbosity voice".split()
)
_SCHEMA_STRUCTURE = frozenset(
    b"$anchor $dynamicRef $id $ref $schema contentEncoding contentMediaType dependentRequired format pattern"
    b" propertyOrdering required type".split()
)

CONTEXTS: Mapping[Context, Inside] = {
    # At the top, `input` is the API's own list.
    Context.ROOT: Inside(
        {**_ENVELOPE_STEPS, b"input": Context.ENVELOPE, b"messages": Context.MESSAGE},
        others=Context.ENVELOPE,
        left=_ENVELOPE_STRUCTURE,
    ),
    Context.MESSAGE: Inside(_ENVELOPE_STEPS, others=Context.ENVELOPE, left=_ENVELOPE_STRUCTURE - {b"name"}),
    Context.ENVELOPE: Inside(_ENVELOPE_STEPS, others=Context.ENVELOPE, left=_ENVELOPE_STRUCTURE),
    Context.SCHEMA: Inside(dict.fromkeys(_SCHEMA_VALUES, Context.DATA), others=Context.SCHEMA, left=_SCHEMA_STRUCTURE),
    Context.DATA: Inside({}, others=Context.DATA, with_names=True),
    Context.OPAQUE: Inside({}, others=Context.OPAQUE, left=None),
}
# The same with nothing of interest but signatures.
SIGNATURE = b"signature"
SIGNATURES: Mapping[Context, Inside] = {
    context: replace(inside, left=inside.left and inside.left - {SIGNATURE}, with_names=False)
    for context, inside in CONTEXTS.items()
}

_MEDIA = frozenset((b"data", b"file_data", b"b64_json"))
_BASE64 = re.compile(rb'"[A-Za-z0-9+/_-]{255}[A-Za-z0-9+/_-]*+=*+"')


def is_media(document: bytes, literal: Literal) -> bool:
    """A `data:` URL, or base64 that is too long to be a number. A document of plain text may be under the same name."""
    if literal.name not in _MEDIA or literal.is_name:
        return False
    if document.startswith(b'"data:', literal.start):
        return True
    return _BASE64.fullmatch(document, literal.start, literal.end) is not None
