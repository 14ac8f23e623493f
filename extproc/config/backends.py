"""Backends, from their entries in the document: defaults by provider and format, credentials, headers."""

from collections.abc import Iterator

from extproc.config.credentials import SecretReader
from extproc.config.document import BackendEntry
from extproc.config.mistakes import Mistakes
from extproc.config.model import Backend, Schema, Secret
from extproc.config.providers import ADDRESSES, BASE_PATH_OF_SCHEMA, PROVIDER_OF_SCHEMA, Address

_MOST_PORT = 65535
_CREDENTIAL_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_RESERVED_HEADERS = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_RESERVED_PREFIXES = ("x-llm-", "x-envoy-")


def build_backend(entry: BackendEntry, path: str, secrets: SecretReader, mistakes: Mistakes) -> Backend | None:
    """The backend of an entry; None when `mistakes` has why there is none. `path` is where the entry stands."""
    provider = entry.provider or PROVIDER_OF_SCHEMA[entry.schema]
    address = _address(entry, provider, path, mistakes)
    credential = secrets.read(entry.credential, f"{path}.credential") if entry.credential is not None else None
    headers = tuple(_headers(entry, f"{path}.headers", secrets, mistakes))
    if entry.api_version is not None and entry.schema is Schema.OPENAI:
        mistakes.add(f"{path}.api_version", "has no meaning for the schema openai")
    if mistakes.touches(path) or address is None:
        return None
    return Backend(
        name=entry.name,
        cluster=entry.cluster or entry.name,
        provider=provider,
        schema=entry.schema,
        authority=address.authority,
        base_path=address.base_path,
        credential=Secret(credential) if credential is not None else None,
        api_version=entry.api_version,
        headers=headers,
        unsupported=entry.unsupported,
        max_tokens_default=entry.max_tokens_default,
    )


def _address(entry: BackendEntry, provider: str, path: str, mistakes: Mistakes) -> Address | None:
    known = ADDRESSES[entry.schema].get(provider)
    if entry.authority is not None:
        _check_port(entry.authority, f"{path}.authority", mistakes)
        known = Address(entry.authority, BASE_PATH_OF_SCHEMA[entry.schema])
    if known is None:
        message = f"'authority' is missing, and the provider {provider!r} has no well-known one"
        mistakes.add(path, message, wrong=provider, names=ADDRESSES[entry.schema])
        return None
    return known if entry.base_path is None else Address(known.authority, entry.base_path.rstrip("/"))


def _check_port(authority: str, path: str, mistakes: Mistakes) -> None:
    port = authority.rpartition(":")[2]
    if port.isdecimal() and port != authority and int(port) > _MOST_PORT:
        mistakes.add(path, f"the port must be at most {_MOST_PORT}")


def _headers(entry: BackendEntry, path: str, secrets: SecretReader, mistakes: Mistakes) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for written, source in entry.headers.items():
        name, where = written.lower(), f"{path}.{written}"
        if name in seen:
            mistakes.add(where, "is given twice; upper and lower case are the same")
        elif name in _RESERVED_HEADERS or name.startswith(_RESERVED_PREFIXES):
            mistakes.add(where, "is set by the gateway and by Envoy alone")
        elif name in _CREDENTIAL_HEADERS and entry.credential is not None:
            mistakes.add(where, "carries a credential, and 'credential' gives one already")
        seen.add(name)
        value = source if isinstance(source, str) else secrets.read(source, where)
        if value is not None:
            yield name, value
