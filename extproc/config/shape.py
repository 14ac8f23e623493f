"""Whether plain values have the shape of a type, with every mistake named.

The types' own decoder stops at the first mistake; this goes on, and says it in the operator's words. Messages never
quote a value: what stands in the wrong place may be a secret.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec import inspect

from extproc.config.mistakes import Mistakes

_KINDS: dict[type[inspect.Type], tuple[str, tuple[type, ...]]] = {
    inspect.NoneType: ("nothing", (type(None),)),
    inspect.BoolType: ("true or false", (bool,)),
    inspect.IntType: ("a whole number", (int,)),
    inspect.FloatType: ("a number", (float, int)),
    inspect.StrType: ("text", (str,)),
    inspect.EnumType: ("text", (str,)),
    inspect.LiteralType: ("a whole number", (int,)),
    inspect.VarTupleType: ("a list", (list,)),
    inspect.DictType: ("a mapping", (dict,)),
    inspect.StructType: ("a mapping", (dict,)),
}
_KIND_OF_VALUE = {
    type(None): "nothing",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


def check(value: object, type_: inspect.Type, path: str, mistakes: Mistakes) -> None:
    """Adds what is wrong with `value` to `mistakes`. `path` is where it stands in the document."""
    choices = _choices(type_)
    for choice, meaning in choices:
        if type(value) in _KINDS[type(choice)][1]:
            _check_one(value, choice, meaning, path, mistakes)
            return
    wanted = " or ".join(
        dict.fromkeys(_kind(choice) for choice, _ in choices if not isinstance(choice, inspect.NoneType))
    )
    mistakes.add(path, f"must be {wanted}, not {_KIND_OF_VALUE[type(value)]}")


def _choices(type_: inspect.Type, meaning: str = "") -> list[tuple[inspect.Type, str]]:
    """The types that a value may have, each with what the value must be in the schema's words."""
    if isinstance(type_, inspect.Metadata):
        return _choices(type_.type, (type_.extra_json_schema or {}).get("description", meaning))
    if isinstance(type_, inspect.UnionType):
        return [choice for member in type_.types for choice in _choices(member, meaning)]
    return [(type_, meaning)]


def _kind(type_: inspect.Type) -> str:
    return _KINDS[type(type_)][0]


def _check_one(value: object, type_: inspect.Type, meaning: str, path: str, mistakes: Mistakes) -> None:
    match value, type_:
        case dict(), inspect.StructType():
            _check_fields(value, type_, path, mistakes)
        case dict(), inspect.DictType():
            _check_entries(value, type_, path, mistakes)
        case list(), inspect.VarTupleType():
            _check_items(value, type_, meaning, path, mistakes)
        case str(), inspect.EnumType():
            _check_word(value, [str(member.value) for member in type_.cls], path, mistakes)
        case str(), inspect.StrType():
            _check_text(value, type_, meaning, path, mistakes)
        case int() | float(), inspect.IntType() | inspect.FloatType():
            _check_number(value, type_, meaning, path, mistakes)
        case _, inspect.LiteralType() if value not in type_.values:
            mistakes.add(path, f"must be {' or '.join(map(str, type_.values))}")


def _check_fields(value: Mapping[str, object], type_: inspect.StructType, path: str, mistakes: Mistakes) -> None:
    fields = {field.encode_name: field for field in type_.fields}
    absent = fields.keys() - value.keys()
    for name, inner in value.items():
        where = f"{path}.{name}" if path else name
        if name in fields:
            check(inner, fields[name].type, where, mistakes)
        else:
            mistakes.add(where, "there is no such field", wrong=name, names=absent)
    for name, field in fields.items():
        if field.required and name in absent:
            mistakes.add(path, f"the field {name!r} is missing")
    choice: tuple[str, ...] = getattr(type_.cls, "exactly_one", ())
    if choice and sum(value.get(name) is not None for name in choice) != 1:
        mistakes.add(path, f"must have exactly one of {', '.join(choice)}")
    some: tuple[str, ...] = getattr(type_.cls, "at_least_one", ())
    if some and all(value.get(name) is None for name in some):
        mistakes.add(path, f"must have at least one of {', '.join(some)}")


def _check_entries(value: Mapping[str, object], type_: inspect.DictType, path: str, mistakes: Mistakes) -> None:
    for name, inner in value.items():
        where = f"{path}.{name}"
        for choice, meaning in _choices(type_.key_type):
            _check_one(name, choice, meaning, where, mistakes)
        check(inner, type_.value_type, where, mistakes)


def _check_items(
    value: Sequence[object], type_: inspect.VarTupleType, meaning: str, path: str, mistakes: Mistakes
) -> None:
    if not _within(len(value), type_.min_length, type_.max_length):
        mistakes.add(path, f"must be {meaning}")
    for index, item in enumerate(value):
        check(item, type_.item_type, f"{path}[{index}]", mistakes)


def _check_word(value: str, words: Sequence[str], path: str, mistakes: Mistakes) -> None:
    if value not in words:
        mistakes.add(path, f"must be one of {', '.join(words)}", wrong=value, names=words)


def _check_text(value: str, type_: inspect.StrType, meaning: str, path: str, mistakes: Mistakes) -> None:
    matches = type_.pattern is None or re.fullmatch(type_.pattern, value) is not None
    if not matches or not _within(len(value), type_.min_length, type_.max_length):
        mistakes.add(path, f"must be {meaning}")


def _check_number(
    value: float, type_: inspect.IntType | inspect.FloatType, meaning: str, path: str, mistakes: Mistakes
) -> None:
    if not _within(value, type_.ge, type_.le) or (type_.lt is not None and value >= type_.lt):
        mistakes.add(path, f"must be {meaning}")


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)
