"""Tokens of Google Cloud, from a server that speaks as its token endpoint, its exchange and its machines do."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from token_server import token_server

from extproc.clients.gcp import GcpMachineToken
from extproc.clients.gcp_account import GcpAccountToken
from extproc.clients.tokens import Token, TokenError
from extproc.config.model import GcpAccount, GcpMetadata, Secret

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ISSUED = {"access_token": "ya29.c.token", "expires_in": 3599, "token_type": "Bearer"}
CLOUD = "https://www.googleapis.com/auth/cloud-platform"


def now() -> float:
    return 1000.0


def account(url: str, private_key: str = PEM) -> GcpAccountToken:
    document = {
        "type": "service_account",
        "project_id": "acme-prod",
        "private_key_id": "key-1",
        "private_key": private_key,
        "client_email": "gateway@acme-prod.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    return GcpAccountToken(GcpAccount(Secret(json.dumps(document))), now)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_the_metadata_server() -> None:
    async with token_server((200, ISSUED)) as server:
        token = await GcpMachineToken(GcpMetadata(), now, server.url).fetch()
    assert token == Token(Secret("ya29.c.token"), 4599.0, 3599)
    (asked,) = server.asked
    assert asked.path == "/computeMetadata/v1/instance/service-accounts/default/token"
    assert (asked.method, asked.headers["metadata-flavor"]) == ("GET", "Google")


async def test_another_account_of_the_machine() -> None:
    async with token_server((200, ISSUED)) as server:
        await GcpMachineToken(GcpMetadata("a@b.iam.gserviceaccount.com"), now, server.url).fetch()
    assert server.asked[0].path == "/computeMetadata/v1/instance/service-accounts/a@b.iam.gserviceaccount.com/token"


async def test_a_service_account_signs_an_assertion_with_its_key() -> None:
    async with token_server((200, ISSUED)) as server:
        token = await account(server.url).fetch()
    assert token.value == Secret("ya29.c.token")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/token")
    assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    header, claims, signature = asked.form["assertion"].split(".")
    KEY.public_key().verify(decoded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), SHA256())
    assert json.loads(decoded(header)) == {"typ": "JWT", "alg": "RS256", "kid": "key-1"}
    said = json.loads(decoded(claims))
    assert (said["iss"], said["scope"]) == ("gateway@acme-prod.iam.gserviceaccount.com", CLOUD)
    assert said["exp"] - said["iat"] == 3600


async def test_no_program_is_run_for_a_token(tmp_path: Path) -> None:
    made = tmp_path / "made"
    document = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "http://127.0.0.1:1/v1/token",
        "credential_source": {"executable": {"command": f"touch {made}"}},
    }
    with pytest.raises(TokenError) as caught:
        await GcpAccountToken(GcpAccount(Secret(json.dumps(document))), now).fetch()
    assert str(caught.value) == "Google issued no token: MalformedError"
    assert not made.exists()


async def test_the_end_of_a_token_is_that_of_googles_answer() -> None:
    async with token_server((200, {**ISSUED, "expires_in": 600})) as server:
        token = await account(server.url).fetch()
    assert token.expires == 1000.0 + token.life
    assert token.life > 600  # google-auth counts from the machine's clock, which is past the test's


async def test_a_workload_identity_is_exchanged(tmp_path: Path) -> None:
    subject = tmp_path / "subject"
    subject.write_text("header.claims.signature")
    issued = {**ISSUED, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    async with token_server((200, issued)) as server:
        document = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{server.url}/v1/token",
            "credential_source": {"file": str(subject)},
        }
        token = await GcpAccountToken(GcpAccount(Secret(json.dumps(document))), now).fetch()
    assert token.value == Secret("ya29.c.token")
    (asked,) = server.asked
    assert asked.path == "/v1/token"
    assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    assert asked.form["subject_token"] == "header.claims.signature"
    assert asked.form["scope"] == CLOUD


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature: s3cr3t"}),
            "Google issued no token: RefreshError: invalid_grant",
        ),
        ((200, {"expires_in": 1}), "Google issued no token: RefreshError"),
        ((400, "<html>s3cr3t</html>"), "Google issued no token: RefreshError"),
    ],
)
async def test_a_refusal_is_told_and_never_quoted(answer: tuple[int, Any], message: str) -> None:
    async with token_server(answer) as server:
        with pytest.raises(TokenError) as caught:
            await account(server.url).fetch()
    assert str(caught.value) == message


async def test_a_key_that_is_none() -> None:
    with pytest.raises(TokenError) as caught:
        await account("http://127.0.0.1:1", "-----BEGIN PRIVATE KEY-----\ns3cr3t\n").fetch()
    assert "s3cr3t" not in str(caught.value)


async def test_the_metadata_server_knows_no_such_account() -> None:
    async with token_server((404, "s3cr3t")) as server:
        with pytest.raises(TokenError) as caught:
            await GcpMachineToken(GcpMetadata("other"), now, server.url).fetch()
    assert str(caught.value) == "the token endpoint answered 404"
