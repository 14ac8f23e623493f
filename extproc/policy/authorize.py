"""What a key may use."""

from extproc.config.model import Key
from extproc.errors import PermissionDenied


def may_use(key: Key, model: str) -> bool:
    """Whether the key's list of models has this one."""
    return "*" in key.models or model in key.models


def authorize(key: Key, model: str, configured: str) -> None:
    """Raises PermissionDenied when the key may not use the model.

    `model` is the name the caller used, `configured` the operator's entry that answers for it; a key may list either.
    """
    if not (may_use(key, model) or may_use(key, configured)):
        raise PermissionDenied(f"This API key may not use the model {model!r}.", param="model")
