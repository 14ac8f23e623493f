"""Callers that speak another format than OpenAI chat, in front of any backend.

OpenAI chat is the hub. A `Front` turns its caller's request into a chat `Call`, and chat answers into its caller's
format; with the chat translator of a backend it makes a `Translator` for every pair, so that N callers' formats and M
backends' formats need N + M files.
"""

from typing import Protocol

from extproc.config.model import Target
from extproc.errors import UpstreamError
from extproc.translator.base import Call, Outcome, Response, Translator, UpstreamRequest


class Front(Protocol):
    """One caller's format, seen from OpenAI chat."""

    def chat(self, call: Call) -> Call:
        """The same request as OpenAI chat, with `wants_usage` where it streams. Raises InvalidRequest."""
        ...

    def response(self, call: Call, *, streamed: bool) -> Response:
        """The transformer from an OpenAI chat answer (a stream of chunks, or a whole document) to the caller's format.

        `call` is the caller's own. An error event in the stream becomes the caller's. Its outcome is not read.
        """
        ...


class Composed:
    """A front and a backend's chat translator as one."""

    identity = False

    def __init__(self, front: Front, back: Translator) -> None:
        self._front = front
        self._back = back

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        return self._back.request(self._front.chat(call), target)

    def response(self, call: Call, *, streamed: bool) -> Response:
        back = self._back.response(self._front.chat(call), streamed=streamed)
        return _Chained(back, self._front.response(call, streamed=streamed))

    def error(self, status: int, body: bytes) -> UpstreamError:
        return self._back.error(status, body)


class _Chained:
    """Two responses, the second fed by the first. What came of it is what the backend's side saw."""

    def __init__(self, back: Response, front: Response) -> None:
        self._back = back
        self._front = front

    @property
    def outcome(self) -> Outcome:
        return self._back.outcome

    def feed(self, data: bytes) -> bytes:
        chat = self._back.feed(data)
        return self._front.feed(chat) if chat else b""

    def finish(self) -> bytes:
        rest = self._back.finish()
        return (self._front.feed(rest) if rest else b"") + self._front.finish()
