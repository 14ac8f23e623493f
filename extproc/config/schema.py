"""The JSON Schema of `gateway.yaml` (draft 2020-12), made of the types that documents are checked against."""

from typing import Any

import msgspec

from extproc.config.document import AwsEntry, CredentialEntry, EntraEntry, GcpEntry, SecretSource, Section
from extproc.config.document_cache import EmbedderEntry
from extproc.config.document_callers import IdentityEntry, KeyEntry
from extproc.config.document_guardrails import GuardrailEntry, SizeEntry
from extproc.config.document_limits import BudgetEntry, LimitEntry, WindowEntry
from extproc.config.document_privacy import RecogniserEntry
from extproc.config.document_root import GatewayDocument
from extproc.config.document_store import RedisEntry

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_WITH_A_CHOICE: tuple[type[Section], ...] = (
    SecretSource,
    CredentialEntry,
    AwsEntry,
    GcpEntry,
    EntraEntry,
    KeyEntry,
    IdentityEntry,
    LimitEntry,
    BudgetEntry,
    WindowEntry,
    RedisEntry,
    GuardrailEntry,
    SizeEntry,
    EmbedderEntry,
    RecogniserEntry,
)


def gateway_schema() -> dict[str, Any]:
    """The schema as JSON-able values, for editors and for checks outside the gateway."""
    schema = msgspec.json.schema(GatewayDocument)
    for type_ in _WITH_A_CHOICE:
        choices = {"oneOf": type_.exactly_one, "anyOf": type_.at_least_one}
        for word, names in choices.items():
            if names:
                schema["$defs"][type_.__name__][word] = [{"required": [name]} for name in names]
    return {"$schema": DIALECT, "title": "gateway.yaml", **schema}
