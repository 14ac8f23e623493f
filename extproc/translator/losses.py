"""What happens to a parameter that a backend's wire format cannot express: refused, or dropped and named."""

from typing import TypeVar

from extproc.config.model import Backend
from extproc.config.model import Unsupported as Setting
from extproc.errors import Unsupported

_T = TypeVar("_T")


class Losses:
    """The parameters that one request loses on its way to one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._dropped: list[str] = []

    def lose(self, param: str, why: str = "") -> None:
        """`param` is a path in the caller's request. Raises Unsupported where the backend is set to refuse."""
        if self._backend.unsupported is Setting.ERROR:
            reason = why or f"backend {self._backend.name!r} has nothing like it"
            raise Unsupported(f"{param} is not supported here: {reason}", param=param)
        if param not in self._dropped:
            self._dropped.append(param)

    def keep(self, param: str, value: _T, why_not: str) -> _T | None:
        """The value; None, and a loss, where there is a reason against it."""
        if not why_not:
            return value
        self.lose(param, why_not)
        return None

    @property
    def dropped(self) -> tuple[str, ...]:
        """The parameters that were left out, in the order they were met."""
        return tuple(self._dropped)
