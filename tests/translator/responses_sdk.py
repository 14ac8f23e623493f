"""The official OpenAI SDK as a caller of the Responses API, its transport replaced by bytes of ours."""

from collections.abc import Iterable, Iterator
from typing import Any

import httpx2
import msgspec
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from extproc.wire import sse

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
# What the SDK's types do not have: `store` of the API's answers, `error` (where the API itself puts what an error event
# says), `obfuscation` of the API's deltas, and `name`, which was in the type before.
BESIDES = {"response": {"store"}, "error": {"error"}, "response.function_call_arguments.done": {"name"}}
_OBFUSCATED = {"obfuscation"}


class _Pieces(httpx2.SyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


def client(body: bytes, *, streamed: bool, size: int = 1 << 20) -> OpenAI:
    """A client whose every call is answered with `body`, `size` bytes at a time."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    content_type = "text/event-stream" if streamed else "application/json"

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": content_type}, stream=_Pieces(pieces))

    transport = httpx2.MockTransport(answer)
    return OpenAI(api_key="k", base_url="http://gateway", max_retries=0, http_client=httpx2.Client(transport=transport))


def events(stream: bytes) -> list[dict[str, Any]]:
    """The data of a Responses stream, each event's name checked against its type."""
    decoder, found = sse.Decoder(), []
    for event in decoder.feed(stream):
        document = msgspec.json.decode(event.data)
        assert event.event == document["type"]
        found.append(document)
    assert decoder.finish() == []
    return found


def check_event(document: dict[str, Any]) -> None:
    """Raises unless the SDK's own type of the event has every field, of exactly its type."""
    event = EVENT.validate_json(msgspec.json.encode(document), strict=True)
    assert event.type == document["type"]
    assert set(event.model_extra or ()) <= BESIDES.get(event.type, _OBFUSCATED)
    if hasattr(event, "response"):
        check_extras(event.response)


def check_response(body: bytes) -> Response:
    response = Response.model_validate_json(body, strict=True)
    check_extras(response)
    return response


def check_extras(response: Response) -> None:
    assert set(response.model_extra or ()) == BESIDES["response"]
    for item in response.output:
        assert not item.model_extra
        for part in getattr(item, "content", None) or ():
            assert not part.model_extra
