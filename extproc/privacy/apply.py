"""What is done about what was found: one action an entity."""

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

    __hash__ = object.__hash__  # enums have one of their own, in Python

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

    def apart(self) -> "Policy":
        """The same where two values must not become one: placeholders for all that would be other text."""
        return Policy({entity: _apart(action) for entity, action in self.actions.items()}, _apart(self.default))


def _apart(action: Action) -> Action:
    return action if action in (Action.OBSERVE, Action.BLOCK) else Action.REPLACE


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


class Applied:
    """A policy at work on the texts of one request; what is found is added to `counts`."""

    def __init__(self, policy: Policy, vault: Vault, counts: dict[Finding, int]) -> None:
        self._counts = counts
        self._policy = policy
        self._vault = vault
        self._findings: dict[str, Finding] = {}

    def to(self, text: str, spans: Sequence[Span]) -> str:
        """The text with each span what the policy says. Overlapping spans are taken as one, named by the first."""
        if len(spans) == 1:
            start, end, entity, _ = spans[0]
            return f"{text[:start]}{self.value(text[start:end], entity)}{text[end:]}" if start < end else text
        pieces: list[str] = []
        at = 0
        for span in disjoint(spans):
            pieces += text[at : span.start], self.value(text[span.start : span.end], span.entity)
            at = span.end
        return "".join(pieces) + text[at:] if pieces else text

    def value(self, value: str, entity: str) -> str:
        """What stands for one value."""
        finding = self._findings.get(entity)
        if finding is None:
            finding = self._findings[entity] = Finding(entity, self._policy.action(entity))
            self._counts.setdefault(finding, 0)
        self._counts[finding] += 1
        if finding.action is Action.REPLACE:  # of a text in which there is much, most
            return self._vault.placeholder(value, entity)
        return stand_in(value, finding, self._vault)


def apply(text: str, spans: Sequence[Span], policy: Policy, vault: Vault) -> Redacted:
    """Does to each span of a text that is a request of its own what the policy says."""
    counts: dict[Finding, int] = {}
    return Redacted(Applied(policy, vault, counts).to(text, spans), counts)


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
    if len(spans) == 1 and spans[0].start < spans[0].end:
        return list(spans)
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
