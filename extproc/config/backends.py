"""Backends, from their entries in the document: defaults by provider and format, credentials, headers."""

from collections.abc import Iterator

from extproc.config.backend_credentials import CredentialReader
from extproc.config.credentials import SecretReader
from extproc.config.document import BackendEntry
from extproc.config.mistakes import Mistakes
from extproc.config.model import Backend, Schema
from extproc.config.providers import (
    BASE_PATH_OF_SCHEMA,
    PROVIDER_OF_SCHEMA,
    WITH_API_VERSION,
    WITH_PROJECT,
    WITH_PROMPT_CACHING,
    WITH_REGION,
    Address,
    addresses,
)

_MOST_PORT = 65535
_CREDENTIAL_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
    }
)
_FIELDS_OF_SCHEMAS = {
    "api_version": WITH_API_VERSION,
    "region": WITH_REGION,
    "project": WITH_PROJECT,
    "prompt_caching": WITH_PROMPT_CACHING,
}
_REQUIRED = ("region", "project")
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
    _check_fields(entry, path, mistakes)
    address = _address(entry, provider, path, mistakes)
    credential = None
    if entry.credential is not None:
        credential = CredentialReader(secrets, mistakes).read(entry.credential, entry.schema, f"{path}.credential")
    headers = tuple(_headers(entry, f"{path}.headers", secrets, mistakes))
    if mistakes.touches(path) or address is None:
        return None
    return Backend(
        name=entry.name,
        cluster=entry.cluster or entry.name,
        provider=provider,
        schema=entry.schema,
        authority=address.authority,
        base_path=address.base_path,
        credential=credential,
        api_version=entry.api_version,
        region=entry.region,
        project=entry.project,
        headers=headers,
        unsupported=entry.unsupported,
        max_tokens_default=entry.max_tokens_default,
        cache_system=entry.prompt_caching is not None and entry.prompt_caching.system,
        cache_tools=entry.prompt_caching is not None and entry.prompt_caching.tools,
    )


def _check_fields(entry: BackendEntry, path: str, mistakes: Mistakes) -> None:
    """Fields that the format has no use for, and those that it cannot do without."""
    required = () if _is_express(entry) else _REQUIRED
    for name, schemas in _FIELDS_OF_SCHEMAS.items():
        given, known = getattr(entry, name) is not None, entry.schema in schemas
        if given and not known:
            mistakes.add(f"{path}.{name}", f"has no meaning for the schema {entry.schema.value}")
        elif known and not given and name in required:
            mistakes.add(path, f"the field {name!r} is missing, and the schema {entry.schema.value} needs it")


def _is_express(entry: BackendEntry) -> bool:
    """Vertex AI's express mode: a key stands for the project, and there is one location."""
    return entry.schema is Schema.VERTEX and entry.credential is not None and entry.credential.gcp is None


def _address(entry: BackendEntry, provider: str, path: str, mistakes: Mistakes) -> Address | None:
    well_known = addresses(entry.schema, "global" if _is_express(entry) and not entry.region else entry.region)
    known = well_known.get(provider)
    if entry.authority is not None:
        _check_port(entry.authority, f"{path}.authority", mistakes)
        known = Address(entry.authority, BASE_PATH_OF_SCHEMA[entry.schema])
    if known is None and not well_known and entry.schema in WITH_REGION:
        return None  # the mistake is the region's
    if known is None:
        message = f"'authority' is missing, and the provider {provider!r} has no well-known one"
        mistakes.add(path, message, wrong=provider, names=well_known)
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
