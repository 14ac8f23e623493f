"""The fields of a caller's request, looked at before they are understood."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, UnsetType

from extproc.apischema.malformed import MALFORMED
from extproc.translator.base import Call


def given(call: Call, name: str) -> Raw | None:
    """A field of the request that is there and not null."""
    return present(call.fields.get(name))


def present(raw: Raw | UnsetType | None) -> Raw | None:
    """The value, unless it is absent or null."""
    return raw if isinstance(raw, Raw) and bytes(raw) != b"null" else None


def says_nothing(name: str, value: Raw, neutral: Mapping[str, tuple[object, ...]]) -> bool:
    """Whether leaving the field out changes nothing: it is null, or one of its values in `neutral`."""
    if present(value) is None:
        return True
    try:
        return msgspec.json.decode(value) in neutral.get(name, ())
    except MALFORMED:
        return False
