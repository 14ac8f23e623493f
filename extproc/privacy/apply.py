"""What is done about what was found: one action an entity."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from extproc.privacy.detect.span import Span
from extproc.privacy.vault import Vault

Find = Callable[[str], Sequence[Span]]


class Action(Enum):
    """`REPLACE` and `SURROGATE` can be restored, `MASK` and `HASH` cannot. `BLOCK` refuses the request."""

    OBSERVE = "observe"
    MASK = "mask"
    HASH = "hash"
    REPLACE = "replace"
    SURROGATE = "surrogate"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Policy:
    """The action for each entity, and for those that are not named."""

    actions: Mapping[str, Action] = field(default_factory=dict)
    default: Action = Action.REPLACE

    def action(self, entity: str) -> Action:
        return self.actions.get(entity, self.default)


class Finding(NamedTuple):
    entity: str
    action: Action


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without what was found in it, and how often what was found."""

    text: str = field(repr=False)
    counts: Mapping[Finding, int]

    @property
    def blocked(self) -> frozenset[str]:
        """The entities for which the request is to be refused."""
        return blocked(self.counts)


def blocked(counts: Mapping[Finding, int]) -> frozenset[str]:
    return frozenset(entity for entity, action in counts if action is Action.BLOCK)


def apply(text: str, spans: Sequence[Span], policy: Policy, vault: Vault) -> Redacted:
    """Does to each span of the text what the policy says. Overlapping spans are taken as one, named by the first."""
    counts: Counter[Finding] = Counter()
    findings: dict[str, Finding] = {}
    pieces: list[str] = []
    at = 0
    for span in disjoint(spans):
        finding = findings.get(span.entity)
        if finding is None:
            finding = findings[span.entity] = Finding(span.entity, policy.action(span.entity))
        counts[finding] += 1
        pieces += text[at : span.start], stand_in(text[span.start : span.end], finding, vault)
        at = span.end
    return Redacted("".join(pieces) + text[at:], counts)


def stand_in(value: str, finding: Finding, vault: Vault) -> str:
    """What a value is replaced by. What blocks a request is masked, so that no later mistake lets it through."""
    entity, action = finding
    match action:
        case Action.OBSERVE:
            return value
        case Action.MASK | Action.BLOCK:
            return f"<{entity}>"
        case Action.HASH:
            return vault.hashed(value, entity)
        case Action.REPLACE:
            return vault.placeholder(value, entity)
        case Action.SURROGATE:
            return vault.surrogate(value, entity)


def disjoint(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that overlap made one."""
    if all(one.start < one.end <= other.start < other.end for one, other in pairwise(spans)) and len(spans) > 1:
        return list(spans)  # as detectors give them: thousands need not be sorted again
    found: list[Span] = []
    for span in sorted(spans, key=_place):
        if span.start >= span.end:
            continue
        if found and span.start < found[-1].end:
            before = found.pop()
            span = Span(before.start, max(before.end, span.end), before.entity, before.validated)
        found.append(span)
    return found


def _place(span: Span) -> tuple[int, int]:
    return span.start, -span.end
