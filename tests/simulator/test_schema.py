"""Values made from JSON schemas."""

import pytest

from extproc.simulator.schema import example

NODE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    },
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "hi"),
        ({"type": "string"}, "hi"),
        ({"type": "string", "maxLength": 1}, "h"),
        ({"type": "string", "minLength": 4}, "hi.."),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"enum": ["celsius", "kelvin"]}, "celsius"),
        ({"const": 7}, 7),
        ({"type": ["null", "string"]}, "hi"),
        ({"type": "null"}, None),
        ({"type": "boolean"}, True),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3, "multipleOf": 5}, 5),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "number", "minimum": 1, "maximum": 2}, 1.5),
        ({"type": "number", "maximum": -1}, -2.0),
        ({"type": "array", "items": {"type": "integer"}}, [0]),
        ({"type": "array", "items": {"const": 1}, "minItems": 2}, [1, 1]),
        ({"type": "array", "maxItems": 0}, []),
        ({"properties": {"a": {}, "b": {"type": "integer"}}}, {"a": "hi", "b": 0}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"oneOf": [{"const": "x"}]}, "x"),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
        ({"$ref": "#/$defs/x~1y", "$defs": {"x/y": {"const": "found"}}}, "found"),
        ({"$ref": "#/nowhere"}, "hi"),
    ],
)
def test_satisfies_the_schema(schema: object, value: object) -> None:
    assert example(schema, "hi") == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    value, depth = example(NODE, "hi"), 0
    while value:
        value, depth = value["child"], depth + 1
    assert depth == 6


def test_a_required_self_reference_ends_too() -> None:
    schema = {"type": "object", "properties": {"child": {"$ref": "#"}}, "required": ["child"]}
    assert isinstance(example(schema, "hi"), dict)
