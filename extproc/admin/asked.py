"""What a request asks, out of its body or its query, checked against the type of the fields."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct, inspect

from extproc.admin.refusals import InvalidField
from extproc.config import shape
from extproc.config.mistakes import ConfigErrors, Mistakes
from extproc.errors import ConfigError, InvalidRequest

Fields = TypeVar("Fields", bound=Struct)


def body_values(body: bytes) -> dict[str, object]:
    """A JSON object; no body is an empty one. Raises InvalidRequest."""
    try:
        values = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, RecursionError):
        raise InvalidRequest("The body is not JSON.") from None
    if not isinstance(values, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return values


def query_values(query: Mapping[str, str], type_: type[Struct]) -> dict[str, object]:
    """The parameters, with numbers where the type has numbers."""
    numbers = {field.name for field in inspect_fields(type_) if _is_number(field.type)}
    return {name: int(text) if name in numbers and _is_small(text) else text for name, text in query.items()}


def checked(values: Mapping[str, object], type_: type[Fields]) -> Fields:
    """Raises InvalidField with everything that is wrong."""
    mistakes = Mistakes("")
    shape.check(values, inspect.type_info(type_), "", mistakes)
    try:
        mistakes.raise_if_any()
        return msgspec.convert(values, type_)
    except ConfigErrors as errors:
        message = "; ".join(_said(mistake) for mistake in errors.mistakes)
        raise InvalidField(f"{message}.", param=errors.mistakes[0].path or None) from None
    except msgspec.ValidationError:
        raise InvalidField("A field has a value that is out of bounds.") from None


def inspect_fields(type_: type[Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(type_)
    return info.fields if isinstance(info, inspect.StructType) else ()


def _is_number(type_: inspect.Type) -> bool:
    return isinstance(type_.type if isinstance(type_, inspect.Metadata) else type_, inspect.IntType)


def _is_small(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _said(mistake: ConfigError) -> str:
    message = f"{mistake.path}: {mistake.message}" if mistake.path else mistake.message
    return f"{message} (did you mean {mistake.hint!r}?)" if mistake.hint else message
