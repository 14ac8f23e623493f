"""Tokens of Microsoft Entra, from a server that speaks as its v2.0 token endpoint and as a machine of Azure do."""

from pathlib import Path

import pytest
from token_server import token_server

from extproc.clients.entra import EntraApplicationToken, EntraMachineToken
from extproc.clients.tokens import Token, TokenError
from extproc.config.model import EntraApplication, EntraManagedIdentity, FederatedToken, Secret

SCOPE = "https://cognitiveservices.azure.com/.default"
ISSUED = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "eyJ0eXAi.e30.sig"}
REFUSED = {
    "error": "invalid_client",
    "error_description": "AADSTS7000215: Invalid client secret provided for s3cr3t.\r\nTrace ID: 0",
    "error_codes": [7000215],
    "timestamp": "2026-11-21 08:00:00Z",
    "trace_id": "0",
    "correlation_id": "0",
}


def now() -> float:
    return 1000.0


def application(login: str, proof: Secret | FederatedToken = Secret("app-secret")) -> EntraApplicationToken:  # noqa: B008
    return EntraApplicationToken(EntraApplication("tenant-1", "client-1", proof, SCOPE, login), now)


async def test_an_application_with_a_secret() -> None:
    async with token_server((200, ISSUED)) as server:
        token = await application(server.url).fetch()
    assert token == Token(Secret("eyJ0eXAi.e30.sig"), 4599.0, 3599)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/tenant-1/oauth2/v2.0/token")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.form == {
        "grant_type": "client_credentials",
        "client_id": "client-1",
        "scope": SCOPE,
        "client_secret": "app-secret",
    }


async def test_a_federated_token_is_read_again_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    async with token_server((200, ISSUED)) as server:
        source = application(server.url, FederatedToken(str(file)))
        for assertion in ("first.jwt", "second.jwt\n"):
            file.write_text(assertion)
            await source.fetch()
    assert [asked.form["client_assertion"] for asked in server.asked] == ["first.jwt", "second.jwt"]
    assert server.asked[0].form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in server.asked[0].form


async def test_a_federated_token_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match=r"^the file .*/token cannot be read: No such file or directory$"):
        await application("http://127.0.0.1:1", FederatedToken(str(tmp_path / "token"))).fetch()
    (tmp_path / "token").write_text("\n")
    with pytest.raises(TokenError, match=r"^the file .*/token is empty$"):
        await application("http://127.0.0.1:1", FederatedToken(str(tmp_path / "token"))).fetch()


async def test_a_managed_identity() -> None:
    answer = {
        "access_token": "eyJ0.machine",
        "client_id": "client-2",
        "expires_in": "86400",
        "expires_on": "1795000000",
        "resource": "https://cognitiveservices.azure.com",
        "token_type": "Bearer",
    }
    async with token_server((200, answer)) as server:
        source = EntraMachineToken(EntraManagedIdentity("client-2", SCOPE), now, server.url)
        token = await source.fetch()
    assert token == Token(Secret("eyJ0.machine"), 87400.0, 86400)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.headers["metadata"]) == ("GET", "/metadata/identity/oauth2/token", "true")
    assert asked.query == {
        "api-version": "2018-02-01",
        "resource": "https://cognitiveservices.azure.com",
        "client_id": "client-2",
    }


async def test_a_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with token_server((200, ISSUED)) as server:
        await EntraMachineToken(EntraManagedIdentity(None, SCOPE), now, server.url).fetch()
        with pytest.raises(TokenError):
            await application(server.url).fetch()
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, REFUSED), "the token endpoint answered 401: invalid_client 7000215"),
        ((400, {"error": "no word: s3cr3t"}), "the token endpoint answered 400"),
        ((502, "<html>s3cr3t</html>"), "the token endpoint answered 502"),
        ((302, ""), "the token endpoint answered 302"),
        ((200, "<html>s3cr3t</html>"), "the token endpoint's answer is not understood"),
        ((200, {"access_token": "s3cr3t"}), "the token endpoint's answer is not understood"),
        ((200, {"access_token": None, "expires_in": 1}), "the token endpoint's answer is not understood"),
        ((200, {"access_token": "s3cr3t", "expires_in": "soon"}), "the token endpoint's answer is not understood"),
        ((200, ["s3cr3t"]), "the token endpoint's answer is not understood"),
        ((200, {"access_token": "a\r\nx: s3cr3t", "expires_in": 1}), "the token is not fit to be sent in a header"),
        ((200, {"access_token": "", "expires_in": 1}), "the token is not fit to be sent in a header"),
    ],
)
async def test_an_answer_without_a_token_is_told_and_never_quoted(answer: tuple[int, object], message: str) -> None:
    async with token_server(answer) as server:
        with pytest.raises(TokenError) as caught:
            await application(server.url).fetch()
    assert str(caught.value) == message


async def test_an_endpoint_that_cannot_be_reached() -> None:
    async with token_server((200, ISSUED)) as server:
        url = server.url
    with pytest.raises(TokenError) as caught:
        await application(url).fetch()
    assert str(caught.value) == "the token endpoint cannot be reached: ClientConnectorError"
