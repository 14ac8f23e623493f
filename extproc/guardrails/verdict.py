"""What rules say about a request or an answer. Never what it was about: places in a text, no text."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from extproc.errors import GatewayError
from extproc.guardrails.rule import Action, Rule
from extproc.privacy.detect.span import Span


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's. `matched` are places in the texts, each in its own; empty where a rule points at none."""

    rule: str
    action: Action
    matched: tuple[Span, ...] = ()
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Those of all rules that had something to say."""

    all: tuple[Verdict, ...] = ()

    @property
    def blocking(self) -> Verdict | None:
        """The first for which the request or answer is refused."""
        return self._first(Action.BLOCK)

    @property
    def redacts(self) -> bool:
        return self._first(Action.REDACT) is not None

    def _first(self, action: Action) -> Verdict | None:
        return next((verdict for verdict in self.all if verdict.action is action and not verdict.shadow), None)


def verdict_of(rule: Rule, matched: Iterable[Span] = ()) -> Verdict:
    return Verdict(rule.name, rule.action, tuple(matched), not rule.enforced)


class Count(NamedTuple):
    """What is counted of a verdict: fit for metrics and audits."""

    rule: str
    action: Action
    shadow: bool


def counted(verdicts: Iterable[Verdict]) -> Counter[Count]:
    """How often each rule found something; a verdict without places counts as one finding."""
    counts: Counter[Count] = Counter()
    for verdict in verdicts:
        counts[Count(verdict.rule, verdict.action, verdict.shadow)] += max(1, len(verdict.matched))
    return counts


class ContentFiltered(GatewayError):
    """A guardrail refused the request or the answer: 400. Names the rule, never the content; not to be tried again."""

    status = 400
    type = "invalid_request_error"
    code = "content_filter"

    def __init__(self, rule: str, what: str = "request") -> None:
        message = f"The {what} was refused by the guardrail {rule!r}."
        super().__init__(message, headers={"x-should-retry": "false"}, details={"rule": rule})


@dataclass(slots=True)
class Tally:
    """The counts of one exchange, filled in while it goes on."""

    counts: Counter[Count] = field(default_factory=Counter)

    def add(self, verdicts: Iterable[Verdict]) -> None:
        self.counts.update(counted(verdicts))
