"""Models and their chains, from their entries in the document."""

from collections.abc import Iterable, Iterator, Mapping

from extproc.config.document import ModelEntry
from extproc.config.mistakes import Mistakes
from extproc.config.model import WILDCARD, Backend, Model, Target


class BackendNames:
    """The backends that targets may name.

    `sound` are those without mistakes, `written` the names of all that the document has: a target whose backend has a
    mistake of its own is not a second one.
    """

    def __init__(self, sound: Mapping[str, Backend], written: Iterable[str]) -> None:
        self._sound = sound
        self._written = frozenset(written) | sound.keys()

    def find(self, name: str, path: str, mistakes: Mistakes) -> Backend | None:
        """The backend of this name; None when it has a mistake, or `mistakes` now has that there is none."""
        if name not in self._written:
            mistakes.add(path, f"there is no backend {name!r}", wrong=name, names=self._written)
        return self._sound.get(name)


def build_model(entry: ModelEntry, path: str, backends: BackendNames, mistakes: Mistakes) -> Model:
    """The model of an entry; what is wrong with it is in `mistakes`. `path` is where the entry stands."""
    wildcard = entry.name.endswith(WILDCARD)
    return Model(
        name=entry.name,
        targets=tuple(_targets(entry, path, backends, mistakes)),
        prefix=entry.name[: -len(WILDCARD)] if wildcard else None,
    )


def _targets(entry: ModelEntry, path: str, backends: BackendNames, mistakes: Mistakes) -> Iterator[Target]:
    for index, target in enumerate(entry.targets):
        where = f"{path}.targets[{index}]"
        if isinstance(target, str):
            backend, model = backends.find(target, where, mistakes), entry.name
        else:
            backend, model = backends.find(target.backend, f"{where}.backend", mistakes), target.model or entry.name
        if not _can_be_filled_in(model, entry.name):
            message = "a '*' may only stand at the end, and only if the model's name has one there"
            mistakes.add(f"{where}.model", message)
        if backend is not None:
            yield Target(backend, model)


def _can_be_filled_in(model: str, name: str) -> bool:
    """Whether the target's model has no `*`, or one at its end that the name of a wildcard model fills in."""
    return WILDCARD not in model.removesuffix(WILDCARD if name.endswith(WILDCARD) else "")
