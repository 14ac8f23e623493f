"""Signature Version 4, against botocore's own signature."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from extproc.config.model import AwsKeys, Secret
from extproc.policy.sigv4 import Signer

NOW = 1790000000.25
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzE//token=="
JSON = {"content-type": "application/json", "host": HOST}


def signed(target: str, headers: dict[str, str], body: bytes, token: str | None, now: float = NOW) -> dict[str, str]:
    credentials = AwsKeys(KEY, Secret(SECRET), Secret(token) if token else None)
    return dict(Signer(credentials, "us-east-1", "bedrock").sign("POST", target, headers, body, now))


class Frozen(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's signer, step by step as in its own `add_auth`, at a time of ours."""

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


def signed_by_botocore(target: str, headers: dict[str, str], body: bytes, token: str | None) -> dict[str, str]:
    request = AWSRequest("POST", f"https://{headers['host']}{target}", headers=headers, data=body)
    Frozen(Credentials(KEY, SECRET, token), "bedrock", "us-east-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items() if name.lower() not in headers}


@pytest.mark.parametrize(
    ("target", "headers", "body", "token"),
    [
        ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse", JSON, b'{"messages":[]}', None),
        ("/model/anthropic.claude-3-haiku-20240307-v1:0/converse", JSON, b"{}", None),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse-stream",
            JSON,
            b"{}",
            TOKEN,
        ),
        ("/model/%25/invoke", JSON, b"{}", None),
        ("/model/m/converse", JSON, b"", None),
        ("/model/m/converse", JSON, b"", TOKEN),
        ("/model/m/converse", JSON, '{"text":"€ – \U0001f600"}'.encode(), TOKEN),
        ("/", {"host": HOST}, b"", None),
        ("/a/./b//../c/", JSON, b"{}", None),
        ("/~tilde/space%20here/=+,;", JSON, b"{}", None),
        ("/foundation-models?byProvider=amazon&a=2&a=1&empty=&flag", {"host": HOST}, b"", None),
        ("/model/m/converse", {"host": HOST + ":8443", "content-type": "application/json"}, b"{}", None),
        (
            "/model/m/invoke",
            {**JSON, "accept": "application/json", "x-amzn-bedrock-service-tier": "  flex   tier "},
            b"{}",
            TOKEN,
        ),
    ],
)
def test_the_signature_is_botocores(target: str, headers: dict[str, str], body: bytes, token: str | None) -> None:
    assert signed(target, headers, body, token) == signed_by_botocore(target, headers, body, token)


def test_what_is_added() -> None:
    added = signed("/model/m/converse", JSON, b"{}", None)
    assert list(added) == ["x-amz-date", "authorization"]
    assert added["x-amz-date"] == "20260921T141320Z"
    assert added["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260921/us-east-1/bedrock/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, Signature="
    )


def test_a_new_day_has_a_new_key() -> None:
    signer = Signer(AwsKeys(KEY, Secret(SECRET)), "us-east-1", "bedrock")
    for now in (NOW, NOW + 60, NOW + 86400, NOW):
        assert dict(signer.sign("POST", "/model/m/converse", JSON, b"{}", now)) == signed(
            "/model/m/converse", JSON, b"{}", None, now
        )


def test_secrets_hide_themselves() -> None:
    shown = repr(AwsKeys(KEY, Secret(SECRET), Secret(TOKEN)))
    assert SECRET not in shown
    assert TOKEN not in shown
