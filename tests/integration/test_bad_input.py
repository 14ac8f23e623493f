"""What a careless or hostile client sends: each gets a clear answer, and nothing reaches a provider unchecked."""

import gzip
import json
from collections.abc import Callable

import pytest

from tests.integration import raw
from tests.integration.gateway import LIMITED_KEY, Gateway
from tests.integration.http2 import Http2Client
from tests.integration.raw import CHAT, chat, chunked, head, request, send

LIMIT = 32 << 20
MODELS = "/v1/models"
RESPONSES = "/v1/responses"

Framed = Callable[[bytes], bytes]


def in_one_chunk(body: bytes) -> bytes:
    return chunked([body])


def received(gateway: Gateway) -> int:
    return sum(len(one.log) for one in gateway.simulators.by_name.values())


def refused(gateway: Gateway, data: bytes, status: int, method: str = "POST") -> raw.Answer:
    """The answer, which is an error of this status, and nothing was sent on."""
    answer = send(gateway.port, data, method)
    assert answer.status == status
    assert received(gateway) == 0
    return answer


# -- bodies -----------------------------------------------------------------------------------------------------------

BAD_BODIES = {
    "cut short": b'{"model":"gpt-4o-mini","messages":[',
    "two documents": chat() + chat(),
    "NaN": b'{"model":"gpt-4o-mini","messages":[],"temperature":NaN}',
    "invalid UTF-8": b'{"model":"gpt-4o-mini","messages":[],"user":"\xff\xfe"}',
    "UTF-16": chat().decode().encode("utf-16"),
    "a NUL": b"\x00",
    "white space": b" \r\n",
    "a list": b"[]",
    "a string": b'"gpt-4o-mini"',
    "null": b"null",
    "a repeated field": b'{"model":"gpt-4o-mini","model":"claude-sonnet-4-6","messages":[]}',
    "a repeated field, escaped": b'{"model":"gpt-4o-mini","mod\\u0065l":"claude-sonnet-4-6","messages":[]}',
    "deep nesting": b'{"model":"gpt-4o-mini","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep nesting, open": b'{"model":' + b"[" * 1_000_000,
    "gzip": gzip.compress(chat()),
    "stream as text": chat(stream="yes"),
    "stream_options as a number": chat(stream=True, stream_options=3),
    "stream_options for Anthropic": chat(model="claude-sonnet-4-6", stream=True, stream_options=[]),
    "messages as text, for Anthropic": json.dumps({"model": "claude-sonnet-4-6", "messages": "Hi"}).encode(),
    "no messages, for Anthropic": b'{"model":"claude-sonnet-4-6"}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_body(gateway: Gateway, body: bytes) -> None:
    assert refused(gateway, request(body), 400).error["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"{}", b'{"model":null}', b'{"model":1}', b'{"model":""}', b'{"model":["a"]}'])
def test_a_model_that_is_missing_or_no_name(gateway: Gateway, body: bytes) -> None:
    error = refused(gateway, request(body), 400).error
    assert (error["type"], error["param"]) == ("invalid_request_error", "model")


@pytest.mark.parametrize("body", [b"", b"\r\n"])
@pytest.mark.parametrize("framed", [request, in_one_chunk])
def test_no_body(gateway: Gateway, framed: Framed, body: bytes) -> None:
    assert refused(gateway, framed(body), 400).error["type"] == "invalid_request_error"


def test_neither_length_nor_body(gateway: Gateway) -> None:
    assert refused(gateway, head("POST", CHAT, {}), 400).error["message"] == "The request has no body."


def test_a_large_document_arrives_whole(gateway: Gateway) -> None:
    body = chat("word " * 6_000_000)
    answer = send(gateway.port, request(body))
    assert answer.status == 200
    (sent,) = gateway.simulator("openai").log
    assert sent.body == body


def test_a_large_document_fails_over_whole(gateway: Gateway) -> None:
    assert send(gateway.port, request(chat("word " * 4_000_000, "resilient"))).status == 200
    (sent,) = gateway.simulator("anthropic").log
    assert sent.header("content-length") == str(len(sent.body))
    assert json.loads(sent.body)["messages"][0]["content"][0]["text"] == "word " * 4_000_000


@pytest.mark.parametrize("framed", [request, in_one_chunk])
def test_a_body_over_the_limit(gateway: Gateway, framed: Framed) -> None:
    assert refused(gateway, framed(b"x" * (LIMIT + 1)), 413).error["code"] == "request_too_large"


def test_a_body_in_chunks_of_a_byte(gateway: Gateway) -> None:
    body = chat()
    assert send(gateway.port, chunked([bytes([byte]) for byte in body])).status == 200
    (sent,) = gateway.simulator("openai").log
    assert sent.body == body


def test_numbers_and_unknown_fields_stay_as_they_were_written(gateway: Gateway) -> None:
    body = b'{ "model" : "gpt-4o-mini", "messages":[{"role":"user","content":"\\u0048i"}], "top_p": 1.0,"x":1e400}'
    send(gateway.port, request(body))
    (sent,) = gateway.simulator("openai").log
    assert sent.body == body


# -- paths and methods ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v2/chat/completions",
        "/V1/chat/completions",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1/chat/completions;x=1",
        "/v1/chat%2fcompletions",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/files/../../admin",
        "/v1/files/%2e%2e/%2e%2e/admin",
        "/v1/files/%2e%2e%2fadmin",
        "/v1/files/..;/admin",
        "/v1/files\\..\\admin",
        "/v1/files//x",
    ],
)
def test_a_path_that_is_not_served(gateway: Gateway, path: str) -> None:
    assert refused(gateway, request(chat(), path), 404).error["code"] == "unknown_path"


@pytest.mark.parametrize(
    "path", [CHAT, "/v1/../v1/chat/completions", "/v1/./chat/completions", "/v1/%63hat/completions"]
)
def test_another_spelling_of_a_path_goes_to_the_same_place(gateway: Gateway, path: str) -> None:
    assert send(gateway.port, request(chat(), path)).status == 200
    (sent,) = gateway.simulator("openai").log
    assert sent.target == CHAT


def test_a_whole_url_does_not_choose_the_host(gateway: Gateway) -> None:
    send(gateway.port, request(chat(), f"http://evil.example.com{CHAT}"))
    (sent,) = gateway.simulator("openai").log
    assert (sent.header("host"), sent.target) == ("openai.example.com", CHAT)


def test_a_fragment(gateway: Gateway) -> None:
    assert refused(gateway, request(chat(), f"{CHAT}#x"), 400).error["type"] == "invalid_request_error"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_another_method(gateway: Gateway, method: str) -> None:
    assert refused(gateway, request(chat(), method=method), 404, method).error["code"] == "unknown_path"


def test_the_list_of_models_cannot_be_written(gateway: Gateway) -> None:
    assert refused(gateway, request(b"{}", MODELS), 404).error["code"] == "unknown_path"


def test_an_upgrade(gateway: Gateway) -> None:
    answer = send(gateway.port, request(path="/v1/realtime", method="GET", connection="upgrade", upgrade="websocket"))
    assert (answer.status in (400, 403), received(gateway)) == (True, 0)
    assert answer.error["type"] == "invalid_request_error"


def test_a_request_that_needs_no_body(gateway: Gateway) -> None:
    answer = send(gateway.port, head("GET", "/v1/files?limit=2", {}), "GET")
    assert (answer.status, answer.headers["x-gateway-backend"]) == (200, "openai")
    (sent,) = gateway.simulator("openai").log
    assert (sent.target, sent.header("authorization")) == ("/v1/files?limit=2", "Bearer credential-of-openai")


def test_no_host(gateway: Gateway) -> None:
    asked = request(chat()).replace(b"host: gateway.test\r\n", b"")
    assert refused(gateway, asked, 400).error["type"] == "invalid_request_error"


# -- who may do what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "text/plain"])
def test_a_model_is_checked_whatever_its_document_is_called(gateway: Gateway, content_type: str) -> None:
    body = json.dumps({"model": "smart", "input": "Hi"}).encode()
    asked = request(body, RESPONSES, key=LIMITED_KEY, content_type=content_type)
    assert refused(gateway, asked, 403).error["code"] == "model_not_allowed"


INTERNAL = {
    "x_llm_cluster": "anthropic",
    "x_llm_usage": "native",
    "x_llm_exchange": "1",
    "x_llm_worker": "/tmp/other.sock",
    "x_llm_phase": "attempt",
    "x_envoy_attempt_count": "5",
    "x_envoy_internal": "true",
    "x_envoy_max_retries": "9",
    "x_envoy_original_path": "/v1/messages",
    "x_envoy_retry_on": "retriable-4xx",
    "x_envoy_upstream_rq_timeout_ms": "1",
    "x_forwarded_for": "203.0.113.1",
    "x_forwarded_host": "evil.example.com",
}


def test_internal_headers_of_a_client_do_nothing(gateway: Gateway) -> None:
    answer = send(gateway.port, request(chat("Hello [[status=409 slow_headers=0.1]]"), **INTERNAL))
    assert answer.status == 409
    (sent,) = gateway.simulator("openai").log
    assert {name for name, _ in sent.headers} == {
        "host",
        "content-type",
        "content-length",
        "authorization",
        "x-request-id",
    }


@pytest.mark.parametrize("path", [CHAT, MODELS, "/v1/files", RESPONSES])
def test_internal_headers_are_no_key(gateway: Gateway, path: str) -> None:
    asked = request(chat(), path, key=None, **INTERNAL)
    assert refused(gateway, asked, 401).error["code"] == "invalid_api_key"


def test_the_request_id_is_not_the_clients_to_choose(gateway: Gateway) -> None:
    answer = send(gateway.port, request(chat(), x_request_id="mine"))
    (sent,) = gateway.simulator("openai").log
    assert answer.headers["x-request-id"] == sent.header("x-request-id") != "mine"


# -- HTTP/2 -----------------------------------------------------------------------------------------------------------


def test_http2(gateway: Gateway) -> None:
    with Http2Client(gateway.port) as client:
        answer = client.send(CHAT, chat())
    assert (answer.status, json.loads(answer.body)["object"]) == (200, "chat.completion")


def test_http2_trailers_behind_a_body(gateway: Gateway) -> None:
    with Http2Client(gateway.port) as client:
        assert client.send(CHAT, chat(), trailers=True).status == 200
    (sent,) = gateway.simulator("openai").log
    assert sent.body == chat()


def test_http2_trailers_without_a_body(gateway: Gateway) -> None:
    with Http2Client(gateway.port) as client:
        answer = client.send(CHAT, None, trailers=True)
    assert (answer.status, received(gateway)) == (400, 0)
    assert answer.error["type"] == "invalid_request_error"


def test_http2_over_the_limit(gateway: Gateway) -> None:
    with Http2Client(gateway.port) as client:
        answer = client.send(CHAT, b"x" * (LIMIT + 1))
    assert (answer.status, received(gateway)) == (413, 0)
    assert answer.error["code"] == "request_too_large"
