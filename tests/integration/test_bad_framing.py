"""What Envoy's codec refuses before there is a request: the answer arrives all the same, in OpenAI's shape."""

import pytest

from tests.integration.gateway import Gateway
from tests.integration.raw import CHAT, chat, head, request, send

MANY = {f"x-{number}": "1" for number in range(200)}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(chat(), x_large="a" * 70_000), 431),
        (head("POST", CHAT, {**MANY, "content-length": "2"}) + b"{}", 431),
        (head("POST", CHAT, {"content-length": "5", "transfer-encoding": "chunked"}) + b"0\r\n\r\n", 400),
        (head("POST", CHAT, {"content-length": "2", "Content-Length": "3"}) + b"{}", 400),
        (request(chat(), content_length="-1"), 400),
        (request(chat(), content_length="9" * 30), 400),
        (request(chat(), "/v1/files/a b"), 400),
        (request(chat(), method="FOO"), 400),
        (request(chat()).replace(b"HTTP/1.1", b"HTTP/1.0"), 426),
    ],
)
def test_what_is_not_http(gateway: Gateway, sent: bytes, status: int) -> None:
    answer = send(gateway.port, sent)
    assert answer.status == status
    assert answer.error["type"] == "invalid_request_error"
    assert not any(len(one.log) for one in gateway.simulators.by_name.values())
