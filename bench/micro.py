"""What Python does to one event of a stream, without Envoy, gRPC or a network."""

import time

import msgspec

from bench.result import Result
from bench.stats import median
from extproc.apischema import endpoints
from extproc.config.model import Backend, Schema
from extproc.simulator import fixed
from extproc.simulator.format import Format
from extproc.translator import registry
from extproc.translator.base import Call

_EVENTS = 1000
_ROUNDS = 15


def events(name: str, form: Format, schema: Schema) -> Result:
    """A stream of a provider's format through the translator of chat completions, an event at a time."""
    pieces = [data for data, _ in fixed.build(form, _EVENTS).pieces]
    rounds = [_seconds(schema, pieces) / len(pieces) for _ in range(_ROUNDS)]
    return Result(
        name,
        more={
            "us_per_event": median(rounds) * 1e6,
            "events_per_second": 1 / median(rounds),
            "bytes_per_event": sum(map(len, pieces)) / len(pieces),
        },
    )


def _seconds(schema: Schema, pieces: list[bytes]) -> float:
    path = "/v1/chat/completions"
    endpoint = endpoints.find(path)
    assert endpoint is not None
    translator = registry.find(endpoint, Backend("micro", "micro", schema.value, schema, "localhost"))
    assert translator is not None
    fields = msgspec.json.decode(b'{"model":"m","stream":true}', type=dict[str, msgspec.Raw])
    response = translator.response(Call(endpoint, path, b"", fields, "m", stream=True), streamed=True)
    began = time.process_time()
    for piece in pieces:
        response.feed(piece)
    response.finish()
    taken = time.process_time() - began
    assert response.outcome.complete
    return taken
