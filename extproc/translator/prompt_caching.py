"""Marks for the provider's prompt cache, where the operator wants them and the caller set none.

A prompt's stable beginning is its tools and its system messages. `cache_control` after them makes Claude (and Bedrock's
`cachePoint`) keep it: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (seen 2026-11-21).
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from msgspec import Raw

from extproc.apischema.malformed import MALFORMED
from extproc.config.model import Backend, Target
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Response, Translator, UpstreamRequest
from extproc.wire.json_object import encode_object

_MARK = Raw(b'{"type":"ephemeral"}')
_SYSTEM = (b'"system"', b'"developer"')
_objects = msgspec.json.Decoder(list[dict[str, Raw]]).decode


class WithPromptCaching:
    """A chat translator whose backends may want marks."""

    identity = False

    def __init__(self, back: Translator) -> None:
        self._back = back

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        return self._back.request(marked(call, target.backend), target)

    def response(self, call: Call, *, streamed: bool) -> Response:
        return self._back.response(call, streamed=streamed)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return self._back.error(status, body)


def marked(call: Call, backend: Backend) -> Call:
    """The call with the marks that the backend is set to have. A caller who sets any of their own sets them all."""
    if not (backend.cache_system or backend.cache_tools) or b'"cache_control"' in call.body:
        return call
    try:
        fields = dict(call.fields)
        if backend.cache_system:
            _mark_last(fields, "messages", of_system=True)
        if backend.cache_tools:
            _mark_last(fields, "tools", of_system=False)
    except MALFORMED:
        return call  # the translator says what is wrong with it
    return replace(call, fields=fields, body=encode_object(fields))


def _mark_last(fields: dict[str, Raw], name: str, *, of_system: bool) -> None:
    """Marks the last tool, or the last of the system messages that the prompt begins with."""
    if name not in fields:
        return
    items = _objects(fields[name])
    count = _leading_system(items) if of_system else len(items)
    if count:
        items[count - 1]["cache_control"] = _MARK
        fields[name] = Raw(msgspec.json.encode(items))


def _leading_system(messages: list[dict[str, Raw]]) -> int:
    for index, message in enumerate(messages):
        if not _is_system(message):
            return index
    return len(messages)


def _is_system(message: Mapping[str, Raw]) -> bool:
    role = message.get("role")
    return role is not None and bytes(role) in _SYSTEM
