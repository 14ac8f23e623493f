"""Between Envoy's messages and our events and actions, field by field."""

from collections.abc import Coroutine

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.json_format import MessageToDict

from extproc.errors import InternalError
from extproc.exchange.actions import BodyMode, Continue, Deliver, Metadata, Receive, RequestAction, Respond, Upstream
from extproc.exchange.events import (
    Attempt,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.genai.usage import TokenUsage
from extproc.pb import ext_proc_pb2 as pb
from extproc.pb import token_usage_pb2
from extproc.pb.priority_group_pb2 import PriorityGroupsOverride
from extproc.server import codec

TARGET = Upstream(
    path="/v1/chat/completions",
    authority="api.openai.com",
    headers=(("authorization", "Bearer x"),),
    remove=("x-api-key",),
    body=b'{"model":"m"}',
    clusters=("a", "b", "a"),
    metadata={"exchange": "id-1", "attempts": 2},
)


class FakeExchange:
    """Remembers the event, gives the action it was told to."""

    def __init__(self, action: object) -> None:
        self.action = action
        self.event: object = None

    async def request_headers(self, event: RequestHeaders) -> RequestAction:
        return self._take(event)

    async def request_body(self, event: RequestBody) -> RequestAction:
        return self._take(event)

    async def attempt(self, event: Attempt) -> Upstream:
        return self._take(event)

    async def judged(self, event: ResponseHeaders) -> None:
        """Nobody judges."""

    def response_headers(self, event: ResponseHeaders) -> Receive:
        return self._take(event)

    async def response_body(self, event: ResponseBody) -> Deliver:
        return self._take(event)

    def response_trailers(self, event: ResponseTrailers) -> Metadata:
        return self._take(event)

    def _take(self, event: object):
        self.event = event
        return self.action


def request(**fields: object) -> pb.ProcessingRequest:
    return pb.ProcessingRequest(**fields)


def header_map(**values: str) -> pb.HttpHeaders:
    sent = pb.HttpHeaders()
    for name, value in values.items():
        sent.headers.headers.add(key=name.replace("_", "-").replace("pseudo-", ":"), raw_value=value.encode())
    return sent


def with_attributes(message: pb.ProcessingRequest, **values: object) -> pb.ProcessingRequest:
    names = {
        "cluster": "xds.cluster_name",
        "attempt": "upstream.request_attempt_count",
        "details": "response.code_details",
    }
    message.attributes["envoy.filters.http.ext_proc"].update({names[name]: value for name, value in values.items()})
    return message


def _at_once(answer: Coroutine[None, None, bytes]) -> bytes:
    """Of something that waits for nothing."""
    try:
        answer.send(None)
    except StopIteration as ended:
        made: bytes = ended.value
        return made
    raise AssertionError("it waits")


def reply(exchange: FakeExchange, message: pb.ProcessingRequest, *, retry: bool = False) -> pb.ProcessingResponse:
    answer = codec.answer(exchange, message, retry=retry)  # type: ignore[arg-type]
    return pb.ProcessingResponse.FromString(_at_once(answer))


def set_headers(mutation: pb.HeaderMutation) -> dict[str, str]:
    assert all(not option.header.value for option in mutation.set_headers)  # Envoy reads raw_value only
    return {option.header.key: option.header.raw_value.decode() for option in mutation.set_headers}


def test_request_headers_are_read_and_let_through() -> None:
    exchange = FakeExchange(Continue())
    sent = header_map(pseudo_path="/v1/models", authorization="Bearer k")
    sent.end_of_stream = True
    answer = reply(exchange, request(request_headers=sent))
    assert exchange.event == RequestHeaders({":path": "/v1/models", "authorization": "Bearer k"}, end_of_stream=True)
    assert answer.WhichOneof("response") == "request_headers"
    assert not answer.request_headers.response.HasField("header_mutation")


CALLER_NAMES = {"address": "source.address", "uri": "connection.uri_san_peer_certificate"}


def from_caller(**attributes: str) -> pb.ProcessingRequest:
    message = request(request_headers=header_map())
    told = {CALLER_NAMES[name]: value for name, value in attributes.items()}
    message.attributes["envoy.filters.http.ext_proc"].update(told)
    return message


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ("192.0.2.1:4242", "192.0.2.1"),
        ("192.0.2.1:0", "192.0.2.1"),
        ("[2001:db8::1]:4242", "2001:db8::1"),
        ("/run/client.sock", ""),
        ("/run/a:1", ""),
        ("@abstract:1", ""),
        ("envoy://internal_client_address/", ""),
        ("", ""),
    ],
)
def test_a_callers_address_has_no_port(sent: str, address: str) -> None:
    exchange = FakeExchange(Continue())
    reply(exchange, from_caller(address=sent))
    assert exchange.event.source_address == address  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("uri", "spiffe_id"),
    [
        ("spiffe://prod.example/sa/a", "spiffe://prod.example/sa/a"),
        ("https://prod.example/", ""),
        ("SPIFFE://prod.example/sa/a", ""),
    ],
)
def test_only_a_spiffe_uri_of_a_certificate_is_an_id(uri: str, spiffe_id: str) -> None:
    exchange = FakeExchange(Continue())
    reply(exchange, from_caller(uri=uri))
    assert exchange.event.spiffe_id == spiffe_id  # type: ignore[attr-defined]


