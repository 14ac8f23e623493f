"""Checks custom resources against schemas written down in crds/: JSON Schema, with every object closed."""

from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.helm.chart import LOADER

_DIRECTORY = Path(__file__).parent / "crds"


def check(manifest: dict[str, Any]) -> None:
    """Raises jsonschema.ValidationError; FileNotFoundError for a kind that has no schema here."""
    schema = _schema(manifest)
    assert manifest["apiVersion"] == schema["apiVersion"]
    jsonschema.validate(manifest["spec"], _closed(schema["spec"]))


def _schema(manifest: dict[str, Any]) -> Any:
    """Two groups have a kind called Gateway: then the group is in the file's name."""
    kind, group = manifest["kind"], manifest["apiVersion"].partition("/")[0]
    own = _DIRECTORY / f"{kind}.{group}.yaml"
    return yaml.load((own if own.exists() else _DIRECTORY / f"{kind}.yaml").read_text(), LOADER)


def _closed(schema: Any) -> Any:
    """A misspelt field is an error, as it is to an API server with strict field validation."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        made.setdefault("additionalProperties", False)
    return made
