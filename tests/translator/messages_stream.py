"""Streams of Messages events, read as a caller's SDK reads them."""

from collections.abc import Iterable
from typing import Any

import anthropic
import httpx2
import msgspec
from anthropic.types import Message


def events(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The names and documents of our own events: an event line, a data line, a blank line."""
    found = []
    for block in stream.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        document = msgspec.json.decode(data.removeprefix("data: "))
        assert document["type"] == name.removeprefix("event: ")
        found.append((document["type"], document))
    return found


def final_message(pieces: Iterable[bytes]) -> Message:
    """What the official client puts together of a stream. Raises anthropic.APIError for an error event."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=iter(pieces))

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(api_key="k", base_url="http://gateway", http_client=transport, max_retries=0)
    with client, client.messages.stream(model="chat", max_tokens=1, messages=[]) as stream:
        return stream.get_final_message()
