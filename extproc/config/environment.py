"""The providers that the environment names, in the variables that their own SDKs read.

`OPENAI_API_KEY`, `OPENAI_BASE_URL` (https://github.com/openai/openai-python), `AZURE_OPENAI_API_KEY`,
`AZURE_OPENAI_ENDPOINT`, `OPENAI_API_VERSION` (the same SDK's Azure client), `ANTHROPIC_API_KEY`, `ANTHROPIC_BASE_URL`
(https://github.com/anthropics/anthropic-sdk-python); all seen 2026-11-21. An empty variable counts as not set.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from extproc.config.document import AUTHORITY
from extproc.config.model import Schema
from extproc.errors import ConfigError

_OPENAI_URL = "https://api.openai.com/v1"
_ANTHROPIC_URL = "https://api.anthropic.com"
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider listens: `host` is a DNS name or an IP address, `path` begins with '/' or is empty."""

    host: str
    port: int
    path: str = ""
    tls: bool = False

    @property
    def is_ip(self) -> bool:
        return _is_ip(self.host)

    @property
    def authority(self) -> str:
        """As HTTP wants it: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that can be used as it is. `credential` is a secret's source as the document has it."""

    name: str
    schema: Schema
    place: Place
    credential: Mapping[str, str] | None = None
    api_version: str | None = None


def providers(environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """The providers that the environment names. Raises ConfigError for a variable that makes no sense."""
    found = (_openai(environ), _azure(environ), _anthropic(environ))
    return tuple(provider for provider in found if provider is not None)


def _openai(environ: Mapping[str, str]) -> Provider | None:
    if not (environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL")):
        return None
    place = _place(environ.get("OPENAI_BASE_URL") or _OPENAI_URL, "OPENAI_BASE_URL")
    return Provider("openai", Schema.OPENAI, place, _credential(environ, "OPENAI_API_KEY"))


def _azure(environ: Mapping[str, str]) -> Provider | None:
    key, endpoint = environ.get("AZURE_OPENAI_API_KEY"), environ.get("AZURE_OPENAI_ENDPOINT")
    if not key and not endpoint:
        return None
    if not key or not endpoint:
        missing, given = "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"
        if not endpoint:
            missing, given = given, missing
        raise ConfigError(f"is not set, but {given} is", source="environment", path=missing)
    place = _place(endpoint, "AZURE_OPENAI_ENDPOINT")
    credential = _credential(environ, "AZURE_OPENAI_API_KEY")
    return Provider("azure", Schema.AZURE_OPENAI, place, credential, environ.get("OPENAI_API_VERSION") or None)


def _anthropic(environ: Mapping[str, str]) -> Provider | None:
    if not environ.get("ANTHROPIC_API_KEY"):
        return None
    place = _place(environ.get("ANTHROPIC_BASE_URL") or _ANTHROPIC_URL, "ANTHROPIC_BASE_URL")
    place = Place(place.host, place.port, f"{place.path}/v1", place.tls)  # the SDK's base URL ends before /v1
    return Provider("anthropic", Schema.ANTHROPIC, place, _credential(environ, "ANTHROPIC_API_KEY"))


def _credential(environ: Mapping[str, str], variable: str) -> Mapping[str, str] | None:
    return {"env": variable} if environ.get(variable) else None


def _place(url: str, variable: str) -> Place:
    """The place of a base URL. The URL is never quoted: it may carry a password."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ConfigError("is not a URL", source="environment", path=variable) from None
    place = Place(host, port, parts.path.rstrip("/"), parts.scheme == "https")
    if parts.scheme not in _DEFAULT_PORTS or not re.fullmatch(AUTHORITY, place.authority):
        raise ConfigError("must be a URL with http or https and a host", source="environment", path=variable)
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("must have no user, query or fragment", source="environment", path=variable)
    if place.tls and place.is_ip:
        raise ConfigError("must name its host, not its address, where it is https", source="environment", path=variable)
    return place


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
