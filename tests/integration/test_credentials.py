"""Credentials that are not fixed, through the whole gateway: tokens fetched in the background, and signatures."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from openai import InternalServerError, OpenAI

from extproc.config.model import AwsKeys, Secret
from extproc.policy.sigv4 import Signer
from extproc.simulator.request_log import Received
from extproc.simulator.settings import Settings
from tests.integration.documents import backend, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway, wait_until


@dataclass
class TokenEndpoint:
    """Google's token endpoint: `token-1`, `token-2`, … in turn, while `works`."""

    url: str = ""
    issued: int = 0
    works: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self) -> tuple[int, dict[str, Any]]:
        with self._lock:
            if not self.works:
                return 400, {"error": "invalid_grant"}
            self.issued += 1
            return 200, {"access_token": f"token-{self.issued}", "expires_in": 3599, "token_type": "Bearer"}


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, answer = endpoint.answer()
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/token"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def key_file(token_uri: str, key_id: str) -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return json.dumps(
        {
            "type": "service_account",
            "private_key_id": key_id,
            "private_key": made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": "gateway@acme-prod.iam.gserviceaccount.com",
            "token_uri": token_uri,
        }
    )


def document(*backends: dict[str, Any], model: str = "gpt-4o") -> dict[str, Any]:
    names = [one["name"] for one in backends]
    return {
        "version": 1,
        "backends": list(backends),
        "models": [{"name": "m", "targets": [{"backend": name, "model": model} for name in names]}],
        "keys": keys(key("demo", KEY)),
    }


def google(file: Path) -> dict[str, Any]:
    return backend("google", "openai", credential={"gcp": {"service_account": {"file": str(file)}}})


def chat(gateway: Gateway) -> None:
    with OpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])


def credential(gateway: Gateway, name: str) -> str | None:
    """The credential of the last request that a simulator got."""
    return gateway.simulator(name).log.last.header("authorization")


CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
SIMULATORS = {"google": Settings(formats=("openai",), log_size=100)}


def test_a_token_is_there_before_the_first_request_and_is_replaced_without_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    with token_endpoint() as endpoint:
        file.write_text(key_file(endpoint.url, "key-1"))
        with running_gateway(document(google(file)), SIMULATORS) as gateway:
            chat(gateway)
            assert credential(gateway, "google") == "Bearer token-1"
            file.write_text(key_file(endpoint.url, "key-2"))

            def renewed() -> bool:
                chat(gateway)  # none of them fails meanwhile
                return credential(gateway, "google") == "Bearer token-2"

            wait_until(renewed, what="the token of the new key")
            renewals = gateway.metric("llm_gateway_credential_renewals_total", backend="google", outcome="renewed")
            assert (renewals, endpoint.issued) == (2, 2)
            assert "token-" not in json.dumps(gateway.server_log())


def test_a_token_that_cannot_be_had_is_an_error_until_it_can(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    with token_endpoint() as endpoint:
        endpoint.works = False
        file.write_text(key_file(endpoint.url, "key-1"))
        with running_gateway(document(google(file)), SIMULATORS) as gateway:
            with pytest.raises(InternalServerError) as caught:
                chat(gateway)
            assert (caught.value.status_code, caught.value.code) == (503, "credential_unavailable")
            assert len(gateway.simulator("google").log) == 0
            endpoint.works = True

            def served() -> bool:
                try:
                    chat(gateway)
                except InternalServerError:
                    return False
                return True

            wait_until(served, what="the token")
            assert credential(gateway, "google") == "Bearer token-1"


def signature_of(received: Received) -> str:
    """The signature that AWS computes for what arrived, from the headers that the request says are signed."""
    sent = received.header("authorization") or ""
    signed = sent.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: received.header(name) or "" for name in signed if name != "x-amz-date"}
    moment = datetime.strptime(received.header("x-amz-date") or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = Signer(AwsKeys("AKIDEXAMPLE", Secret("aws-secret")), "us-east-1", "bedrock")
    made = signer.sign(received.method, received.target, headers, received.body, moment.timestamp())
    return dict(made)["authorization"]


def test_a_signature_is_of_what_arrives_also_on_the_second_attempt() -> None:
    aws = {"aws": {"access_key_id": {"value": "AKIDEXAMPLE"}, "secret_access_key": {"value": "aws-secret"}}}
    bedrock = backend("bedrock", "bedrock", region="us-east-1", credential=aws)
    down = backend("down", "openai")
    simulators = {
        "bedrock": Settings(formats=("bedrock",), log_size=10),
        "down": Settings(formats=("openai",), always="status=503", log_size=10),
    }
    for chain in ((bedrock, down), (down, bedrock)):
        with running_gateway(document(*chain, model=CLAUDE), simulators) as gateway:
            chat(gateway)
            (received,) = gateway.simulator("bedrock").log
            assert received.target == "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
            assert received.header("host") == "bedrock.example.com"
            assert received.header("authorization") == signature_of(received)


SIGNED_BY_ENVOY = {
    "name": "aws",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
        "service_name": "bedrock",
        "region": "us-east-1",
        "match_excluded_headers": [{"prefix": "x-envoy"}],  # they never arrive
        "credential_provider": {
            "inline_credential": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "aws-secret"}
        },
    },
}


def test_envoys_own_signature_is_of_what_arrives_also_on_the_second_attempt() -> None:
    bedrock = backend("bedrock", "bedrock", region="us-east-1", credential={"aws": {"signer": "envoy"}})
    down = backend("down", "openai")
    simulators = {
        "bedrock": Settings(formats=("bedrock",), log_size=10),
        "down": Settings(formats=("openai",), always="status=503", log_size=10),
    }
    for chain in ((bedrock, down), (down, bedrock)):
        made = document(*chain, model=CLAUDE)
        with running_gateway(made, simulators, filters={"bedrock": [SIGNED_BY_ENVOY]}) as gateway:
            chat(gateway)
            (received,) = gateway.simulator("bedrock").log
            assert received.header("authorization") == signature_of(received)
