"""Credentials on attempts: whose header is set, and that every other is removed."""

from dataclasses import replace

import pytest

from extproc.config.model import (
    AwsByEnvoy,
    AwsChain,
    AwsKeys,
    AwsSecret,
    Backend,
    Credential,
    EntraManagedIdentity,
    FetchedCredential,
    GcpMetadata,
    Schema,
    Secret,
    VaultSecret,
)
from extproc.errors import CredentialUnavailable
from extproc.policy.credentials import (
    NO_TOKENS,
    LiveCredential,
    Outgoing,
    headers_to_remove,
    headers_to_set,
    live_credential,
)
from extproc.policy.sigv4 import Signer

NOW = 1790000000.0
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
REQUEST = Outgoing("POST", HOST, "/model/m/converse", b'{"messages":[]}')
KEYS = AwsKeys("AKIDEXAMPLE", Secret("aws-secret"), Secret("aws-session"))
METADATA = GcpMetadata()
EVERY_NAME = {
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-goog-user-project",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "cookie",
    "proxy-authorization",
    "openai-organization",
    "openai-project",
    "anthropic-version",
    "x-amzn-bedrock-service-tier",
    "anthropic-beta",
}


class Fetched(dict[FetchedCredential, Secret | AwsKeys]):
    """What was fetched, by its credential."""

    def current(self, credential: FetchedCredential) -> Secret | AwsKeys | None:
        return self.get(credential)


def backend(schema: Schema, credential: Credential | None) -> Backend:
    return Backend("one", "one", "p", schema, HOST, credential=credential, region="us-east-1")


def live(one: Backend, tokens: Fetched | None = None) -> LiveCredential:
    found = live_credential(one, tokens if tokens is not None else Fetched())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (Schema.OPENAI, ("authorization", "Bearer k")),
        (Schema.OPENAI_RESPONSES, ("authorization", "Bearer k")),
        (Schema.AZURE_OPENAI, ("api-key", "k")),
        (Schema.ANTHROPIC, ("x-api-key", "k")),
        (Schema.ANTHROPIC_BEDROCK, ("authorization", "Bearer k")),
        (Schema.ANTHROPIC_VERTEX, ("authorization", "Bearer k")),
        (Schema.GEMINI, ("x-goog-api-key", "k")),
        (Schema.VERTEX, ("x-goog-api-key", "k")),
        (Schema.BEDROCK, ("authorization", "Bearer k")),
        (Schema.COHERE, ("authorization", "Bearer k")),
        (Schema.MISTRAL, ("authorization", "Bearer k")),
    ],
)
def test_a_key_goes_into_the_header_of_its_format_once_and_for_all(schema: Schema, expected: tuple[str, str]) -> None:
    one = backend(schema, Secret("k"))
    assert headers_to_set(one) == (expected,)
    assert live_credential(one, NO_TOKENS) is None


def test_a_key_that_is_looked_up_goes_into_the_same_header() -> None:
    for secret in (AwsSecret("a", "us-east-1"), VaultSecret("http://v", "secret", "a", "b", Secret("t"))):
        one = backend(Schema.ANTHROPIC, secret)
        assert headers_to_set(one) == ()
        assert live(one, Fetched({secret: Secret("k")})).headers(REQUEST, NOW) == (("x-api-key", "k"),)


@pytest.mark.parametrize(
    ("schema", "credential"),
    [
        (Schema.GEMINI, METADATA),
        (Schema.VERTEX, METADATA),
        (Schema.AZURE_OPENAI, EntraManagedIdentity(None, "https://cognitiveservices.azure.com/.default")),
    ],
)
def test_a_token_is_a_bearer_whatever_the_format_has_for_keys(schema: Schema, credential: FetchedCredential) -> None:
    found = live(backend(schema, credential), Fetched({credential: Secret("ya29.token")}))
    assert found.headers(REQUEST, NOW) == (("authorization", "Bearer ya29.token"),)


