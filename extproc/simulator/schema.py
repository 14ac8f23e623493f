"""A value that satisfies a JSON schema, for tool arguments and structured answers.

Covers what providers accept for strict schemas: type, properties, required, items, enum, const, anyOf, oneOf, allOf,
`#/` references, string length and format, number bounds, array length (JSON Schema 2020-12).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

_DEPTH = 6
_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "3f2b6c1e-0000-4000-8000-000000000000",
}


def example(schema: Any, text: str) -> Any:
    """A value for `schema`; strings that are free hold `text`."""
    return _value(schema, text, schema, 0)


def _value(schema: Any, text: str, root: Any, depth: int) -> Any:
    if not isinstance(schema, Mapping):
        return text
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    return _BY_TYPE[_type_of(schema)](schema, text, root, depth)


def _resolved(schema: Mapping[str, Any], root: Any) -> Mapping[str, Any]:
    """Follows references and takes the first alternative; `allOf` parts are laid over each other."""
    for _ in range(_DEPTH):
        if "$ref" in schema:
            schema = _lookup(schema["$ref"], root)
        elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
            schema = alternatives[0]
        elif parts := schema.get("allOf"):
            schema = _merged([{k: v for k, v in schema.items() if k != "allOf"}, *parts])
        else:
            break
    return schema


def _lookup(reference: str, root: Any) -> Mapping[str, Any]:
    found = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            found = _mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
    return _mapping(found)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _merged(parts: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    whole: dict[str, Any] = {}
    for part in parts:
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", []), *part.get("required", [])]
        whole |= {**part, "properties": properties, "required": required}
    return whole


def _type_of(schema: Mapping[str, Any]) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        named = next((kind for kind in named if kind != "null"), "null")
    if isinstance(named, str) and named in _BY_TYPE:
        return named
    return "object" if schema.get("properties") else "array" if "items" in schema else "string"


def _object(schema: Mapping[str, Any], text: str, root: Any, depth: int) -> dict[str, Any]:
    properties = _mapping(schema.get("properties"))
    required = schema.get("required", ())
    wanted = properties if depth < _DEPTH else [name for name in properties if name in required and depth < 2 * _DEPTH]
    return {name: _value(properties[name], text, root, depth + 1) for name in wanted}


def _array(schema: Mapping[str, Any], text: str, root: Any, depth: int) -> list[Any]:
    if depth >= _DEPTH:
        return []
    length = max(schema.get("minItems", 0), min(1, schema.get("maxItems", 1)))
    return [_value(schema.get("items", {}), text, root, depth + 1) for _ in range(length)]


def _string(schema: Mapping[str, Any], text: str, _root: Any, _depth: int) -> str:
    if known := _FORMATS.get(schema.get("format", "")):
        return known
    return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]


def _integer(schema: Mapping[str, Any], *_: Any) -> int:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf) - 1)
    step = schema.get("multipleOf", 1)
    value = math.ceil(low / step) * step
    return int(value if value <= high else math.floor(high / step) * step)


def _number(schema: Mapping[str, Any], *_: Any) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        return 0.5 if high is None or high > 0.5 else float(high) - 1
    return float(low) + 0.5 if high is None else (float(low) + float(high)) / 2


def _boolean(*_: Any) -> bool:
    return True


def _null(*_: Any) -> None:
    return None


_BY_TYPE: Mapping[str, Callable[[Mapping[str, Any], str, Any, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
}
