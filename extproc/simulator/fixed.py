"""One answer built at start for every request of a format: what a benchmark puts behind the gateway."""

from dataclasses import dataclass

from extproc.simulator import event_bytes
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call, Event, Format, Json, Reply, encode

_REQUEST: Json = {"model": "fixed", "max_tokens": 1_000_000, "messages": [{"role": "user", "content": "hello"}]}
_USAGE: Json = {"stream_options": {"include_usage": True}}
_HEADERS = {
    "authorization": "Bearer fixed",
    "api-key": "fixed",
    "x-goog-api-key": "fixed",
    "anthropic-version": "2026-10-21",
}
_QUERY = {"alt": "sse"}  # Gemini's word for server-sent events
_PATHS = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/v1/chat/completions",
    "anthropic": "/v1/messages",
    "anthropic_vertex": "/v1/projects/p/locations/l/publishers/anthropic/models/fixed:rawPredict",
    "bedrock": "/model/fixed/converse",
    "cohere": "/v2/chat",
    "gemini": "/v1beta/models/fixed:generateContent",
    "mistral": "/v1/chat/completions",
}
_STREAMING_PATHS = {  # where the body does not say it
    "anthropic_vertex": "/v1/projects/p/locations/l/publishers/anthropic/models/fixed:streamRawPredict",
    "bedrock": "/model/fixed/converse-stream",
    "gemini": "/v1beta/models/fixed:streamGenerateContent",
}
_BODIES: dict[str, Json] = {
    "anthropic_vertex": {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 1_000_000,
        "messages": _REQUEST["messages"],
    },
    "bedrock": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
}
_USAGE_ON_DEMAND = frozenset({"azure", "openai"})


@dataclass(frozen=True, slots=True)
class Fixed:
    """The two forms of one format's answer; `pieces` are the stream's events as bytes with the tokens of each."""

    whole: Reply
    streamed: Reply
    pieces: tuple[tuple[bytes, int], ...]


def build(form: Format, tokens: int) -> Fixed:
    """An answer of so many words."""
    directives = Directives(tokens=tokens)
    path, request = _PATHS[form.name], _BODIES.get(form.name, _REQUEST)
    flag = {} if form.name in _STREAMING_PATHS else {"stream": True}
    streaming = request | flag | (_USAGE if form.name in _USAGE_ON_DEMAND else {})
    streamed = form.answer(_call(_STREAMING_PATHS.get(form.name, path), streaming), directives)
    events: tuple[Event, ...] = tuple(streamed.events or ())
    pieces = tuple((event_bytes.frame(event), event.tokens) for event in events)
    return Fixed(form.answer(_call(path, request), directives), streamed, pieces)


def _call(path: str, request: Json) -> Call:
    return Call("POST", path, _QUERY, _HEADERS, encode(request), token="0" * 24, now=1_700_000_000)


def wants_stream(call: Call) -> bool:
    """Looks at the operation's name and for the flag, without reading the document."""
    in_body = b'"stream":true' in call.body or b'"stream": true' in call.body
    return in_body or "stream" in call.path.rpartition("/")[2]
