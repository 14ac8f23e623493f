"""What the bench tells its load generator to do, and what comes back: one JSON line each."""

import msgspec
from msgspec import Struct


class ClosedLoop(Struct, tag="closed", frozen=True):
    """Connections that send the next request when the answer to the last is there.

    Ends after `requests` requests or `seconds`, whichever is first. Each connection's first `warmup` requests are sent
    and counted, but their times are not kept.
    """

    host: str
    port: int
    request: bytes
    connections: int
    requests: int
    seconds: float
    warmup: int = 0


class Streams(Struct, tag="streams", frozen=True):
    """`streams` event streams at once, a connection each, begun evenly over `ramp` seconds.

    A stream must bring `frames` stamped frames and end with `ending`; `patience` is how many seconds all may take.
    """

    host: str
    port: int
    request: bytes
    streams: int
    frames: int
    ending: bytes
    ramp: float
    patience: float


Job = ClosedLoop | Streams


class ClosedReport(Struct, tag="closed", frozen=True):
    """`milliseconds` of each request after warm-up; `count` and `seconds` of all; `cpu` seconds of the generator."""

    milliseconds: list[float]
    count: int
    seconds: float
    cpu: float


class StreamsReport(Struct, tag="streams", frozen=True):
    """Milliseconds: `first` from the request to the first byte of the body, `transit` of each frame from the upstream's
    hand to here, `gaps` between frames of a stream. `failures` says what went wrong, one entry a failed stream.
    `most_open` is how many streams were open at once."""

    first: list[float]
    transit: list[float]
    gaps: list[float]
    failures: list[str]
    most_open: int
    seconds: float
    cpu: float


class Failed(Struct, tag="failed", frozen=True):
    """The job could not be done: an answer was wrong, or there was none."""

    message: str


Report = ClosedReport | StreamsReport | Failed

encode = msgspec.json.Encoder().encode
decode_job = msgspec.json.Decoder(Job).decode
decode_report = msgspec.json.Decoder(Report).decode