def test_payloads_of_tokens_become_plain_values() -> None:
    payload = {
        "sub": "ann",
        "level": 3,
        "half": 0.5,
        "yes": True,
        "no": None,
        "l": ["a", [1], {}],
        "deep": {"a": {"b": "c"}},
    }
    message = from_caller()
    message.metadata_context.filter_metadata["envoy.filters.http.jwt_authn"].update({"corp": payload, "partner": {}})
    message.metadata_context.filter_metadata["other"].update({"forged": payload})
    exchange = FakeExchange(Continue())
    reply(exchange, message)
    claims = exchange.event.claims  # type: ignore[attr-defined]
    assert claims == {"corp": payload, "partner": {}}
    assert claims.get("forged") is None
    assert "ann" not in repr(exchange.event)


def test_header_bytes_that_are_not_utf8_do_not_break_anything() -> None:
    exchange = FakeExchange(Continue())
    sent = pb.HttpHeaders()
    sent.headers.headers.add(key="x-odd", raw_value=b"caf\xe9\xff")
    reply(exchange, request(request_headers=sent))
    assert exchange.event == RequestHeaders({"x-odd": "café\xff"}, end_of_stream=False)


def test_the_first_attempt_is_sent_with_its_chain() -> None:
    answer = reply(FakeExchange(TARGET), request(request_body=pb.HttpBody(body=b"{}", end_of_stream=True)))
    common = answer.request_body.response
    assert set_headers(common.header_mutation) == {
        ":path": "/v1/chat/completions",
        ":authority": "api.openai.com",
        "authorization": "Bearer x",
        "x-llm-cluster": "a",
        "x-envoy-max-retries": "2",
        "content-length": "13",
    }
    assert list(common.header_mutation.remove_headers) == ["x-api-key"]
    assert common.clear_route_cache
    assert common.body_mutation.body == b'{"model":"m"}'
    assert MessageToDict(answer.dynamic_metadata) == {"llm": {"exchange": "id-1", "attempts": 2.0}}
    groups = PriorityGroupsOverride()
    assert answer.typed_dynamic_metadata["llm.groups"].Unpack(groups)
    assert [[(c.cluster_name, c.weight.value) for c in g.clusters] for g in groups.priority_groups] == [
        [("a", 1)],
        [("b", 1)],
        [("a", 1)],
    ]


def test_an_unchanged_body_is_not_sent_back() -> None:
    unchanged = Upstream("/p", "h", (), (), None, ("a",))
    common = reply(FakeExchange(unchanged), request(request_body=pb.HttpBody(body=b"{}"))).request_body.response
    assert common.body_mutation.WhichOneof("mutation") is None
    assert "content-length" not in set_headers(common.header_mutation)


def test_a_request_without_a_body_is_sent_from_its_headers() -> None:
    answer = reply(FakeExchange(Upstream("/p", "h", (), (), None, ("a",))), request(request_headers=header_map()))
    assert answer.WhichOneof("response") == "request_headers"
    assert set_headers(answer.request_headers.response.header_mutation)["x-llm-cluster"] == "a"


def test_a_later_attempt_replaces_headers_and_body_at_once() -> None:
    exchange = FakeExchange(TARGET)
    message = with_attributes(request(request_headers=header_map(pseudo_path="/old")), cluster="b", attempt=2)
    answer = reply(exchange, message, retry=True)
    assert exchange.event == Attempt("b", 2)
    common = answer.request_headers.response
    assert common.status == pb.CommonResponse.CONTINUE_AND_REPLACE
    assert common.body_mutation.body == b'{"model":"m"}'
    assert set_headers(common.header_mutation) == {
        ":path": "/v1/chat/completions",
        ":authority": "api.openai.com",
        "authorization": "Bearer x",
    }
    assert MessageToDict(answer.dynamic_metadata) == {
        "llm": {"exchange": "id-1", "attempts": 2.0, "content_length": "13"}
    }
    assert not answer.typed_dynamic_metadata


