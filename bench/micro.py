"""What Python does to one event of a stream, without Envoy, gRPC or a network, for every caller and backend."""

import time

from bench.result import Result
from bench.stats import median
from extproc.apischema import endpoints
from extproc.config.model import Backend, Schema
from extproc.pipeline.call import read_call
from extproc.simulator import fixed
from extproc.simulator.formats import FORMATS
from extproc.translator import registry
from extproc.translator.base import Call, Response, Translator

_EVENTS = 1000
_ROUNDS = 9

CALLERS = {
    "chat": ("/v1/chat/completions", b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}'),
    "messages": (
        "/v1/messages",
        b'{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hello"}]}',
    ),
    "responses": ("/v1/responses", b'{"model":"m","stream":true,"input":"hello"}'),
}
BACKENDS = {
    "openai": Schema.OPENAI,
    "anthropic": Schema.ANTHROPIC,
    "gemini": Schema.GEMINI,
    "bedrock": Schema.BEDROCK,
    "cohere": Schema.COHERE,
    "mistral": Schema.MISTRAL,
}
"""By the simulator's format whose stream is read."""


def events(name: str, caller: str, form: str) -> Result:
    """A stream of a provider's format through its translator for a caller, an event at a time."""
    pieces = [data for data, _ in fixed.build(FORMATS[form], _EVENTS).pieces]
    size = sum(map(len, pieces))
    translator, call = _pair(caller, form)
    seconds = median([_seconds(translator.response(call, streamed=True), pieces) for _ in range(_ROUNDS)])
    return Result(
        name,
        more={
            "us_per_event": seconds / len(pieces) * 1e6,
            "events_per_second": len(pieces) / seconds,
            "mb_per_second": size / seconds / 1e6,
            "bytes_per_event": size / len(pieces),
        },
    )


def _pair(caller: str, form: str) -> tuple[Translator, Call]:
    path, body = CALLERS[caller]
    endpoint = endpoints.find(path)
    assert endpoint is not None
    # A provider without a Responses API of its own, so that callers of it are translated for OpenAI's format too.
    translator = registry.find(endpoint, Backend("micro", "micro", "vllm", BACKENDS[form], "localhost"))
    assert translator is not None
    return translator, read_call(endpoint, path, {}, body, created=0)


def _seconds(response: Response, pieces: list[bytes]) -> float:
    began = time.process_time()
    for piece in pieces:
        response.feed(piece)
    response.finish()
    taken = time.process_time() - began
    assert response.outcome.complete
    return taken
