"""A provider that answers every request with the same bytes, whatever they are, and hangs up."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator, Mapping


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(self.server.answer)  # type: ignore[attr-defined]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    answer = b""


@contextlib.contextmanager
def answering(*answers: bytes) -> Iterator[list[int]]:
    """A port for each answer."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(_Server(("127.0.0.1", 0), _Handler)) for _ in answers]
        for server, answer in zip(servers, answers, strict=True):
            server.answer = answer
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.shutdown)
        yield [server.server_address[1] for server in servers]


def response(
    body: bytes,
    content_type: str = "application/json",
    status: str = "200 OK",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """An answer with a length. Without one (`unending`) the end of the connection ends the body."""
    return unending(body, content_type, status, {"content-length": str(len(body)), **(headers or {})})


def unending(
    body: bytes,
    content_type: str = "text/event-stream",
    status: str = "200 OK",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    named = {"content-type": content_type, "connection": "close", **(headers or {})}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode() + body
