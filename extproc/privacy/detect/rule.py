"""The form of a rule: an expression, and what else must hold of what it matches."""

from collections.abc import Callable
from dataclasses import dataclass

from extproc.privacy.detect.entity import Entity


@dataclass(frozen=True, slots=True)
class Rule:
    """What is matched by `expression` (RE2 over Latin-1 bytes, as `normalise` leaves them) is an `entity`.

    The span is the first group where there is one. `hint` is an expression for Hyperscan that is in every text with a
    match, and cheap to compile: what `expression` cannot be without. `check` gets the matched text and what precedes it
    (32 characters at most); without a check the match is enough. `validated`: the check proves more than shape. `cost`
    of the check in microseconds.
    """

    entity: Entity
    expression: str
    hint: str
    check: Callable[[str, str], bool] | None = None
    validated: bool = False
    cost: float = 2.0
