"""Rules that a service decides: asked beside the request to the provider, awaited before the answer's first byte.

    pending = start(rule, judge, Question("request", texts, metadata))
    …                                   # the request is on its way
    said = await pending.verdict()      # or pending.cancel()

What a service that fails means is the rule's to say. Nothing is logged here: `failure` is fit to be.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import re2

from extproc.clients.judge import Judge, JudgeError, Judgement, Question, Replacement, Ruling
from extproc.guardrails.rule import Action, Rule
from extproc.guardrails.verdict import Verdict
from extproc.privacy.detect.span import Span
from extproc.privacy.walk import mask_body

_MEMORY = 64 << 20


class OnFailure(StrEnum):
    DENY = "deny"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRule(Rule):
    """A service's judgement. With the action `observe` it is only counted; `block` refuses what it would redact too."""

    on_failure: OnFailure = OnFailure.DENY


@dataclass(frozen=True, slots=True)
class Said:
    """What came of asking: `verdict` None if there is nothing against it. `failure` says why there was no judgement."""

    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    failure: str = ""


class Pending:
    """A question that is being asked."""

    def __init__(self, rule: RemoteRule, task: "asyncio.Task[Judgement]") -> None:
        self._rule = rule
        self._task = task

    async def verdict(self) -> Said:
        """Waits for it; may be asked again."""
        try:
            return _said(self._rule, await asyncio.shield(self._task))
        except JudgeError as error:
            return Said(_failed(self._rule), failure=str(error))

    def cancel(self) -> None:
        """The answer is not needed any more."""
        self._task.cancel()


def start(rule: RemoteRule, judge: Judge, question: Question) -> Pending:
    """Asks, without waiting. For a running event loop."""
    task = asyncio.create_task(judge.judge(question))
    task.add_done_callback(_taken)
    return Pending(rule, task)


def redact(document: bytes, replacements: tuple[Replacement, ...]) -> bytes:
    """A body with every occurrence of what a service wants replaced. Raises InvalidRequest for what is no JSON."""
    labels = {replacement.text: replacement.label for replacement in replacements}
    if not labels:
        return document
    expression = _either(labels)

    def find(text: str) -> list[Span]:
        return [Span(match.start(), match.end(), labels[match[0]]) for match in expression.finditer(text)]

    return mask_body(document, find)


def _either(texts: Iterable[str]) -> re2._Regexp:
    """Any of the texts, the longest first."""
    options = re2.Options()
    options.max_mem = _MEMORY
    return re2.compile("|".join(map(re2.escape, sorted(texts, key=len, reverse=True))), options)


def _said(rule: RemoteRule, judgement: Judgement) -> Said:
    if judgement.ruling is Ruling.ALLOW:
        return Said(reasons=judgement.reasons)
    redacts = judgement.ruling is Ruling.REDACT and rule.action is Action.REDACT
    action = Action.REDACT if redacts else Action.OBSERVE if rule.action is Action.OBSERVE else Action.BLOCK
    verdict = Verdict(rule.name, action, shadow=not rule.enforced)
    return Said(verdict, judgement.reasons, judgement.replacements if redacts and rule.enforced else ())


def _failed(rule: RemoteRule) -> Verdict | None:
    if rule.on_failure is OnFailure.ALLOW:
        return None
    action = Action.OBSERVE if rule.action is Action.OBSERVE else Action.BLOCK
    return Verdict(rule.name, action, shadow=not rule.enforced)


def _taken(task: "asyncio.Task[Judgement]") -> None:
    """An error that nobody waits for is nobody's any more."""
    if not task.cancelled():
        task.exception()
