"""The parts of a document that have the right shape, as values of its types.

Where one part is wrong the others can still be understood, so that their mistakes show as well.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from extproc.config.mistakes import Mistakes

Part = TypeVar("Part")


class Parts:
    """Reads parts of plain values whose shape was checked; what was wrong is in `mistakes`."""

    def __init__(self, values: Mapping[str, object], mistakes: Mistakes) -> None:
        self._values = values
        self._mistakes = mistakes

    def section(self, name: str, default: Part) -> Part:
        """A top-level section; the default where it is absent or wrong."""
        if name not in self._values or self._mistakes.touches(name):
            return default
        return msgspec.convert(self._values[name], type(default))

    def optional(self, name: str, type_: type[Part]) -> Part | None:
        """A top-level section that may be left out; None where it is absent or wrong."""
        if self._values.get(name) is None or self._mistakes.touches(name):
            return None
        return msgspec.convert(self._values[name], type_)

    def entries(self, path: str, type_: type[Part]) -> list[tuple[str, Part]]:
        """The entries of a list (`backends`, `keys.entries`) that are right, each with where it stands."""
        return [
            (where, msgspec.convert(value, type_))
            for where, value in self._items(path)
            if not self._mistakes.touches(where)
        ]

    def names(self, path: str, field: str = "name") -> list[str]:
        """The names in a list, those of entries with mistakes included; `field` is what has them."""
        named = (value.get(field) for _, value in self._items(path) if isinstance(value, dict))
        return [name for name in named if isinstance(name, str)]

    def has(self, path: str) -> bool:
        """Whether a part is there, and not empty if it is a list."""
        return self._find(path) not in (None, [])

    def is_on(self, path: str) -> bool:
        """Whether a field is true."""
        return self._find(path) is True

    def text(self, path: str) -> str | None:
        """A field of text; None where it is absent or wrong."""
        value = self._find(path)
        return value if isinstance(value, str) and not self._mistakes.touches(path) else None

    def _items(self, path: str) -> list[tuple[str, object]]:
        found = self._find(path)
        return [(f"{path}[{index}]", value) for index, value in enumerate(found)] if isinstance(found, list) else []

    def _find(self, path: str) -> object:
        found: object = self._values
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found
