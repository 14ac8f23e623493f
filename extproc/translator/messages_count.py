"""What there is to count of a Messages request, where no provider counts it: for `POST /v1/messages/count_tokens`.

Reference: https://platform.claude.com/docs/en/api/messages-count-tokens (seen 2026-11-21).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from extproc.apischema.anthropic_request import read
from extproc.errors import InvalidRequest

_ANY = msgspec.json.Decoder(float_hook=str)
_AS_JSON = frozenset({"input", "input_schema", "schema"})  # the model reads the names in these too
_NOT_READ = frozenset({"cache_control", "citations", "data", "id", "signature", "thinking", "tool_use_id", "url"})
_MESSAGES = ("system", "messages")
_DEFINITIONS = ("tools", "output_config")


def count_request(fields: Mapping[str, Raw]) -> bytes:
    """The text of a request as a JSON array of objects, one a message, for a counter of JSON's string values.

    `fields` are the request's. Left out is what is no text for the model: ids, earlier reasoning, cache marks, and
    images and documents but those of plain text. Schemas and inputs of tools are JSON in a string, so that their names
    count. Raises InvalidRequest for a request without messages.
    """
    if "messages" not in fields:
        raise InvalidRequest("messages: missing", param="messages")
    found: list[Any] = []
    for name in _MESSAGES:
        given = read(_ANY, fields[name], name) if name in fields else []
        found += [_texts(item) for item in _items(given)]
    about = [_texts(read(_ANY, fields[name], name)) for name in _DEFINITIONS if name in fields]
    if about:
        found.append({"text": about})
    return msgspec.json.encode(found)


def count_answer(input_tokens: int) -> bytes:
    """The body of the answer."""
    return msgspec.json.encode({"input_tokens": input_tokens})


def _items(given: Any) -> list[Any]:
    """Messages, or the system prompt as one more; never anything but objects, which is what counts as a message."""
    if isinstance(given, list) and all(isinstance(item, dict) and "role" in item for item in given):
        return given
    return [{"content": given}] if given else []


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _text(name, item) for name, item in value.items() if _is_text(name, value)}


def _text(name: str, value: Any) -> Any:
    return msgspec.json.encode(value).decode() if name in _AS_JSON else _texts(value)


def _is_text(name: str, owner: dict[str, Any]) -> bool:
    """Members that the model reads. `data` is plain text in a source of that kind, else base64."""
    if name == "data":
        return owner.get("type") == "text"
    return name not in _NOT_READ
