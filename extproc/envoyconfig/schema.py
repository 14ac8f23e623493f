"""Walks a YAML document along Envoy's message types, as envoy-data-plane has them.

Field names come out in snake case, as Envoy takes both spellings, and unknown fields are found with their path. The
package may be older than Envoy: a field that it does not know is an error only when one of nearly that name exists, and
a message that it does not know is left unchecked.
"""

import difflib
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import betterproto2

from extproc.envoyconfig.finding import Finding, Severity
from extproc.envoyconfig.names import Json, type_of

_ANY = "Any"
_FREE_FORM = ("Struct", "Value", "ListValue")
_PLUGIN_FIELDS = frozenset({"@type", "value"})  # `value` holds well-known types inside Any
_Message = type[betterproto2.Message]


@dataclass
class Walk:
    """One document's walk. `findings` fills as it goes."""

    source: str
    findings: list[Finding] = field(default_factory=list)

    def message(self, value: Any, kind: _Message, path: str) -> Any:
        """`value` with snake-case field names."""
        if not isinstance(value, dict):
            return value
        fields = _described(kind).meta_by_field_name
        return {name: self._field(item, kind, name, path) for name, item in self._named(value, fields, kind, path)}

    def any(self, value: Any, path: str) -> Any:
        """A message of an open type, if its `@type` is one we know."""
        if not isinstance(value, dict):
            return value
        kind = message_type(type_of(value))
        if kind is None or not _described(kind).meta_by_field_name:
            return value
        fields = {name: item for name, item in value.items() if name != "@type"}
        return {"@type": value["@type"], **self.message(fields, kind, path)}

    def _named(self, value: Json, fields: dict[str, Any], kind: _Message, path: str) -> Iterator[tuple[str, Any]]:
        """Fields under their snake-case names. What is unknown is reported, and passed on as it is."""
        known = {name.rstrip("_"): name for name in fields}
        for key, item in value.items():
            name = _snake(str(key))
            if name not in known and str(key) not in _PLUGIN_FIELDS:
                self._unknown(str(key), name, list(known), kind, path)
            yield name, item

    def _field(self, value: Any, kind: _Message, name: str, path: str) -> Any:
        here = f"{path}.{name}" if path else name
        fields = _described(kind)
        attribute = name if name in fields.meta_by_field_name else f"{name}_"
        meta = fields.meta_by_field_name.get(attribute)
        if meta is None:
            return value
        if meta.map_meta is not None and isinstance(value, dict):
            item_kind = fields.cls_by_field[f"{attribute}.value"]
            return {key: self._value(item, item_kind, f'{here}["{key}"]') for key, item in value.items()}
        item_kind = fields.cls_by_field[attribute]
        if meta.repeated and isinstance(value, list):
            return [self._value(item, item_kind, f"{here}[{index}]") for index, item in enumerate(value)]
        return self._value(value, item_kind, here)

    def _value(self, value: Any, kind: type, path: str) -> Any:
        if kind.__name__ == _ANY:
            return self.any(value, path)
        if kind.__name__ in _FREE_FORM or not issubclass(kind, betterproto2.Message):
            return value
        return self.message(value, kind, path)

    def _unknown(self, key: str, name: str, known: list[str], kind: _Message, path: str) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        self.findings.append(
            Finding(
                file=self.source,
                path=path,
                message=f"{kind.__name__} has no field {key!r}",
                hint=near[0] if near else "",
                severity=Severity.ERROR if near else Severity.WARNING,
            )
        )


def message_type(name: str) -> _Message | None:
    """The class of a full protobuf name such as envoy.config.cluster.v3.Cluster, or None."""
    package, _, message = name.rpartition(".")
    try:
        module = importlib.import_module(f"envoy_data_plane.{package}")
    except ImportError:
        return None
    kind = getattr(module, message, None)
    return kind if isinstance(kind, type) and issubclass(kind, betterproto2.Message) else None


def _described(kind: _Message) -> Any:
    """The package's description of a message: `meta_by_field_name` and `cls_by_field`."""
    return cast(Any, kind)._betterproto


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)
