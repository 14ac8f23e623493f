"""A client of HTTP/2 over plain text, one request at a time, that may also behave badly."""

import socket

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

from tests.integration.gateway import KEY
from tests.integration.raw import Answer


class Http2Client:
    def __init__(self, port: int) -> None:
        self._answer = Answer(0, {}, b"", whole=False)
        self._socket = socket.create_connection(("127.0.0.1", port), 30.0)
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._connection.initiate_connection()

    def __enter__(self) -> "Http2Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, path: str, body: bytes | None, *, trailers: bool = False) -> Answer:
        """`body` None: no data frame at all, only headers and what may follow."""
        stream = self._connection.get_next_available_stream_id()
        self._answer = Answer(0, {}, b"", whole=False)
        self._connection.send_headers(stream, _headers(path), end_stream=body is None and not trailers)
        self._send_data(stream, body or b"", last=body is not None and not trailers)
        if trailers and not self._answer.whole:
            self._connection.send_headers(stream, [("x-checksum", "1")], end_stream=True)
        self._flush()
        while not self._answer.whole:
            self._receive()
        return self._answer

    def _send_data(self, stream: int, body: bytes, *, last: bool) -> None:
        while body and not self._answer.status:
            room = min(self._connection.local_flow_control_window(stream), self._connection.max_outbound_frame_size)
            if room:
                piece, body = body[:room], body[room:]
                self._connection.send_data(stream, piece, end_stream=last and not body)
                self._flush()
            else:
                self._receive()

    def _flush(self) -> None:
        self._socket.sendall(self._connection.data_to_send())

    def _receive(self) -> None:
        data = self._socket.recv(1 << 16)
        assert data, "the connection ended without an answer"
        for event in self._connection.receive_data(data):
            self._on(event)
        self._flush()

    def _on(self, event: Event) -> None:
        seen = self._answer
        match event:
            case ResponseReceived():
                headers = {str(name): str(value) for name, value in event.headers}
                self._answer = Answer(int(headers[":status"]), headers, b"", whole=False)
            case DataReceived():
                self._connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
                self._answer = Answer(seen.status, seen.headers, seen.body + (event.data or b""), whole=False)
            case StreamEnded() | StreamReset():
                assert seen.status, "the stream was reset without an answer"
                self._answer = Answer(seen.status, seen.headers, seen.body)


def _headers(path: str) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":path", path),
        (":scheme", "http"),
        (":authority", "gateway.test"),
        ("authorization", f"Bearer {KEY}"),
        ("content-type", "application/json"),
    ]
