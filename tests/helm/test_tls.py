"""The gateway's listener with TLS and client certificates, and a certificate that is renewed while it runs."""

import datetime
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from extproc.simulator.settings import Settings
from tests.helm.deployed import Deployed, deployed
from tests.integration.gateway import wait_until

MUTUAL = {
    "tls": {"enabled": True, "secretName": "llm-tls", "requireClientCertificate": True},
    "envoy": {"concurrency": 1},
}


@dataclass(frozen=True)
class Pair:
    """A certificate that signed itself, and its key, as PEM."""

    certificate: str
    key: str

    def secret(self, authority: "Pair") -> dict[str, str]:
        return {"tls.crt": self.certificate, "tls.key": self.key, "ca.crt": authority.certificate}


def pair(serial: int) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), serial)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(made.public_bytes(pem).decode(), text.decode())


FIRST, SECOND, CLIENT = pair(1), pair(2), pair(3)


@pytest.fixture(scope="module")
def up() -> Iterator[Deployed]:
    settings = {"openai": Settings(formats=("openai",))}
    secrets = {"llm-tls": FIRST.secret(CLIENT)}
    with deployed("gateway", settings, {"gpt-4o-mini": "openai"}, MUTUAL, secrets=secrets) as made:
        yield made


def context(trusted: Pair, client: Pair | None, directory: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=trusted.certificate)
    if client is not None:
        path = directory / "client.pem"
        path.write_text(client.certificate + client.key)
        made.load_cert_chain(path)
    return made


def status(up: Deployed, made: ssl.SSLContext) -> int:
    url = f"https://localhost:{up.port}/v1/models"
    try:
        with urllib.request.urlopen(url, timeout=5, context=made) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_client_with_a_certificate_is_heard(up: Deployed, tmp_path: Path) -> None:
    assert status(up, context(FIRST, CLIENT, tmp_path)) == 401


@pytest.mark.parametrize("client", [None, SECOND], ids=["none", "another authority's"])
def test_a_client_without_one_is_not(up: Deployed, client: Pair | None, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"alert|reset|EOF"):
        status(up, context(FIRST, client, tmp_path))


def test_a_renewed_certificate_is_shown_without_a_restart(up: Deployed, tmp_path: Path) -> None:
    up.volume("llm-tls").replace(SECOND.secret(CLIENT))
    made = context(SECOND, CLIENT, tmp_path)
    wait_until(lambda: status(up, made) == 401, 10.0, "the new certificate")