def test_each_attempt_has_the_token_of_its_moment() -> None:
    tokens = Fetched({METADATA: Secret("first")})
    found = live(backend(Schema.VERTEX, METADATA), tokens)
    assert found.headers(REQUEST, NOW) == (("authorization", "Bearer first"),)
    tokens[METADATA] = Secret("second")
    assert found.headers(REQUEST, NOW) == (("authorization", "Bearer second"),)


@pytest.mark.parametrize("credential", [METADATA, AwsChain()])
def test_what_was_not_fetched_yet_is_an_error_and_no_wait(credential: FetchedCredential) -> None:
    with pytest.raises(CredentialUnavailable) as caught:
        live(backend(Schema.VERTEX, credential)).headers(REQUEST, NOW)
    assert (caught.value.status, caught.value.code) == (503, "credential_unavailable")
    assert caught.value.message == "The gateway has no valid credential for the provider one at the moment."


@pytest.mark.parametrize("schema", [Schema.BEDROCK, Schema.ANTHROPIC_BEDROCK])
def test_aws_signs_the_request_as_it_goes_out(schema: Schema) -> None:
    added = dict(live(backend(schema, KEYS)).headers(REQUEST, NOW))
    signer = Signer(AwsKeys("AKIDEXAMPLE", Secret("aws-secret"), Secret("aws-session")), "us-east-1", "bedrock")
    signed = {"content-type": "application/json", "host": HOST}
    expected = signer.sign("POST", "/model/m/converse", signed, b'{"messages":[]}', NOW)
    assert added == {"content-type": "application/json", **dict(expected)}
    assert list(added) == ["content-type", "x-amz-date", "x-amz-security-token", "authorization"]


def test_another_body_or_moment_has_another_signature() -> None:
    found = live(backend(Schema.BEDROCK, KEYS))
    signatures = {
        dict(found.headers(request, now))["authorization"]
        for request, now in ((REQUEST, NOW), (replace(REQUEST, body=b"{}"), NOW), (REQUEST, NOW + 1))
    }
    assert len(signatures) == 3


def test_a_new_access_key_signs_from_then_on() -> None:
    chain = AwsChain()
    tokens = Fetched({chain: KEYS})
    found = live(backend(Schema.BEDROCK, chain), tokens)
    assert "Credential=AKIDEXAMPLE/" in dict(found.headers(REQUEST, NOW))["authorization"]
    tokens[chain] = AwsKeys("AKIDOTHER", Secret("other"))
    renewed = dict(found.headers(REQUEST, NOW))
    assert "Credential=AKIDOTHER/" in renewed["authorization"]
    assert "x-amz-security-token" not in renewed


def test_where_envoy_signs_the_gateway_sends_nothing_and_removes_what_was_signed_before() -> None:
    one = backend(Schema.BEDROCK, AwsByEnvoy())
    assert (headers_to_set(one), live_credential(one, NO_TOKENS)) == ((), None)
    assert set(headers_to_remove(one, [one])) == EVERY_NAME


@pytest.mark.parametrize("credential", [None, Secret("k"), KEYS, METADATA, AwsByEnvoy()])
def test_every_credential_of_the_caller_and_of_other_attempts_is_set_or_removed(credential: Credential | None) -> None:
    one = backend(Schema.BEDROCK, credential)
    other = replace(backend(Schema.OPENAI, None), headers=(("x-team", "a"), ("x-functions-key", "b")))
    named = set(headers_to_remove(one, [one, other])) | {name for name, _ in headers_to_set(one)}
    assert named == EVERY_NAME | {"x-team", "x-functions-key"}


def test_a_billing_project_of_the_operator_is_kept() -> None:
    one = replace(backend(Schema.GEMINI, METADATA), headers=(("x-goog-user-project", "acme-prod"),))
    assert headers_to_set(one) == (("x-goog-user-project", "acme-prod"),)
    assert "x-goog-user-project" not in headers_to_remove(one, [one])
