"""One exchange, as the server runs it: what is asked of Envoy, what the caller gets, and what is recorded."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from extproc.config.model import Model, Target, UnknownPrice, UsageExtraction
from extproc.errors import (
    ConfigError,
    CredentialUnavailable,
    GatewayError,
    InvalidRequest,
    NoBackendAvailable,
    NotFound,
    PermissionDenied,
    RequestTooLarge,
    Unauthenticated,
    UpstreamError,
)
from extproc.exchange.actions import BodyMode, Continue, Deliver, Respond, Upstream
from extproc.exchange.events import (
    Attempt,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.genai.usage import TokenUsage
from extproc.pipeline.processor import Exchange
from extproc.telemetry.record import DataPath
from tests.pipeline.conftest import ANTHROPIC, GATEWAY, OPENAI, FakeClock, Records

Begin = Callable[..., Exchange]
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = (
    b'{"id":"c","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"Hello there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100}}'
)
HELLO = b'data: {"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Hello "}}]}\n\n'
THERE = b'data: {"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"there"}}]}\n\n'
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}\n\n'
DONE = b"data: [DONE]\n\n"


def headers(path: str = "/v1/chat/completions", key: str = "sk-test", **more: str) -> RequestHeaders:
    sent = {":method": "POST", ":path": path, "authorization": f"Bearer {key}", "content-type": "application/json"}
    return RequestHeaders({**sent, "x-request-id": "r-1", **more}, end_of_stream=False)


def body(**changes: object) -> RequestBody:
    return RequestBody(json.dumps({**CHAT, **changes}, separators=(",", ":")).encode())


def answered(
    status: int = 200,
    content_type: str = "application/json",
    cluster: str = "openai-cluster",
    attempt: int = 1,
    details: str = "via_upstream",
    **more: str,
) -> ResponseHeaders:
    sent = {":status": str(status), "content-type": content_type, **{k.replace("_", "-"): v for k, v in more.items()}}
    return ResponseHeaders(status, sent, False, cluster, attempt, details)


async def admitted(begin: Begin, **changes: object) -> tuple[Exchange, Upstream]:
    exchange = begin()
    assert await exchange.request_headers(headers()) == Continue()
    action = await exchange.request_body(body(**changes))
    assert isinstance(action, Upstream)
    return exchange, action


# -- the request ------------------------------------------------------------------------------------------------------


async def test_a_request_goes_to_its_backend_with_the_backends_credential(begin: Begin) -> None:
    _, action = await admitted(begin)
    assert action.path == "/v1/chat/completions"
    assert action.authority == "api.openai.com"
    assert action.headers == (("authorization", "Bearer sk-openai-secret"),)
    assert {"x-api-key", "api-key", "x-goog-api-key", "cookie"} <= set(action.remove)
    assert "authorization" not in action.remove
    assert action.body is None
    assert action.clusters == ("openai-cluster", "openai-cluster")
    assert action.metadata == {
        "exchange": "exchange-1",
        "worker": "/run/w0.sock",
        "key": "dev",
        "team": "platform",
        "model": "gpt-4o",
        "backend": "openai",
        "provider": "openai",
        "upstream_model": "gpt-4o",
    }


async def test_a_chain_names_its_clusters_in_order(begin: Begin) -> None:
    _, action = await admitted(begin, model="smart")
    assert action.clusters == ("openai-cluster", "anthropic-cluster")
    assert json.loads(action.body or b"")["model"] == "gpt-4o"


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key", "x-goog-api-key"])
async def test_a_key_is_taken_from_the_header_of_any_sdk(begin: Begin, name: str) -> None:
    sent = {":method": "POST", ":path": "/v1/chat/completions", name: "sk-test"}
    assert await begin().request_headers(RequestHeaders(sent, end_of_stream=False)) == Continue()


@pytest.mark.parametrize(
    "key", ["", "sk-wrong", "sk-test ", "sk-testt", "x" * 10_000, "sk-old", "' OR 1=1 --", "\r\nx"]
)
async def test_a_bad_key_is_refused_before_the_body_is_read(begin: Begin, key: str) -> None:
    if key == "sk-test ":
        key = "sk test"
    with pytest.raises(Unauthenticated) as caught:
        await begin().request_headers(headers(key=key))
    assert caught.value.status == 401
    assert caught.value.code == "invalid_api_key"
    if key:
        assert key not in caught.value.message


async def test_a_key_may_use_its_own_models_only(begin: Begin) -> None:
    exchange = begin()
    await exchange.request_headers(headers(key="sk-limited"))
    with pytest.raises(PermissionDenied) as caught:
        await exchange.request_body(body(model="smart"))
    assert (caught.value.status, caught.value.code) == (403, "model_not_allowed")


async def test_an_unknown_model_is_not_found(begin: Begin) -> None:
    exchange = begin()
    await exchange.request_headers(headers())
    with pytest.raises(NotFound) as caught:
        await exchange.request_body(body(model='no"such'))
    assert caught.value.message == "The model 'no\"such' does not exist here."


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v2/chat/completions", "/v1/chat", "/v1/unknown", "/v1/files/../chat/completions", "/v1/files//x"],
)
async def test_an_unknown_path_is_not_found(begin: Begin, path: str) -> None:
    with pytest.raises(NotFound) as caught:
        await begin().request_headers(headers(path))
    assert caught.value.code == "unknown_path"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "The request has no body: a JSON object is expected."),
        (b"[]", "The request body must be a JSON object."),
        (b"{}", "You must provide a model parameter."),
        (b'{"model":7}', "'model' must be a string."),
        (b'{"model":""}', "'model' must be the name of a model."),
        (b'{"model":"gpt-4o","stream":"yes"}', "'stream' must be true or false."),
        (b'{"model":"a","model":"b"}', "The request body gives a field more than once."),
    ],
)
async def test_a_malformed_request_is_the_callers_mistake(begin: Begin, sent: bytes, message: str) -> None:
    exchange = begin()
    await exchange.request_headers(headers())
    with pytest.raises(InvalidRequest) as caught:
        await exchange.request_body(RequestBody(sent))
    assert caught.value.message == message


async def test_a_generation_request_needs_a_body(begin: Begin) -> None:
    with pytest.raises(InvalidRequest):
        await begin().request_headers(replace(headers(), end_of_stream=True))


async def test_a_body_over_the_limit_is_refused_by_its_declared_length(begin: Begin) -> None:
    with pytest.raises(RequestTooLarge):
        await begin().request_headers(headers(**{"content-length": str((32 << 20) + 1)}))


async def test_a_body_over_the_limit_is_refused_by_its_size(begin: Begin) -> None:
    exchange = begin(replace(GATEWAY, max_request_bytes=10))
    await exchange.request_headers(headers())
    with pytest.raises(RequestTooLarge):
        await exchange.request_body(body())


async def test_models_lists_what_the_key_may_use(begin: Begin) -> None:
    action = await begin().request_headers(headers("/v1/models", key="sk-limited", **{":method": "GET"}))
    assert isinstance(action, Respond)
    assert [model["id"] for model in json.loads(action.body)["data"]] == ["gpt-4o"]


async def test_one_model_is_shown_by_name(begin: Begin) -> None:
    action = await begin().request_headers(headers("/v1/models/claude", **{":method": "GET"}))
    assert isinstance(action, Respond)
    assert json.loads(action.body) == {"id": "claude", "object": "model", "created": 0, "owned_by": "anthropic"}


async def test_a_file_upload_passes_to_the_backend_that_owns_files(begin: Begin) -> None:
    exchange = begin()
    await exchange.request_headers(headers("/v1/files", **{"content-type": "multipart/form-data; boundary=x"}))
    action = await exchange.request_body(RequestBody(b"--x\r\n"))
    assert isinstance(action, Upstream)
    assert (action.path, action.body) == ("/v1/files", None)


async def test_a_listing_without_a_body_passes_too(begin: Begin) -> None:
    action = await begin().request_headers(replace(headers("/v1/files?limit=2"), end_of_stream=True))
    assert isinstance(action, Upstream)
    assert action.path == "/v1/files?limit=2"


async def test_pass_through_is_off_without_an_owner(begin: Begin) -> None:
    exchange = begin(replace(GATEWAY, passthrough=None))
    with pytest.raises(NotFound):
        await exchange.request_headers(replace(headers("/v1/files"), end_of_stream=True))


async def test_embeddings_are_not_sent_to_a_format_that_has_none(begin: Begin) -> None:
    exchange = begin()
    await exchange.request_headers(headers("/v1/embeddings"))
    with pytest.raises(NotFound) as caught:
        await exchange.request_body(RequestBody(b'{"model":"claude","input":"x"}'))
    assert caught.value.message == "The model 'claude' does not serve this endpoint."


async def test_a_target_that_cannot_express_the_request_is_passed_over(begin: Begin) -> None:
    gateway = replace(GATEWAY, models=(Model("m", (Target(ANTHROPIC, "claude-sonnet-4-6"), Target(OPENAI, "gpt-4o"))),))
    exchange = begin(gateway)
    await exchange.request_headers(headers())
    action = await exchange.request_body(body(model="m", n=2))
    assert isinstance(action, Upstream)
    assert action.clusters == ("openai-cluster", "openai-cluster")


# -- wildcard models --------------------------------------------------------------------------------------------------


async def test_a_wildcard_model_fills_in_the_callers_name(begin: Begin) -> None:
    gateway = replace(GATEWAY, models=(Model("openai/*", (Target(OPENAI, "*"),), prefix="openai/"),))
    exchange = begin(gateway)
    await exchange.request_headers(headers())
    action = await exchange.request_body(body(model="openai/gpt-4o"))
    assert isinstance(action, Upstream)
    assert json.loads(action.body or b"")["model"] == "gpt-4o"


async def test_a_wildcards_name_is_the_label_not_the_callers(begin: Begin, records: Records) -> None:
    gateway = replace(GATEWAY, models=(Model("openai/*", (Target(OPENAI, "*"),), prefix="openai/"),))
    exchange = begin(gateway)
    await exchange.request_headers(headers())
    await exchange.request_body(body(model="openai/made-up"))
    exchange.close()
    assert records[0].model == "openai/*"


# -- later attempts ---------------------------------------------------------------------------------------------------


async def test_a_later_attempt_speaks_the_format_of_its_own_backend(begin: Begin) -> None:
    exchange, first = await admitted(begin, model="smart")
    second = await exchange.attempt(Attempt("anthropic-cluster", 2))
    assert (second.path, second.authority) == ("/v1/messages", "api.anthropic.com")
    assert ("x-api-key", "sk-ant-secret") in second.headers
    assert "authorization" in second.remove
    assert "sk-openai-secret" not in repr(second)
    assert "sk-ant-secret" not in repr(first)
    assert json.loads(second.body or b"")["model"] == "claude-sonnet-4-6"


async def test_headers_of_one_attempt_are_removed_in_the_next(begin: Begin) -> None:
    gateway = replace(
        GATEWAY,
        models=(
            Model(
                "m",
                (
                    Target(replace(OPENAI, headers=(("x-vendor", "a"),)), "gpt-4o"),
                    Target(ANTHROPIC, "claude-sonnet-4-6"),
                    Target(OPENAI, "gpt-4o"),
                ),
            ),
        ),
    )
    exchange = begin(gateway)
    await exchange.request_headers(headers())
    await exchange.request_body(body(model="m"))
    second = await exchange.attempt(Attempt("anthropic-cluster", 2))
    assert {"x-vendor", "authorization"} <= set(second.remove)
    third = await exchange.attempt(Attempt("openai-cluster", 3))
    assert {"x-vendor", "x-api-key", "anthropic-version"} <= set(third.remove)


async def test_a_repeated_attempt_is_given_the_callers_body_again(begin: Begin) -> None:
    exchange, _ = await admitted(begin)
    assert (await exchange.attempt(Attempt("openai-cluster", 2))).body == body().body


async def test_a_target_that_cannot_express_the_request_is_no_fallback(begin: Begin) -> None:
    _, action = await admitted(begin, model="smart", n=2)
    assert action.clusters == ("openai-cluster", "openai-cluster")


async def test_a_refused_attempt_is_what_the_caller_is_told(begin: Begin) -> None:
    exchange, _ = await admitted(begin, model="smart")
    refusal = CredentialUnavailable("not now")
    exchange.refuse(refusal)
    with pytest.raises(CredentialUnavailable) as again:
        exchange.response_headers(answered(503, attempt=2, details="credential_unavailable"))
    assert again.value is refusal


# -- the response -----------------------------------------------------------------------------------------------------


async def test_a_whole_answer_comes_in_one_message_and_is_accounted(
    begin: Begin, records: Records, clock: FakeClock
) -> None:
    exchange, _ = await admitted(begin)
    clock.now = 101.5
    received = exchange.response_headers(answered(content_length=str(len(ANSWER))))
    assert received.mode is BodyMode.BUFFERED
    assert received.headers == (
        ("x-gateway-model", "gpt-4o"),
        ("x-gateway-backend", "openai"),
        ("x-gateway-provider", "openai"),
        ("x-gateway-attempts", "1"),
    )
    assert "content-length" not in received.remove
    delivered = await exchange.response_body(ResponseBody(ANSWER, end_of_stream=True))
    assert delivered.body is None
    assert delivered.headers == (("x-gateway-cost", "0.0035"),)
    assert delivered.metadata == {
        "key": "dev",
        "team": "platform",
        "model": "gpt-4o",
        "backend": "openai",
        "provider": "openai",
        "upstream_model": "gpt-4o",
        "data_path": "count",
        "input_tokens": 1000,
        "output_tokens": 100,
        "cached_tokens": 0,
        "cost_nano_usd": 3_500_000,
    }
    exchange.close()
    exchange.close()
    (record,) = records
    assert record.usage == TokenUsage(input_tokens=1000, output_tokens=100)
    assert record.cost == 3_500_000
    assert record.duration == 1.5
    assert (record.status, record.error_type, record.data_path) == (200, "", DataPath.COUNT)


async def test_a_buffered_body_is_complete_though_trailers_follow(begin: Begin) -> None:
    exchange, _ = await admitted(begin)
    exchange.response_headers(answered(content_length=str(len(ANSWER))))
    delivered = await exchange.response_body(ResponseBody(ANSWER, end_of_stream=False))
    assert delivered.metadata["output_tokens"] == 100


async def test_a_long_answer_of_unknown_length_comes_in_pieces(begin: Begin) -> None:
    exchange, _ = await admitted(begin)
    assert exchange.response_headers(answered()).mode is BodyMode.STREAMED
    assert await exchange.response_body(ResponseBody(ANSWER[:50], end_of_stream=False)) == Deliver(None)
    assert await exchange.response_body(ResponseBody(ANSWER[50:], end_of_stream=False)) == Deliver(None)
    last = await exchange.response_body(ResponseBody(b"", end_of_stream=True))
    assert last.body is None
    assert last.headers == ()
    assert last.metadata["input_tokens"] == 1000


async def test_a_stream_passes_without_the_usage_nobody_asked_for(
    begin: Begin, records: Records, clock: FakeClock
) -> None:
    exchange, action = await admitted(begin, stream=True)
    assert json.loads(action.body or b"")["stream_options"] == {"include_usage": True}
    received = exchange.response_headers(answered(content_type="text/event-stream; charset=utf-8"))
    assert received.mode is BodyMode.STREAMED
    assert ("cache-control", "no-cache") in received.headers
    clock.now = 100.25
    assert await exchange.response_body(ResponseBody(HELLO, end_of_stream=False)) == Deliver(None)
    clock.now = 100.75
    assert await exchange.response_body(ResponseBody(THERE + USAGE + DONE, end_of_stream=False)) == Deliver(
        THERE + DONE
    )
    last = await exchange.response_body(ResponseBody(b"", end_of_stream=True))
    assert last.metadata["cost_nano_usd"] == 3_500_000
    exchange.close()
    (record,) = records
    assert record.time_to_first_chunk == 0.25
    assert record.time_per_output_chunk == 0.5
    assert record.finish_reasons == ()


async def test_a_caller_who_leaves_is_billed_for_what_was_produced(begin: Begin, records: Records) -> None:
    exchange, _ = await admitted(begin, stream=True)
    exchange.response_headers(answered(content_type="text/event-stream"))
    await exchange.response_body(ResponseBody(HELLO, end_of_stream=False))
    exchange.close()
    (record,) = records
    assert record.error_type == "cancelled"
    assert record.usage == TokenUsage(input_tokens=1, output_tokens=1, estimated=True)
    assert record.cost == 2_500 + 10_000


async def test_a_caller_who_leaves_before_the_answer_pays_for_what_was_asked(begin: Begin, records: Records) -> None:
    exchange, _ = await admitted(begin)
    exchange.close()
    (record,) = records
    assert record.usage == TokenUsage(input_tokens=1, estimated=True)
    assert (record.error_type, record.cost, record.status) == ("cancelled", 2500, 0)


async def test_a_provider_without_usage_is_counted(begin: Begin, records: Records) -> None:
    exchange, _ = await admitted(begin)
    exchange.response_headers(answered(content_length="100"))
    await exchange.response_body(ResponseBody(b'{"choices":[{"message":{"content":"three little words"}}]}', True))
    exchange.close()
    assert records[0].usage == TokenUsage(input_tokens=1, output_tokens=3, estimated=True)


async def test_an_answer_in_another_format_is_translated(begin: Begin) -> None:
    exchange, _ = await admitted(begin, model="claude")
    received = exchange.response_headers(answered(cluster="anthropic-cluster", content_length="300"))
    assert {"content-length", "anthropic-organization-id"} <= set(received.remove)
    sent = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 2},
    }
    delivered = await exchange.response_body(ResponseBody(json.dumps(sent).encode(), True))
    said = json.loads(delivered.body or b"")
    assert said["object"] == "chat.completion"
    assert said["created"] == 1_700_000_000
    assert said["choices"][0]["message"]["content"] == "Hello"
    assert delivered.metadata["data_path"] == "translate"


async def test_a_fallback_is_named_to_the_caller_and_in_the_record(begin: Begin, records: Records) -> None:
    exchange, _ = await admitted(begin, model="smart")
    await exchange.attempt(Attempt("anthropic-cluster", 2))
    received = exchange.response_headers(answered(cluster="anthropic-cluster", attempt=2, content_length="2"))
    assert ("x-gateway-fallback", "openai") in received.headers
    assert ("x-gateway-attempts", "2") in received.headers
    exchange.close()
    assert (records[0].backend, records[0].fallback_from, records[0].attempts) == ("anthropic", "openai", 2)


async def test_anthropics_errors_name_the_request(begin: Begin) -> None:
    exchange = begin()
    await exchange.request_headers(headers("/v1/messages"))
    asked = {"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    await exchange.request_body(RequestBody(json.dumps(asked).encode()))
    exchange.response_headers(answered(status=429, content_length="33"))
    action = await exchange.response_body(ResponseBody(b'{"error":{"message":"Slow down."}}', end_of_stream=True))
    assert action.body is not None
    assert json.loads(action.body) == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Slow down."},
        "request_id": "r-1",
    }
    assert json.loads(exchange.refuse(NotFound("No.")).body)["request_id"] == "r-1"


async def test_a_providers_error_keeps_its_status_and_message(begin: Begin, records: Records) -> None:
    exchange, _ = await admitted(begin)
    received = exchange.response_headers(answered(429, content_length="60", retry_after="7"))
    assert (received.mode, received.status) == (BodyMode.BUFFERED, 429)
    assert "retry-after" not in received.remove
    error = {"error": {"message": "Slow down", "type": "tokens", "code": "rate_limit_exceeded", "param": None}}
    delivered = await exchange.response_body(ResponseBody(json.dumps(error).encode(), True))
    assert json.loads(delivered.body or b"") == error
    exchange.close()
    assert (records[0].status, records[0].usage, records[0].error_type) == (429, None, "upstream_error")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_provider_credential_does_not_look_like_the_callers_key(begin: Begin, status: int) -> None:
    exchange, _ = await admitted(begin)
    received = exchange.response_headers(answered(status, content_length="80"))
    assert received.status == 502
    leak = {"error": {"message": "Incorrect API key provided: sk-openai-secret", "code": "invalid_api_key"}}
    delivered = await exchange.response_body(ResponseBody(json.dumps(leak).encode(), True))
    assert json.loads(delivered.body or b"")["error"] == {
        "message": "The provider openai refused the gateway's credential.",
        "type": "upstream_error",
        "param": None,
        "code": "upstream_authentication",
    }


async def test_an_html_error_page_becomes_an_error_object(begin: Begin) -> None:
    exchange, _ = await admitted(begin)
    received = exchange.response_headers(answered(502, "text/html", content_length="20"))
    assert ("content-type", "application/json") in received.headers
    delivered = await exchange.response_body(ResponseBody(b"<html>Bad</html>", True))
    assert json.loads(delivered.body or b"")["error"]["type"] == "upstream_error"
    assert b"html" not in (delivered.body or b"")


@pytest.mark.parametrize(
    ("status", "details", "error"),
    [
        (503, "no_healthy_upstream", NoBackendAvailable),
        (503, "upstream_reset_before_response_started{connection_termination}", NoBackendAvailable),
        (504, "response_timeout", UpstreamError),
        (408, "stream_idle_timeout", UpstreamError),
        (413, "request_payload_too_large", RequestTooLarge),
    ],
)
async def test_envoys_own_answers_become_ours(
    begin: Begin, status: int, details: str, error: type[GatewayError]
) -> None:
    exchange, _ = await admitted(begin)
    with pytest.raises(error):
        exchange.response_headers(answered(status, "text/plain", details=details))


async def test_a_response_from_outside_the_chain_is_not_delivered(begin: Begin) -> None:
    exchange, _ = await admitted(begin)
    with pytest.raises(NoBackendAvailable):
        exchange.response_headers(answered(cluster="somewhere-else"))


async def test_a_body_that_python_need_not_see_stays_in_envoy(begin: Begin, records: Records) -> None:
    exchange = begin()
    await exchange.request_headers(headers("/v1/audio/speech"))
    await exchange.request_body(RequestBody(b'{"model":"gpt-4o","input":"x"}'))
    received = exchange.response_headers(answered(content_type="audio/mpeg"))
    assert received.mode is BodyMode.NONE
    exchange.close()
    assert (records[0].error_type, records[0].data_path) == ("", DataPath.PASS_THROUGH)


NATIVE = replace(GATEWAY, usage_extraction=UsageExtraction.NATIVE)
ASKED = {"stream": True, "stream_options": {"include_usage": True}}


async def streamed_natively(begin: Begin) -> Exchange:
    exchange = begin(NATIVE)
    await exchange.request_headers(headers())
    action = await exchange.request_body(body(**ASKED))
    assert isinstance(action, Upstream)
    assert action.native_usage
    received = exchange.response_headers(answered(content_type="text/event-stream"))
    assert (received.mode, received.trailers) == (BodyMode.NONE, True)
    return exchange


@pytest.mark.parametrize("changes", [{}, {"stream": True}, {"model": "smart", **ASKED}, {"model": "claude", **ASKED}])
async def test_envoy_reads_no_usage_where_the_body_has_to_come_here(begin: Begin, changes: dict[str, object]) -> None:
    exchange = begin(NATIVE)
    await exchange.request_headers(headers())
    action = await exchange.request_body(body(**changes))
    assert isinstance(action, Upstream)
    assert not action.native_usage


async def test_usage_that_never_came_is_counted_as_far_as_it_can_be(begin: Begin, records: Records) -> None:
    exchange = await streamed_natively(begin)
    exchange.close()
    assert records[0].error_type == "usage_missing"
    assert records[0].usage == TokenUsage(input_tokens=1, estimated=True)


async def test_usage_that_envoy_extracted_is_accounted(begin: Begin, records: Records) -> None:
    exchange = await streamed_natively(begin)
    metadata = exchange.response_trailers(ResponseTrailers(TokenUsage(input_tokens=1000, output_tokens=100)))
    assert metadata["cost_nano_usd"] == 3_500_000
    exchange.close()
    assert records[0].cost == 3_500_000


async def test_an_unknown_content_encoding_is_an_error_not_garbage(begin: Begin) -> None:
    exchange, _ = await admitted(begin)
    with pytest.raises(UpstreamError):
        exchange.response_headers(answered(content_encoding="zstd-x"))


async def test_a_truncated_gzip_answer_is_an_error(begin: Begin) -> None:
    exchange, _ = await admitted(begin)
    exchange.response_headers(answered(content_encoding="gzip", content_length="10"))
    delivered = await exchange.response_body(ResponseBody(b"\x1f\x8b\x08\x00\x00", True))
    assert delivered.status == 502
    assert json.loads(delivered.body or b"")["error"]["message"] == "The provider's response could not be decompressed."


# -- refusals and defects ---------------------------------------------------------------------------------------------


def test_a_refusal_is_recorded_with_its_status(begin: Begin, records: Records) -> None:
    exchange = begin()
    error = Unauthenticated("no")
    action = exchange.refuse(error)
    assert action.status == 401
    assert json.loads(action.body)["error"]["code"] == "invalid_api_key"
    exchange.close()
    assert (records[0].status, records[0].error_type, records[0].model) == (401, "invalid_api_key", "")


def test_a_model_without_a_price_is_named_when_such_are_denied(begin: Begin) -> None:
    gateway = replace(
        GATEWAY, unknown_price=UnknownPrice.DENY, models=(Model("m", (Target(OPENAI, "no-such-model-x"),)),)
    )
    with pytest.raises(ConfigError) as caught:
        begin(gateway)
    assert "'m' has no price at 'openai' as 'no-such-model-x'" in str(caught.value)
