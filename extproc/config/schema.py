"""The JSON Schema of `gateway.yaml` (draft 2020-12), made of the types that documents are checked against."""

from typing import Any

import msgspec

from extproc.config.document import (
    AwsEntry,
    CredentialEntry,
    EntraEntry,
    GatewayDocument,
    GcpEntry,
    KeyEntry,
    SecretSource,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_WITH_A_CHOICE = (SecretSource, CredentialEntry, AwsEntry, GcpEntry, EntraEntry, KeyEntry)


def gateway_schema() -> dict[str, Any]:
    """The schema as JSON-able values, for editors and for checks outside the gateway."""
    schema = msgspec.json.schema(GatewayDocument)
    for type_ in _WITH_A_CHOICE:
        schema["$defs"][type_.__name__]["oneOf"] = [{"required": [name]} for name in type_.exactly_one]
    return {"$schema": DIALECT, "title": "gateway.yaml", **schema}
