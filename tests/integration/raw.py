"""HTTP as a badly behaved client writes it: bytes on a socket."""

import contextlib
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse, IncompleteRead
from typing import Any

from tests.integration.gateway import KEY

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Answer:
    """`whole` is false for a body that the connection's end cut short."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    @property
    def error(self) -> dict[str, Any]:
        """The error object of OpenAI's shape; fails for any other body."""
        assert self.headers["content-type"] == "application/json"
        document = json.loads(self.body)
        assert document.keys() == {"error"}
        error: dict[str, Any] = document["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["message"]
        return error


def head(method: str, path: str, headers: Mapping[str, str], *, key: str | None = KEY) -> bytes:
    """Request line and headers, with what every good request has."""
    usual = {"host": "gateway.test", "content-type": "application/json", "connection": "close"}
    credential = {"authorization": f"Bearer {key}"} if key is not None else {}
    lines = [f"{name}: {value}" for name, value in {**usual, **credential, **headers}.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def request(
    body: bytes = b"", path: str = CHAT, method: str = "POST", *, key: str | None = KEY, **headers: str
) -> bytes:
    """A whole request of a stated length. Underscores in names of `headers` are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return head(method, path, {"content-length": str(len(body)), **named}, key=key) + body


def chunked(pieces: Iterable[bytes], path: str = CHAT) -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return head("POST", path, {"transfer-encoding": "chunked"}) + framed + b"0\r\n\r\n"


def chat(content: str = "Hello", model: str = "gpt-4o-mini", **fields: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}], **fields}).encode()


def send(port: int, data: bytes, method: str = "POST", timeout: float = 30.0) -> Answer:
    """Writes the bytes on a connection of their own and reads the answer to them."""
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was read
            sock.sendall(data)
        return read(sock, method)


def read(sock: socket.socket, method: str = "POST") -> Answer:
    with HTTPResponse(sock, method=method) as response:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        try:
            return Answer(response.status, headers, response.read())
        except IncompleteRead as error:
            return Answer(response.status, headers, error.partial, whole=False)
