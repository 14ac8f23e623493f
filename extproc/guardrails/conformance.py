"""Whether an answer is JSON that conforms to a schema (JSON Schema, draft 2020-12).

The schema may be a caller's, and the answer is what the caller's prompt made it: neither may buy CPU. So every keyword
that is looked at is a step, and steps are counted; patterns are RE2's; references never leave the document. A pattern
that RE2 does not take (look-around) is not checked, nor are `unevaluatedProperties` and `unevaluatedItems`, whose
implementation in the `jsonschema` package knows other patterns than ours.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema
import msgspec
import re2
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, extend
from jsonschema_specifications import REGISTRY
from referencing import Registry
from referencing.exceptions import Unresolvable

from extproc.apischema.malformed import MALFORMED

_Keyword = Callable[[Any, Any, Any, Any], Iterator[jsonschema.ValidationError] | None]
_MOST_BYTES_OF_A_SCHEMA = 64 << 10
_STEPS_OF_A_SCHEMA = 8_000
_NOT_CHECKED = frozenset({"unevaluatedProperties", "unevaluatedItems", "format"})
_ITEMS_OF_A_STEP = 16
_FAILURES = (Unresolvable, RecursionError, OverflowError, *MALFORMED)

_decode = msgspec.json.Decoder().decode
_canonical = msgspec.json.Encoder(order="sorted").encode


class SchemaError(ValueError):
    """The schema is none, or too large. Carries nothing of it."""


class _TooManySteps(Exception):
    pass


class Conformance:
    """One schema. Raises SchemaError."""

    def __init__(self, schema: Any, most_characters: int, most_steps: int) -> None:
        self._most_characters = most_characters
        self._most_steps = most_steps
        self._left = _STEPS_OF_A_SCHEMA
        checks = {name: self._counted(check) for name, check in _keywords().items()}
        kind: type[Validator] = extend(Draft202012Validator, checks)  # type: ignore[no-untyped-call]
        if len(_canonical(schema)) > _MOST_BYTES_OF_A_SCHEMA:
            raise SchemaError("The JSON schema is too large.")
        if not self._is_valid(kind(Draft202012Validator.META_SCHEMA, registry=REGISTRY), schema):
            raise SchemaError("The JSON schema is not valid.")
        self._validator = kind(schema, registry=Registry())

    def conforms(self, text: str) -> bool:
        """Whether the text is JSON that conforms, as far as the limits let that be known."""
        if len(text) > self._most_characters:
            return False
        try:
            document = _decode(text.encode("utf-8", "replace"))
        except MALFORMED:
            return False
        self._left = self._most_steps
        return self._is_valid(self._validator, document)

    def _is_valid(self, validator: Validator, document: Any) -> bool:
        try:
            return validator.is_valid(document)
        except (_TooManySteps, *_FAILURES):
            return False

    def _counted(self, check: _Keyword) -> _Keyword:
        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
            self._left -= 1 + (len(value) // _ITEMS_OF_A_STEP if isinstance(value, list | dict | str) else 0)
            if self._left < 0:
                raise _TooManySteps
            yield from check(validator, value, instance, schema) or ()

        return counted


def _keywords() -> dict[str, _Keyword]:
    ours: dict[str, _Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
        **dict.fromkeys(_NOT_CHECKED, _nothing),
    }
    return {**Draft202012Validator.VALIDATORS, **ours}


def _nothing(_: Any, value: Any, instance: Any, schema: Any) -> None:
    return None


def _pattern(_: Any, value: Any, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not _found(value, instance):
        yield jsonschema.ValidationError("pattern")


def _pattern_properties(
    validator: Any, value: Mapping[str, Any], instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    for name, member in instance.items() if isinstance(instance, dict) else ():
        for pattern, inner in value.items():
            if _found(pattern, name):
                yield from validator.descend(member, inner)


def _additional_properties(
    validator: Any, value: Any, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, member in instance.items() if isinstance(instance, dict) else ():
        if name not in known and not any(_found(pattern, name) for pattern in patterns):
            yield from validator.descend(member, value)


def _unique_items(_: Any, value: Any, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    if value and isinstance(instance, list) and len({_canonical(_number(item)) for item in instance}) < len(instance):
        yield jsonschema.ValidationError("uniqueItems")


def _number(item: Any) -> Any:
    """1.0 is 1 in JSON Schema."""
    return int(item) if isinstance(item, float) and item.is_integer() else item


def _found(pattern: str, text: str) -> bool:
    expression = _compiled(pattern)
    return expression is None or expression.search(text) is not None


@lru_cache(64)
def _compiled(pattern: str) -> re2._Regexp | None:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None
