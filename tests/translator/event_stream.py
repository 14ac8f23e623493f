"""AWS event streams for golden cases, in lines that can be read.

Each line is one message, or what happens to those before it:

| line                                 | what it is                                                                    |
|--------------------------------------|-------------------------------------------------------------------------------|
| `{"event": name, "payload": …}`      | an event                                                                      |
| `{"exception": name, "payload": …}`  | an exception                                                                  |
| `{"error": code, "payload": …}`      | an error that the service had no exception for                                |
| `{"chunk": …}`                       | a `chunk` of InvokeModelWithResponseStream with an event of the model's in it |
| `{"event": name, "text": …}`         | an event whose payload is no JSON                                             |
| `{"cut": n}`                         | the last n bytes so far are lost                                              |
| `{"damage": n}`                      | the n-th byte from the end so far is another                                  |
"""

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from extproc.wire.aws_event_stream import encode

Line = dict[str, Any]


def encoded(lines: bytes) -> bytes:
    """The stream as it goes over the wire."""
    stream = b""
    for line in lines.splitlines():
        found: Line = msgspec.json.decode(line)
        stream = next(apply for name, apply in _LINES.items() if name in found)(stream, found)
    return stream


def _event(stream: bytes, line: Line) -> bytes:
    return stream + _message({":event-type": line["event"]}, "event", line)


def _exception(stream: bytes, line: Line) -> bytes:
    return stream + _message({":exception-type": line["exception"]}, "exception", line)


def _error(stream: bytes, line: Line) -> bytes:
    return stream + _message({":error-code": line["error"]}, "error", line)


def _chunk(stream: bytes, line: Line) -> bytes:
    packed = base64.b64encode(msgspec.json.encode(line["chunk"])).decode()
    return stream + _message({":event-type": "chunk"}, "event", {"payload": {"bytes": packed, "p": "abcdef"}})


def _message(name: dict[str, str], kind: str, line: Line) -> bytes:
    payload = line["text"].encode() if "text" in line else msgspec.json.encode(line["payload"])
    return encode({**name, ":content-type": "application/json", ":message-type": kind}, payload)


def _cut(stream: bytes, line: Line) -> bytes:
    return stream[: -line["cut"]]


def _damage(stream: bytes, line: Line) -> bytes:
    at = len(stream) - line["damage"]
    return stream[:at] + bytes([stream[at] ^ 1]) + stream[at + 1 :]


_LINES: dict[str, Callable[[bytes, Line], bytes]] = {
    "event": _event,
    "exception": _exception,
    "error": _error,
    "chunk": _chunk,
    "cut": _cut,
    "damage": _damage,
}
