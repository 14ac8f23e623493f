"""A kept answer made fresh for another caller: a new id and a new time, everything else as it was.

The id has the shape of the old one, so that whoever reads ids (a client's parser, a log's pattern) sees nothing odd.
`created` is renewed with it, since the two belong together; how old the answer is, the `age` header tells. Ids inside
the answer (of output items, of tool calls) stay: they mean something only together with this answer.
"""

import hashlib
import re
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw

from extproc.apischema.endpoints import CHAT, COMPLETIONS, RESPONSES, Endpoint
from extproc.genai.usage import TokenUsage

Fields = dict[str, Raw]
_TIMES = ("created", "created_at", "completed_at")
_ECHOED = {"metadata": Raw(b"{}"), "prompt_cache_key": Raw(b"null"), "prompt_cache_retention": Raw(b"null"),
           "safety_identifier": Raw(b"null"), "user": Raw(b"null")}  # fmt: skip
_PREFIX = re.compile(r"(?:[A-Za-z]+[-_])*")
_DIGITS, _LOWER, _UPPER = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEXADECIMAL = re.compile(r"[0-9a-f-]*")

decode_fields = msgspec.json.Decoder(Fields).decode
encode = msgspec.json.Encoder().encode
_decode_text = msgspec.json.Decoder(str).decode


def renewed(
    endpoint: Endpoint, document: bytes, request: Mapping[str, Raw], now: float, entropy: Callable[[int], bytes]
) -> bytes:
    """The document for a caller whose `request` is this. `now` is a Unix time in seconds."""
    fields = decode_fields(document)
    if bytes(fields.get("id", b"")).startswith(b'"'):
        fields["id"] = raw(fresh_id(_decode_text(fields["id"]), entropy))
    for name in _TIMES:
        if _is_given(fields, name):
            fields[name] = raw(int(now))
    if endpoint == RESPONSES:
        _echo(fields, request)
    return encode(fields)


def _echo(fields: Fields, request: Mapping[str, Raw]) -> None:
    """What the API repeats of the request and is not part of the key must be this caller's."""
    for name, nothing in _ECHOED.items():
        if name in fields:
            fields[name] = request.get(name, nothing)


def stream_form(request: Mapping[str, Raw]) -> str:
    """The same for two requests with one key whose streams are the same bytes: they ask for the same events, and what
    the API repeats of a request and is not part of the key is the same."""
    said = b"\n".join(bytes(request.get(name, b"")) for name in ("stream_options", *_ECHOED))
    return hashlib.blake2b(said, digest_size=12).hexdigest()


def fresh_id(old: str, entropy: Callable[[int], bytes]) -> str:
    """An id of the same shape: prefix and punctuation stay, digits become digits and letters become letters."""
    match = _PREFIX.match(old)
    start = match.end() if match is not None else 0
    rest = old[start:]
    hexadecimal = _HEXADECIMAL.fullmatch(rest) is not None
    numbers = entropy(2 * len(rest))
    made = (
        _like(letter, numbers[2 * at] << 8 | numbers[2 * at + 1], hexadecimal=hexadecimal)
        for at, letter in enumerate(rest)
    )
    return old[:start] + "".join(made)


def _like(letter: str, number: int, *, hexadecimal: bool) -> str:
    if hexadecimal and letter != "-":
        return f"{number % 16:x}"
    for alphabet in (_DIGITS, _LOWER, _UPPER):
        if letter in alphabet:
            return alphabet[number % len(alphabet)]
    return letter


def with_usage(endpoint: Endpoint, document: bytes, usage: TokenUsage | None) -> bytes:
    """A document put together from a stream whose caller was not told the usage, with it."""
    if usage is None or endpoint not in (CHAT, COMPLETIONS):
        return document
    fields = decode_fields(document)
    if not _is_given(fields, "usage"):
        fields["usage"] = raw(_openai_usage(usage))
    return encode(fields)


def _openai_usage(usage: TokenUsage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_output_tokens},
    }


def raw(value: object) -> Raw:
    return Raw(encode(value))


def _is_given(fields: Fields, name: str) -> bool:
    return name in fields and bytes(fields[name]) != b"null"
