"""Answers of every format for the tests of recording and replaying: golden ones, and the simulator's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.cache.record import recorder
from extproc.simulator import anthropic, openai
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call, Format

GOLDEN = Path(__file__).parent.parent / "golden"
MOST_BYTES = 1 << 20
_PAIRS = {"messages": MESSAGES, "anthropic": MESSAGES, "responses": RESPONSES, "openai": CHAT}
_PATHS = {CHAT: "/v1/chat/completions", COMPLETIONS: "/v1/completions", MESSAGES: "/v1/messages",
          RESPONSES: "/v1/responses"}  # fmt: skip


def golden_streams() -> Iterator[tuple[str, Endpoint, bytes]]:
    """Name, endpoint and caller's stream of each golden case that has one."""
    for path in sorted(GOLDEN.glob("*/*/caller.sse")):
        pair = path.parent.parent.name
        yield f"{pair}/{path.parent.name}", _PAIRS[pair.partition("_")[0]], path.read_bytes()


def golden_bodies() -> Iterator[tuple[str, Endpoint, bytes]]:
    """The same of whole answers to requests for text."""
    for path in sorted(GOLDEN.glob("*/*/caller.json")):
        pair = path.parent.parent.name
        body = path.read_bytes()
        if "embeddings" not in pair and pair != "rerank" and msgspec.json.decode(body).get("id"):
            yield f"{pair}/{path.parent.name}", _PAIRS[pair.partition("_")[0]], body


def record(endpoint: Endpoint, pieces: list[bytes], *, streamed: bool = True) -> bytes | None:
    found = recorder(endpoint, streamed=streamed, most_bytes=MOST_BYTES)
    for piece in pieces:
        found.feed(piece)
    return found.finish()


def simulated(endpoint: Endpoint, request: dict[str, Any], directives: Directives, *, stream: bool) -> bytes:
    """What the simulator answers, with the same id and time each time; a stream with its usage."""
    form: Format = anthropic.FORMAT if endpoint == MESSAGES else openai.FORMAT
    headers = {"authorization": "Bearer k", "x-api-key": "k", "anthropic-version": "2023-06-01"}
    asked = {"stream_options": {"include_usage": True}} if stream and endpoint in (CHAT, COMPLETIONS) else {}
    body = msgspec.json.encode({**request, **asked, "stream": stream})
    call = Call("POST", _PATHS[endpoint], {}, headers, body, token="0123456789abcdef0123456789abcdef", now=1790000000)
    reply = form.answer(call, directives)
    if reply.events is None:
        return reply.body
    return b"".join(event.frame(b"\n") for event in reply.events)
