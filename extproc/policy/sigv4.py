"""AWS Signature Version 4, in the `authorization` header.

Reference: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (seen 2026-11-21).
Only the headers that are given are signed, so that those which the proxy adds or changes (`content-length`,
`x-envoy-…`) cannot break a signature. The path is signed as AWS's own clients do outside S3: what goes over the wire,
escaped once more (`/model/a%3A0/converse` is signed as `/model/a%253A0/converse`).
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from extproc.config.model import AwsKeys
from extproc.exchange.actions import HeaderList

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs requests to one service in one region with one credential.

    The signing key, which is good for a day, is kept until the day changes.
    """

    def __init__(self, credentials: AwsKeys, region: str, service: str) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service
        self._day = ""
        self._key = b""

    def sign(self, method: str, target: str, headers: Mapping[str, str], body: bytes, now: float) -> HeaderList:
        """The headers to add: `x-amz-date`, `x-amz-security-token` for temporary credentials, and `authorization`.

        `target` is path and query as they go over the wire, `headers` those to sign (lower-case names, `host` among
        them), `now` a Unix time in seconds; AWS accepts five minutes of difference.
        """
        time = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        added = [("x-amz-date", time)]
        token = self._credentials.session_token
        if token is not None:
            added.append(("x-amz-security-token", token.reveal()))
        signed = sorted({**headers, **dict(added)}.items())
        names = ";".join(name for name, _ in signed)
        request = _canonical_request(method, target, signed, names, body)
        scope = f"{time[:8]}/{self._region}/{self._service}/aws4_request"
        text = "\n".join((_ALGORITHM, time, scope, sha256(request.encode()).hexdigest()))
        signature = _mac(self._signing_key(time[:8]), text).hex()
        who = f"{self._credentials.access_key_id}/{scope}"
        return (
            *added,
            ("authorization", f"{_ALGORITHM} Credential={who}, SignedHeaders={names}, Signature={signature}"),
        )

    def _signing_key(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self._credentials.secret_access_key.reveal()}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = _mac(key, part)
            self._day, self._key = day, key
        return self._key


def _canonical_request(method: str, target: str, headers: list[tuple[str, str]], names: str, body: bytes) -> str:
    path, _, query = target.partition("?")
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in headers)
    return "\n".join((method, _path(path), _query(query), lines, names, sha256(body).hexdigest()))


def _path(path: str) -> str:
    """Without dot segments and empty ones (RFC 3986, section 5.2.4), escaped."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{slash}", safe="/~")


def _query(query: str) -> str:
    """Sorted; its parts are escaped already."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
