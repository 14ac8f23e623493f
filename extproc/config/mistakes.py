"""Everything that is wrong with one document, collected so that the operator sees it all at once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from extproc.errors import ConfigError

_MOST_SHOWN = 50


class ConfigErrors(ConfigError):
    """A document with mistakes: one line each, in the order of the document. `mistakes` has them one by one."""

    def __init__(self, mistakes: tuple[ConfigError, ...], source: str) -> None:
        shown = [str(mistake) for mistake in mistakes[:_MOST_SHOWN]]
        if len(mistakes) > _MOST_SHOWN:
            shown.append(f"{source}: and {len(mistakes) - _MOST_SHOWN} more mistakes")
        super().__init__("\n".join(shown))
        self.source = source
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class _Mistake:
    line: int
    path: str
    message: str
    hint: str


class Mistakes:
    """The mistakes found so far, and the line on which each part of the document begins."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines: dict[str, int] = {"": 1}
        self._found: list[_Mistake] = []
        self._touched: set[str] = set()

    def locate(self, path: str, line: int) -> None:
        """Says on which line (1, 2, …) a part of the document begins. The first word counts."""
        self._lines.setdefault(path, line)

    def line(self, path: str) -> int:
        """The line of a part; of what it lies in when the part itself is not in the document."""
        while path not in self._lines:
            path = _parent(path)
        return self._lines[path]

    def add(
        self, path: str, message: str, *, wrong: str = "", names: Iterable[str] = (), line: int | None = None
    ) -> None:
        """`path` is a place in the document (`models[2].targets[0].backend`).

        Where a name is `wrong`, the nearest of `names` is the hint; only for as many as are shown, because finding the
        nearest of many names takes long. `line` is for a mistake that is not where its path begins.
        """
        hint = nearest(wrong, names) if wrong and len(self._found) < _MOST_SHOWN else ""
        self._found.append(_Mistake(self.line(path) if line is None else line, path, message, hint))
        while path:
            self._touched.add(path)
            path = _parent(path)

    def touches(self, path: str) -> bool:
        """Whether there is a mistake in this part."""
        return path in self._touched

    def raise_if_any(self) -> None:
        """Raises ConfigErrors."""
        if not self._found:
            return
        ordered = sorted(self._found, key=lambda mistake: mistake.line)
        raise ConfigErrors(tuple(self._error(mistake) for mistake in ordered), self._source)

    def _error(self, mistake: _Mistake) -> ConfigError:
        source = f"{self._source}:{mistake.line}"
        return ConfigError(mistake.message, source=source, path=mistake.path, hint=mistake.hint)


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant; empty when nothing is near."""
    return next(iter(difflib.get_close_matches(name, sorted(names), n=1)), "")


def _parent(path: str) -> str:
    return path[: max(path.rfind("."), path.rfind("["), 0)]
