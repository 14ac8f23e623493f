"""Requests to OpenAI, to compatible servers and to Azure: what changes, and that nothing else does."""

import pytest

from extproc.apischema.endpoints import CHAT, EMBEDDINGS, Endpoint, Kind
from extproc.config.model import Backend, Schema, Target
from extproc.errors import InvalidRequest
from extproc.pipeline.call import read_call
from extproc.translator.base import Call, UpstreamRequest
from extproc.translator.openai_to_openai import OpenAIToAzure, OpenAIToOpenAI

OPENAI = Backend(
    name="openai",
    cluster="openai",
    provider="openai",
    schema=Schema.OPENAI,
    authority="api.openai.com",
    base_path="/v1",
)
AZURE = Backend(
    name="azure",
    cluster="azure",
    provider="azure.ai.openai",
    schema=Schema.AZURE_OPENAI,
    authority="acme.openai.azure.com",
    api_version="2024-10-21",
)


def call(body: bytes, endpoint: Endpoint = CHAT, path: str | None = None) -> Call:
    return read_call(endpoint, path or "/v1" + endpoint.path, {}, body, created=1_700_000_000)


def test_the_same_name_upstream_leaves_the_body_alone() -> None:
    made = OpenAIToOpenAI().request(call(b'{"model":"gpt","messages":[]}'), Target(OPENAI, "gpt"))
    assert made == UpstreamRequest(path="/v1/chat/completions", body=None)


def test_only_the_model_changes_and_numbers_stay_as_written() -> None:
    body = b'{"temperature":1.0,"model":"smart","seed":12345678901234567890123,"x":1e400,"messages":[ {"a" : 1} ]}'
    made = OpenAIToOpenAI().request(call(body), Target(OPENAI, "gpt-4o"))
    assert made.body == (
        b'{"temperature":1.0,"model":"gpt-4o","seed":12345678901234567890123,"x":1e400,"messages":[ {"a" : 1} ]}'
    )


def test_asks_for_the_usage_of_a_stream() -> None:
    made = OpenAIToOpenAI().request(call(b'{"model":"gpt","stream":true}'), Target(OPENAI, "gpt"))
    assert made.body == b'{"model":"gpt","stream":true,"stream_options":{"include_usage":true}}'


def test_keeps_the_other_stream_options() -> None:
    body = b'{"model":"gpt","stream":true,"stream_options":{"include_obfuscation":false}}'
    made = OpenAIToOpenAI().request(call(body), Target(OPENAI, "gpt"))
    assert made.body == (
        b'{"model":"gpt","stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}'
    )


def test_a_caller_who_asked_for_usage_is_taken_at_his_word() -> None:
    body = b'{"model":"gpt","stream":true,"stream_options":{"include_usage":true}}'
    assert OpenAIToOpenAI().request(call(body), Target(OPENAI, "gpt")).body is None


def test_stream_options_of_a_wrong_type_are_the_callers_mistake() -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(b'{"model":"gpt","stream":true,"stream_options":7}')
    assert caught.value.param == "stream_options"


def test_azure_has_the_deployment_in_the_path() -> None:
    made = OpenAIToAzure().request(call(b'{"model":"gpt"}'), Target(AZURE, "my gpt/4"))
    assert made.path == "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21"


def test_azures_v1_api_has_openais_paths() -> None:
    v1 = Backend(
        name="azure", cluster="azure", provider="azure.ai.openai", schema=Schema.AZURE_OPENAI, authority="a.example"
    )
    made = OpenAIToAzure().request(call(b'{"model":"gpt"}', EMBEDDINGS), Target(v1, "dep"))
    assert made.path == "/openai/v1/embeddings"
    assert made.body == b'{"model":"dep"}'


def test_a_pass_through_request_keeps_its_query_and_its_body() -> None:
    files = Endpoint("/files", "files", Kind.PASSTHROUGH)
    made = OpenAIToOpenAI().request(
        Call(endpoint=files, path="/v1/files?purpose=batch&limit=2", body=b"", fields={}, model=""), Target(OPENAI, "")
    )
    assert made == UpstreamRequest(path="/v1/files?purpose=batch&limit=2", body=None)


@pytest.mark.parametrize(
    ("body", "message", "type_", "code", "param"),
    [
        (
            b'{"error":{"message":"bad","type":"invalid_request_error","param":"n","code":"unsupported_value"}}',
            "bad",
            "invalid_request_error",
            "unsupported_value",
            "n",
        ),
        (b'{"error":{"message":"slow","code":429}}', "slow", "upstream_error", "429", None),
        (b'{"error":"model not loaded"}', "model not loaded", "upstream_error", None, None),
        (b'{"message":"no such model","type":"NotFound"}', "no such model", "upstream_error", None, None),
        (b'{"detail":"Not Found"}', "Not Found", "upstream_error", None, None),
        (b"{}", "The provider answered 404.", "upstream_error", None, None),
        (
            b"<html>404</html>",
            "The provider answered 404 with a body that is not its error format.",
            "upstream_error",
            None,
            None,
        ),
        (
            b"\xff\xfe",
            "The provider answered 404 with a body that is not its error format.",
            "upstream_error",
            None,
            None,
        ),
    ],
)
def test_reads_every_shape_of_error(body: bytes, message: str, type_: str, code: str | None, param: str | None) -> None:
    error = OpenAIToOpenAI().error(404, body)
    assert (error.status, error.message, error.type, error.code, error.param) == (404, message, type_, code, param)
