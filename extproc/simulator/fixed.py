"""One answer built at start for every request of a format: what a benchmark puts behind the gateway."""

from dataclasses import dataclass

from extproc.simulator import event_bytes
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call, Event, Format, Json, Reply, encode

_REQUEST: Json = {"model": "fixed", "max_tokens": 1_000_000, "messages": [{"role": "user", "content": "hello"}]}
_USAGE: Json = {"stream_options": {"include_usage": True}}
_HEADERS = {"authorization": "Bearer fixed", "api-key": "fixed", "anthropic-version": "2026-10-21"}
_PATHS = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/v1/chat/completions",
    "anthropic": "/v1/messages",
}


@dataclass(frozen=True, slots=True)
class Fixed:
    """The two forms of one format's answer; `pieces` are the stream's events as bytes with the tokens of each."""

    whole: Reply
    streamed: Reply
    pieces: tuple[tuple[bytes, int], ...]


def build(form: Format, tokens: int) -> Fixed:
    """An answer of so many words."""
    directives = Directives(tokens=tokens)
    streaming = _REQUEST | {"stream": True} | ({} if form.name == "anthropic" else _USAGE)
    streamed = form.answer(_call(form, streaming), directives)
    events: tuple[Event, ...] = tuple(streamed.events or ())
    pieces = tuple((event_bytes.frame(event), event.tokens) for event in events)
    return Fixed(form.answer(_call(form, _REQUEST), directives), streamed, pieces)


def _call(form: Format, request: Json) -> Call:
    return Call("POST", _PATHS[form.name], {}, _HEADERS, encode(request), token="0" * 24, now=1_700_000_000)


def wants_stream(body: bytes) -> bool:
    """Looks for the flag without reading the document."""
    return b'"stream":true' in body or b'"stream": true' in body
