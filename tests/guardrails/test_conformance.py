"""Conformance to JSON schemas, whoever wrote the schema and whatever the model answered."""

import json
import time
from typing import Any

import pytest

from extproc.guardrails.conformance import Conformance, SchemaError

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
    "patternProperties": {"^x-": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
BOMB = {
    "$defs": {
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 3} for n in range(20)},
        "a20": {"type": "integer"},
    },
    "$ref": "#/$defs/a0",
}


def conforms(schema: Any, answer: str) -> bool:
    return Conformance(schema, 10_000, 3_000).conforms(answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"name": "Ann"}', True),
        ('{"name": "Ann", "tags": ["a", "b"], "x-1": 5}', True),
        ('{"name": "ann"}', False),
        ('{"name": "Ann", "tags": ["a", "a"]}', False),
        ('{"name": "Ann", "x-1": "5"}', False),
        ('{"name": "Ann", "other": 1}', False),
        ("{}", False),
        ('{"name": "Ann"', False),
        ('```json\n{"name": "Ann"}\n```', False),
        ("", False),
    ],
)
def test_an_answer(answer: str, expected: bool) -> None:
    assert conforms(PERSON, answer) is expected


def test_recursive_schemas() -> None:
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    assert conforms(schema, '{"next": {"next": {}}}')
    assert not conforms(schema, '{"next": {"other": {}}}')


def test_equal_numbers_are_not_unique() -> None:
    assert not conforms({"uniqueItems": True}, "[1, 1.0]")
    assert conforms({"uniqueItems": True}, "[1, true, [1]]")


@pytest.mark.parametrize("schema", [5, {"type": "nothing"}, {"$ref": 5}, {"pattern": 5}, {"enum": ["x" * 70_000]}])
def test_what_is_no_schema(schema: Any) -> None:
    with pytest.raises(SchemaError):
        Conformance(schema, 10, 10)


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        (BOMB, "1"),
        ({"$ref": "#"}, "1"),
        ({"items": {"type": "integer"}}, json.dumps([1] * 4_000)),
        ({"$ref": "http://127.0.0.1:9/never-fetched"}, "1"),
        (True, "[" * 9_000),
        (True, '"' + "x" * 10_000 + '"'),
    ],
)
def test_what_cannot_be_told_within_the_limits_does_not_conform(schema: Any, answer: str) -> None:
    conformance = Conformance(schema, 10_000, 3_000)
    began = time.process_time()
    assert not conformance.conforms(answer)
    assert time.process_time() - began < 0.5


def test_patterns_take_linear_time() -> None:
    began = time.process_time()
    assert not conforms({"pattern": "^(a+)+$"}, '"' + "a" * 5_000 + 'b"')
    assert time.process_time() - began < 0.5


def test_a_pattern_that_cannot_be_checked_is_not() -> None:
    assert conforms({"pattern": "^(?=x)"}, '"y"')
