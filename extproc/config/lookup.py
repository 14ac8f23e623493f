"""Which model answers for the name that a caller wrote."""

from collections.abc import Iterable

from extproc.config.model import WILDCARD, Model


class ModelLookup:
    """The models of a document by the names they answer for: an exact name wins, then the longest prefix."""

    def __init__(self, models: Iterable[Model]) -> None:
        models = tuple(models)
        self._exact = {model.name: model for model in models if model.prefix is None}
        wildcards = ((model.prefix, model) for model in models if model.prefix is not None)
        self._wildcards = sorted(wildcards, key=lambda entry: len(entry[0]), reverse=True)

    def find(self, name: str) -> Model | None:
        """The model for this name; its targets are `chain(name)`. None where nobody answers for it."""
        exact = self._exact.get(name)
        if exact is not None:
            return exact
        return next((model for prefix, model in self._wildcards if name.startswith(prefix) and name != prefix), None)


def covers(listed: Iterable[str], model: str, name: str) -> bool:
    """Whether a list of models has one: `model` is the operator's name of it, `name` the caller's."""
    return any(
        one in (WILDCARD, model, name) or (one.endswith(WILDCARD) and name.startswith(one[:-1])) for one in listed
    )
