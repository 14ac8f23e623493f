"""What AWS's own SDK finds, from a server that speaks as a container's endpoint, as STS and as Secrets Manager do."""

import math
from pathlib import Path
from typing import Any

import pytest
from token_server import token_server

from extproc.clients.aws import AwsChainKeys, AwsSecretValue
from extproc.clients.tokens import Token, TokenError
from extproc.config.model import AwsChain, AwsKeys, AwsSecret, Secret

CONTAINER = {
    "AccessKeyId": "ASIACONTAINER",
    "SecretAccessKey": "container-secret",
    "Token": "container-token",
    "Expiration": "2099-01-01T00:00:00Z",
    "RoleArn": "arn:aws:iam::1:role/gateway",
}
STS = """\
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>
      <AccessKeyId>ASIAWEB</AccessKeyId>
      <SecretAccessKey>web-secret</SecretAccessKey>
      <SessionToken>web-token</SessionToken>
      <Expiration>2099-01-01T00:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>
"""


def now() -> float:
    return 1000.0


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own, and no look at its metadata."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "BOTO_CONFIG"):
        monkeypatch.delenv(name, raising=False)


async def test_an_access_key_of_the_environment_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    token = await AwsChainKeys(AwsChain(), now).fetch()
    assert token == Token(AwsKeys("AKIAENV", Secret("env-secret")), math.inf, 300.0)


async def test_a_profile_is_read_again_each_time(tmp_path: Path) -> None:
    source = AwsChainKeys(AwsChain("prod"), now)
    found = []
    for number in (1, 2):
        lines = f"[prod]\naws_access_key_id = AKIA{number}\naws_secret_access_key = secret-{number}\n"
        (tmp_path / "credentials").write_text(lines)
        found.append((await source.fetch()).value)
    assert found == [AwsKeys("AKIA1", Secret("secret-1")), AwsKeys("AKIA2", Secret("secret-2"))]


async def test_a_container_or_pod_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pod").write_text("pod-token")
    async with token_server((200, CONTAINER)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/v1/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "pod"))
        source = AwsChainKeys(AwsChain(), now)
        first, second = await source.fetch(), await source.fetch()
    keys = AwsKeys("ASIACONTAINER", Secret("container-secret"), Secret("container-token"))
    assert first == second == Token(keys, 1600.0, 300.0)
    assert [asked.headers["authorization"] for asked in server.asked] == ["pod-token"]  # asked once: it is still good


async def test_a_web_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text("header.claims.signature")
    async with token_server((200, STS)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gateway")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "jwt"))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        token = await AwsChainKeys(AwsChain(), now).fetch()
    assert token == Token(AwsKeys("ASIAWEB", Secret("web-secret"), Secret("web-token")), 1600.0, 300.0)
    (asked,) = server.asked
    assert asked.form["Action"] == "AssumeRoleWithWebIdentity"
    assert asked.form["WebIdentityToken"] == "header.claims.signature"
    assert asked.form["RoleArn"] == "arn:aws:iam::123456789012:role/gateway"


async def test_nothing_is_found() -> None:
    with pytest.raises(TokenError) as caught:
        await AwsChainKeys(AwsChain(), now).fetch()
    assert str(caught.value) == "AWS's SDK finds no credential"


async def test_no_such_profile() -> None:
    with pytest.raises(TokenError) as caught:
        await AwsChainKeys(AwsChain("none"), now).fetch()
    assert str(caught.value) == "AWS's SDK has no access key: ProfileNotFound"


async def test_the_role_may_not_be_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text("s3cr3t")
    refusal = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized: s3cr3t</Message>"
        "</Error><RequestId>1</RequestId></ErrorResponse>"
    )
    async with token_server((403, refusal)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gateway")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "jwt"))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with pytest.raises(TokenError) as caught:
            await AwsChainKeys(AwsChain(), now).fetch()
    assert str(caught.value) == "AWS's SDK has no access key: AccessDenied"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")


def stored(text: str | None) -> dict[str, Any]:
    named = {"ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:llm", "Name": "llm", "VersionId": "1" * 32}
    return named if text is None else {**named, "SecretString": text}


@pytest.mark.parametrize(
    ("field", "text"), [(None, "sk-stored\n"), ("openai", '{"openai": "sk-stored", "anthropic": "sk-ant"}')]
)
@pytest.mark.usefixtures("account")
async def test_a_secret_is_looked_up(monkeypatch: pytest.MonkeyPatch, field: str | None, text: str) -> None:
    async with token_server((200, stored(text))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url)
        token = await AwsSecretValue(AwsSecret("llm", "eu-west-1", field)).fetch()
    assert token == Token(Secret("sk-stored"), math.inf, 300.0)
    (asked,) = server.asked
    assert (asked.headers["x-amz-target"], asked.body) == ("secretsmanager.GetSecretValue", b'{"SecretId": "llm"}')
    assert "/eu-west-1/secretsmanager/aws4_request" in asked.headers["authorization"]


@pytest.mark.parametrize(
    ("answer", "field", "message"),
    [
        (
            (400, {"__type": "ResourceNotFoundException", "Message": "can't find s3cr3t"}),
            None,
            "AWS Secrets Manager has no such secret: ResourceNotFoundException",
        ),
        ((200, stored("s3cr3t")), "openai", "the secret is not a JSON object"),
        ((200, stored('{"other": "s3cr3t"}')), "openai", "the secret has no such text"),
        ((200, stored('{"openai": 1}')), "openai", "the secret has no such text"),
        ((200, stored(None)), None, "the secret has no such text"),
        ((200, stored("s3cr3t\nof two lines")), None, "the secret is not fit to be sent in a header"),
    ],
)
@pytest.mark.usefixtures("account")
async def test_a_secret_that_is_not_there_is_told_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any], field: str | None, message: str
) -> None:
    async with token_server(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url)
        with pytest.raises(TokenError) as caught:
            await AwsSecretValue(AwsSecret("llm", "eu-west-1", field)).fetch()
    assert str(caught.value) == message


@pytest.mark.usefixtures("account")
async def test_without_credentials_of_its_own_there_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(TokenError) as caught:
        await AwsSecretValue(AwsSecret("llm", "eu-west-1")).fetch()
    assert str(caught.value) == "AWS Secrets Manager has no such secret: NoCredentialsError"
