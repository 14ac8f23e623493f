"""Credentials that are made for each attempt, on requests as they leave."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from extproc.config.model import AwsKeys, Backend, FetchedCredential, Gateway, GcpMetadata, Model, Secret, Target
from extproc.errors import CredentialUnavailable
from extproc.exchange.actions import Upstream
from extproc.exchange.events import Attempt, RequestBody, RequestHeaders
from extproc.genai.prices import PriceBook
from extproc.pipeline.processor import Exchange, Processor
from extproc.pipeline.snapshot import Snapshot
from tests.pipeline.conftest import ANTHROPIC, OPENAI, SALT, FakeClock, Records, key, treasury

GOOGLE = replace(OPENAI, name="google", cluster="google-cluster", credential=GcpMetadata())
AWS = replace(
    OPENAI,
    name="aws",
    cluster="aws-cluster",
    authority="bedrock-runtime.us-east-1.amazonaws.com",
    region="us-east-1",
    credential=AwsKeys("AKIDEXAMPLE", Secret("aws-secret")),
)
TOKEN = {GcpMetadata(): Secret("ya29.token")}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


class Fetched(dict[FetchedCredential, Secret | AwsKeys]):
    def current(self, credential: FetchedCredential) -> Secret | AwsKeys | None:
        return self.get(credential)


Begin = Callable[..., Exchange]


@pytest.fixture
def begin(clock: FakeClock, records: Records) -> Begin:
    processor = Processor(worker="/run/w0.sock", clock=clock, treasury=treasury(clock), recorder=records)

    def start(*chain: Backend, tokens: Fetched) -> Exchange:
        targets = tuple(Target(backend, "gpt-4o") for backend in chain)
        gateway = Gateway(backends=chain, models=(Model("m", targets),), keys=(key(),), key_salt=SALT)
        return processor.begin(Snapshot(gateway, PriceBook(), tokens), "exchange-1")

    return start


async def admitted(exchange: Exchange) -> Upstream:
    sent = {":method": "POST", ":path": "/v1/chat/completions", "authorization": "Bearer sk-test"}
    await exchange.request_headers(RequestHeaders(sent, end_of_stream=False))
    action = await exchange.request_body(RequestBody(json.dumps(CHAT).encode()))
    assert isinstance(action, Upstream)
    return action


async def test_a_token_is_set_and_what_the_caller_sent_is_not_removed_after_it(begin: Begin) -> None:
    action = await admitted(begin(GOOGLE, tokens=Fetched(TOKEN)))
    assert action.headers == (("authorization", "Bearer ya29.token"),)
    assert "authorization" not in action.remove
    assert {"x-api-key", "x-amz-date", "x-amz-security-token", "x-goog-user-project"} <= set(action.remove)


async def test_a_signature_is_of_the_request_as_it_leaves(begin: Begin) -> None:
    """The signature is the one that botocore makes of the same request."""
    action = await admitted(begin(AWS, tokens=Fetched()))
    assert action.body == b'{"model":"gpt-4o","messages":[{"role": "user", "content": "Hi"}]}'
    assert dict(action.headers) == {
        "content-type": "application/json",
        "x-amz-date": "20231114T221320Z",
        "authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/us-east-1/bedrock/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=d99971e7fe1ba5d84ce19d845d1e2a790b150061343f811e3d8622451fcd37a9"
        ),
    }
    assert "x-amz-security-token" in action.remove


async def test_no_attempt_carries_the_credential_of_the_one_before(begin: Begin) -> None:
    exchange = begin(AWS, GOOGLE, ANTHROPIC, tokens=Fetched(TOKEN))
    first = await admitted(exchange)
    second = await exchange.attempt(Attempt("google-cluster", 2))
    third = await exchange.attempt(Attempt("anthropic-cluster", 3))
    envoys = {"authorization": "Bearer sk-test"}  # one header map for all attempts
    seen = []
    for action in (first, second, third):
        envoys = {name: value for name, value in envoys.items() if name not in action.remove} | dict(action.headers)
        seen.append(dict(envoys))
    assert set(seen[0]) == {"content-type", "x-amz-date", "authorization"}
    assert seen[1] == {"content-type": "application/json", "authorization": "Bearer ya29.token"}
    assert seen[2]["x-api-key"] == "sk-ant-secret"
    assert "authorization" not in seen[2]


async def test_a_backend_whose_token_is_not_there_is_passed_over(begin: Begin) -> None:
    action = await admitted(begin(GOOGLE, ANTHROPIC, tokens=Fetched()))
    assert action.authority == "api.anthropic.com"
    assert action.clusters == ("anthropic-cluster", "anthropic-cluster")


async def test_without_any_other_backend_it_is_an_error(begin: Begin) -> None:
    with pytest.raises(CredentialUnavailable) as caught:
        await admitted(begin(GOOGLE, tokens=Fetched()))
    assert caught.value.message == "The gateway has no valid credential for the provider google at the moment."


async def test_a_token_that_ran_out_since_the_first_attempt_is_an_error(begin: Begin) -> None:
    tokens = Fetched(TOKEN)
    exchange = begin(GOOGLE, tokens=tokens)
    await admitted(exchange)
    tokens.clear()
    with pytest.raises(CredentialUnavailable):
        await exchange.attempt(Attempt("google-cluster", 2))
