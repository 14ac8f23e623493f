"""What entries of the document may name: models, and teams, organisations and keys where all of these are known."""

from collections.abc import Iterable, Sequence

from extproc.config.mistakes import Mistakes
from extproc.config.model import WILDCARD


class Served:
    """The models that callers may name. `names` are those that the document gives to models."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._prefixes = tuple(name[:-1] for name in self._names if name.endswith(WILDCARD))

    def check_all(self, listed: Sequence[str], path: str, mistakes: Mistakes) -> None:
        """Every item of a caller's list of models must be `*`, a model's name, or covered by a wildcard model."""
        for index, name in enumerate(listed):
            if name != WILDCARD:
                self.check(name, f"{path}[{index}]", mistakes)

    def check(self, name: str, path: str, mistakes: Mistakes) -> None:
        if name not in self._names and not name.startswith(self._prefixes):
            mistakes.add(path, f"there is no model {name!r}", wrong=name, names=self._names)

    def check_counted(self, listed: Sequence[str], path: str, mistakes: Mistakes) -> None:
        """As `check_all`, for the models of a rule: there a `*` at the end also stands for several of them."""
        for index, name in enumerate(listed):
            covers = name.endswith(WILDCARD) and any(model.startswith(name[:-1]) for model in self._names)
            if not covers:
                self.check(name, f"{path}[{index}]", mistakes)

    def has(self, name: str) -> bool:
        """Whether a model has exactly this name."""
        return name in self._names


class Named:
    """The teams, organisations or keys that may be named. `kind` is what they are; `names` None: any may be."""

    def __init__(self, kind: str, names: Iterable[str] | None) -> None:
        self._kind = kind
        self._names = None if names is None else frozenset(names)

    def check(self, name: str, path: str, mistakes: Mistakes) -> None:
        if self._names is not None and name not in self._names:
            mistakes.add(path, f"there is no {self._kind} {name!r}", wrong=name, names=self._names)


def check_tags(tags: Sequence[str], path: str, mistakes: Mistakes) -> None:
    """No tag may stand twice in a list."""
    for index, tag in enumerate(tags):
        if tag in tags[:index]:
            mistakes.add(f"{path}[{index}]", "is given twice")