def test_response_headers_say_who_answered() -> None:
    exchange = FakeExchange(Receive(BodyMode.STREAMED, (("x-a", "1"),), ("set-cookie",), 502))
    sent = request(response_headers=header_map(pseudo_status="503", content_type="text/plain"))
    answer = reply(exchange, with_attributes(sent, cluster="b", attempt=2, details="via_upstream"))
    assert exchange.event == ResponseHeaders(
        503, {":status": "503", "content-type": "text/plain"}, False, "b", 2, "via_upstream"
    )
    mutation = answer.response_headers.response.header_mutation
    assert set_headers(mutation) == {"x-a": "1", ":status": "502"}
    assert list(mutation.remove_headers) == ["set-cookie"]
    assert answer.mode_override.response_body_mode == codec.ProcessingMode.STREAMED


def test_a_body_that_stays_in_envoy_needs_no_override() -> None:
    message = with_attributes(request(response_headers=header_map(pseudo_status="200")), cluster="a")
    assert not reply(FakeExchange(Receive(BodyMode.NONE)), message).HasField("mode_override")


@pytest.mark.parametrize(
    ("action", "mutation"),
    [
        (Deliver(None), None),
        (Deliver(b"new"), "body"),
        (Deliver(b""), "clear_body"),
        (Deliver(None, metadata={"a": 1}), None),
    ],
)
def test_a_piece_of_body_is_passed_changed_or_swallowed(action: Deliver, mutation: str | None) -> None:
    exchange = FakeExchange(action)
    answer = reply(exchange, request(response_body=pb.HttpBody(body=b"old", end_of_stream=True)))
    assert exchange.event == ResponseBody(b"old", end_of_stream=True)
    assert answer.WhichOneof("response") == "response_body"
    assert answer.response_body.response.body_mutation.WhichOneof("mutation") == mutation


def test_the_last_piece_brings_headers_status_and_metadata() -> None:
    action = Deliver(b"x", (("x-gateway-cost", "0.01"),), (), 502, {"cost_nano_usd": 7})
    answer = reply(FakeExchange(action), request(response_body=pb.HttpBody(body=b"old")))
    assert set_headers(answer.response_body.response.header_mutation) == {"x-gateway-cost": "0.01", ":status": "502"}
    assert MessageToDict(answer.dynamic_metadata) == {"llm": {"cost_nano_usd": 7.0}}


def test_trailers_bring_the_usage_that_envoy_extracted() -> None:
    usage = token_usage_pb2.TokenUsage()
    usage.input_tokens.value, usage.output_tokens.value = 10, 3
    usage.input_token_details.cached_tokens.value = 4
    usage.output_token_details.reasoning_tokens.value = 2
    message = request(response_trailers=pb.HttpTrailers())
    packed = Any()
    packed.Pack(usage)
    message.metadata_context.typed_filter_metadata["envoy.ai.token_usage"].CopyFrom(packed)
    exchange = FakeExchange({"cost_nano_usd": 7})
    answer = reply(exchange, message)
    assert exchange.event == ResponseTrailers(
        TokenUsage(input_tokens=10, output_tokens=3, cache_read_input_tokens=4, reasoning_output_tokens=2)
    )
    assert answer.WhichOneof("response") == "response_trailers"


def test_trailers_without_usage_bring_none() -> None:
    exchange = FakeExchange({})
    reply(exchange, request(response_trailers=pb.HttpTrailers()))
    assert exchange.event == ResponseTrailers(None)


def test_an_answer_of_our_own() -> None:
    action = Respond(429, (("content-type", "application/json"),), b'{"error":{}}', "rate_limit", {"key": "dev"})
    answer = pb.ProcessingResponse.FromString(codec.respond(action))
    immediate = answer.immediate_response
    assert (immediate.status.code, immediate.body, immediate.details) == (429, b'{"error":{}}', "rate_limit")
    assert set_headers(immediate.headers) == {"content-type": "application/json"}
    assert MessageToDict(answer.dynamic_metadata) == {"llm": {"immediate": "true", "key": "dev"}}


def test_a_message_we_never_asked_for_is_a_defect() -> None:
    with pytest.raises(InternalError):
        reply(FakeExchange(None), request(request_trailers=pb.HttpTrailers()))
