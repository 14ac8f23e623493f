"""Rules that services decide: asked beside what is on its way, awaited before it goes on.

    inquiry = Inquiry(services, Phase.REQUEST, metadata, hear)
    asked = inquiry.ask(texts)
    …                                   # the request is on its way
    redactions = await asked.verdict()  # raises ContentFiltered
    inquiry.close()                     # whoever has not answered yet need not

What a service that fails means is the rule's to say. Nothing is logged here: `Said.failure` is fit to be.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import re2

from extproc.clients.judge import Judge, JudgeError, Judgement, Question, Replacement, Ruling
from extproc.guardrails.rule import Action, Phase, Rule
from extproc.guardrails.verdict import ContentFiltered, Verdict
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

    @property
    def rewrites(self) -> bool:
        """Whether what it is asked about may become something else."""
        return self.action is Action.REDACT and self.enforced


@dataclass(frozen=True, slots=True)
class Service:
    """A rule, and who decides it."""

    rule: RemoteRule
    judge: Judge


@dataclass(frozen=True, slots=True)
class Redaction:
    """What the service of one rule wants replaced."""

    rule: str
    replacements: tuple[Replacement, ...]


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

    @property
    def rule(self) -> RemoteRule:
        return self._rule

    @property
    def done(self) -> bool:
        return self._task.done()

    async def verdict(self, by: float | None = None) -> Said:
        """Waits for it, until `by` of the event loop's time; may be asked again."""
        try:
            async with asyncio.timeout_at(by):
                return _said(self._rule, await asyncio.shield(self._task))
        except JudgeError as error:
            return Said(_failed(self._rule), failure=str(error))
        except TimeoutError:
            return Said(_failed(self._rule), failure="there was no time left for the service to answer")

    def cancel(self) -> None:
        """The answer is not needed any more."""
        self._task.cancel()


def start(rule: RemoteRule, judge: Judge, question: Question) -> Pending:
    """Asks, without waiting. For a running event loop."""
    task = asyncio.create_task(judge.judge(question))
    task.add_done_callback(_taken)
    return Pending(rule, task)


Hear = Callable[[RemoteRule, Said], None]
"""Is told what each service said, once for each question."""


class Asked:
    """One question that several services are being asked."""

    def __init__(self, pending: Sequence[Pending], what: str, hear: Hear) -> None:
        self._pending = pending
        self._what = what
        self._hear = hear

    @property
    def done(self) -> bool:
        """Whether nobody has to be waited for."""
        return all(pending.done for pending in self._pending)

    async def verdict(self, by: float | None = None) -> tuple[Redaction, ...]:
        """Waits for all, never longer than each one's timeout, nor than `by`: what is to be replaced.

        Raises ContentFiltered.
        """
        redactions: list[Redaction] = []
        for pending in self._pending:
            said = await pending.verdict(by)
            self._hear(pending.rule, said)
            if said.verdict is not None and said.verdict.action is Action.BLOCK and not said.verdict.shadow:
                raise ContentFiltered(said.verdict.rule, self._what)
            if said.replacements:
                redactions.append(Redaction(pending.rule.name, said.replacements))
        return tuple(redactions)

    def cancel(self) -> None:
        for pending in self._pending:
            pending.cancel()


class Inquiry:
    """What services are asked about one exchange's request, or its answer."""

    def __init__(self, services: Sequence[Service], phase: Phase, metadata: Mapping[str, str], hear: Hear) -> None:
        self._services = services
        self._phase = phase
        self._metadata = metadata
        self._hear = hear
        self._asked: list[Asked] = []

    def ask(self, texts: Iterable[str]) -> Asked:
        """Asks all, without waiting; nobody, if there is no text in it."""
        given = tuple(text for text in texts if text.strip())
        question = Question(self._phase.value, given, self._metadata)
        services = self._services if given else ()
        pending = [start(service.rule, service.judge, question) for service in services]
        asked = Asked(pending, "request" if self._phase is Phase.REQUEST else "answer", self._hear)
        self._asked = [*(one for one in self._asked if not one.done), asked]
        return asked

    def close(self) -> None:
        """Nobody waits for an answer any more."""
        for asked in self._asked:
            asked.cancel()


def redact(document: bytes, replacements: tuple[Replacement, ...]) -> bytes:
    """A body with every occurrence of what a service wants replaced. Raises InvalidRequest for what is no JSON."""
    return mask_body(document, finder(replacements)) if replacements else document


def redacted(document: bytes, redactions: tuple[Redaction, ...], texts: Iterable[str], what: str) -> bytes:
    """As `redact`; `texts` are those of the document, as the services saw them, and `what` it is.

    Raises ContentFiltered for what stands in none of its strings, since it lies across two.
    """
    if not redactions:
        return document
    find = finder(tuple(chain.from_iterable(redaction.replacements for redaction in redactions)))
    replaced: set[str] = set()

    def noted(text: str) -> list[Span]:
        spans = find(text)
        replaced.update(text[span.start : span.end] for span in spans)
        return spans

    made = mask_body(document, noted)
    if all(text[span.start : span.end] in replaced for text in texts for span in find(text)):
        return made
    raise ContentFiltered(redactions[0].rule, what)


def finder(replacements: tuple[Replacement, ...]) -> Callable[[str], list[Span]]:
    """What finds all of them in a text, as spans of their labels; there is at least one. For one thread."""
    labels = {replacement.text: replacement.label for replacement in replacements}
    expression = _either(labels)
    return lambda text: [Span(match.start(), match.end(), labels[match[0]]) for match in expression.finditer(text)]


def _either(texts: Iterable[str]) -> re2._Regexp:
    """Any of the texts, the longest first."""
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
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
