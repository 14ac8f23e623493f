"""Issuers of tokens and certificates, and an ext_proc server that answers each request with what it was told of it."""

import asyncio
import datetime
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc.exchange.actions import Respond
from extproc.exchange.events import RequestHeaders
from extproc.server import codec

_DOCS = Path(__file__).parents[2] / "docs"
_METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
_LIFE = datetime.timedelta(hours=1)


def examples() -> tuple[Any, ...]:
    """The YAML of docs/identities.md: rules, jwt_authn filter, issuer's cluster, transport socket."""
    text = (_DOCS / "identities.md").read_text()
    return tuple(yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))


class Issuer:
    """Signs tokens, and publishes the key that they are verified with."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._numbers = key.public_key().public_numbers()
        self._signer: Any = crypt.RSASigner.from_string(_pem(key), key_id="k1")  # type: ignore[no-untyped-call]

    @property
    def jwks(self) -> str:
        """RFC 7517."""
        made = {name: _number(value) for name, value in (("n", self._numbers.n), ("e", self._numbers.e))}
        return json.dumps({"keys": [{"kty": "RSA", "kid": "k1", "alg": "RS256", **made}]})

    def token(self, now: float, **changes: Any) -> str:
        claims = {"iss": "https://issuer.example", "aud": "llm", "sub": "ann", "iat": int(now), "exp": int(now) + 600}
        signed: bytes = jwt.encode(self._signer, {**claims, **changes})  # type: ignore[no-untyped-call]
        return signed.decode()


class Authority:
    """Signs certificates; files go to `directory`."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = directory / f"{name}.crt"
        own = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.file.write_bytes(own)

    def issue(self, name: str, *uris: str) -> tuple[Path, Path]:
        """A certificate's file and its key's: for 127.0.0.1, and for these URIs in their order."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [*map(x509.UniformResourceIdentifier, uris), x509.IPAddress(ip_address("127.0.0.1"))]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        files = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        files[0].write_bytes(self._signed(subject, key.public_key(), x509.SubjectAlternativeName(names)))
        files[1].write_bytes(_pem(key))
        return files

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number(), now - _LIFE, now + _LIFE)
        certificate = made.add_extension(extension, critical=True).sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


class Mirror(grpc.GenericRpcHandler):
    """Answers the headers of a request with the event that they became."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method != _METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(self._process, codec.parse)

    def _process(self, requests: Iterator[codec.Request], _: grpc.ServicerContext) -> Iterator[bytes]:
        for request in requests:
            yield asyncio.run(codec.answer(self, request))  # type: ignore[arg-type]

    async def request_headers(self, event: RequestHeaders) -> Respond:
        told = {
            "address": event.source_address,
            "spiffe_id": event.spiffe_id,
            "claims": dict(event.claims),
            "headers": dict(event.headers),
        }
        return Respond(200, (("content-type", "application/json"),), json.dumps(told).encode(), "mirror")


@contextmanager
def mirror(socket: Path) -> Iterator[None]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Mirror(),))
    healthy = health.HealthServicer()
    healthy.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    try:
        yield
    finally:
        server.stop(0).wait()


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _number(value: int) -> str:
    """RFC 7518, section 2: Base64urlUInt."""
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
