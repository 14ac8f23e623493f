"""Guardrails: what may be asked of a model and what it may answer, by the first entry that is for the caller and model.

Rules are the document's, what they find is `guardrails`'. Local rules look at a request before anything else is done
with it. Services are asked about what leaves, after redaction, while the provider is at work already; their word is
awaited before the answer's headers go. Answers are looked at on their way back, before values are restored.

Imported where a document has guardrails only: the engines take ten megabytes.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from extproc.apischema.endpoints import EMBEDDINGS
from extproc.clients.judge import Judge, Question
from extproc.config.guardrails import Guardrails as GuardrailsSection
from extproc.config.guardrails import GuardrailUse
from extproc.config.privacy import Unreadable
from extproc.guardrails.engine import AnswerRules, Guardrails
from extproc.guardrails.remote import Pending, RemoteRule, start
from extproc.guardrails.rule import Action, Phase
from extproc.guardrails.stream import GuardedStream, guarded
from extproc.guardrails.verdict import ContentFiltered, Tally, Verdict
from extproc.guardrails.view import RequestView, read_request
from extproc.policy.principal import Principal
from extproc.policy.redact import LARGE, Offload, is_for, is_readable, weight
from extproc.policy.token_ids import has_token_ids
from extproc.privacy.restore_stream import text_escaping
from extproc.telemetry.record import VerdictCount
from extproc.translator.base import Call, Outcome, Response
from extproc.wire.json_object import parse_object

_log = logging.getLogger(__name__)


class TwoEngines:
    """Compiled rules for the event loop, and their twin for the thread beside it, made there when first needed."""

    def __init__(self, compile_: Callable[[], Guardrails]) -> None:
        self._compile = compile_
        self.engine = compile_()
        self._apart: Guardrails | None = None

    def apart(self) -> Guardrails:
        if self._apart is None:
            self._apart = self._compile()
        return self._apart


@dataclass(frozen=True, slots=True)
class Service:
    """A rule that a service decides."""

    rule: RemoteRule
    judge: Judge


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one entry, made ready."""

    use: GuardrailUse
    engines: TwoEngines
    services: tuple[Service, ...] = ()


class Guards:
    """The guardrails of one document; a set of rules for each of its entries, in their order."""

    def __init__(self, section: GuardrailsSection, sets: Mapping[GuardrailUse, RuleSet], offload: Offload) -> None:
        self._sets = tuple(sets[use] for use in section.uses)
        self._offload = offload

    def begin(self, caller: Principal, model: str, name: str) -> "Guarding | None":
        """For one exchange: `model` is the operator's name of the model, `name` the caller's. None without rules."""
        chosen = next((one for one in self._sets if is_for(one.use, caller, model, name)), None)
        return None if chosen is None else Guarding(chosen, self._offload)


class Guarding:
    """One exchange under one set of rules."""

    def __init__(self, rules: RuleSet, offload: Offload) -> None:
        self._rules = rules
        self._offload = offload
        self._asked = Tally()
        self._answered = Tally()
        self._answer_rules: AnswerRules | None = None
        self._pending: list[Pending] = []
        self._stream: GuardedStream[Outcome] | None = None

    async def request(self, call: Call) -> Call:
        """The call without what rules redact. Raises ContentFiltered, or InvalidRequest for what cannot be read."""
        if not is_readable(call):
            return self._unread(call)
        if has_token_ids(call.fields):
            call = self._unread(call)
        if _is_large(call):
            body = await self._offload(lambda: self._checked(call, self._rules.engines.apart()))
        else:
            body = self._checked(call, self._rules.engines.engine)
        call = call if body is call.body else replace(call, body=body, fields=parse_object(body))
        self._answer_rules = self._rules.engines.engine.answer(call.fields)
        return call

    async def ask(self, call: Call, metadata: Mapping[str, str]) -> None:
        """Asks the services about what leaves, without waiting for what they say."""
        if not self._rules.services or not call.fields:
            return
        question = Question(Phase.REQUEST.value, await self._texts(call), metadata)
        self._pending = [start(service.rule, service.judge, question) for service in self._rules.services]

    async def judged(self) -> None:
        """Waits for the services, each for as long as its own timeout. Raises ContentFiltered."""
        for pending, service in zip(self._pending, self._rules.services, strict=False):
            said = await pending.verdict()
            if said.failure:
                fields = {"rule": service.rule.name, "why": said.failure}
                _log.warning("guardrail service failed", extra={"fields": fields})
            if said.verdict is not None:
                self._asked.add([said.verdict])
                _refuse(said.verdict, "request")

    @property
    def rewrites_answers(self) -> bool:
        return self._answer_rules is not None and self._answer_rules.apply

    @property
    def has_refused(self) -> bool:
        """Whether a stream was ended by a rule."""
        return self._stream is not None and self._stream.refused

    def answer(self, response: Response, call: Call, *, streamed: bool) -> Response:
        """The response, looked at on its way."""
        rules = self._answer_rules
        if rules is None or call.endpoint == EMBEDDINGS:
            return response
        escaping = text_escaping(call.fields)
        made = guarded(response, rules, self._answered, call.endpoint, escaping, streamed=streamed)
        self._stream = made if isinstance(made, GuardedStream) else None
        return made

    def verdicts(self) -> tuple[VerdictCount, ...]:
        """What the rules found so far, in an order of its own."""
        return (*_counted(self._asked, Phase.REQUEST), *_counted(self._answered, Phase.RESPONSE))

    def close(self) -> None:
        for pending in self._pending:
            pending.cancel()

    async def _texts(self, call: Call) -> tuple[str, ...]:
        view = await self._offload(lambda: read_request(call.fields)) if _is_large(call) else read_request(call.fields)
        return tuple(text.text for text in view.texts)

    def _checked(self, call: Call, engine: Guardrails) -> bytes:
        view = read_request(call.fields) if call.fields else RequestView(())
        verdicts = engine.check_request(view)
        self._asked.add(verdicts.all)
        if verdicts.blocking is not None:
            raise ContentFiltered(verdicts.blocking.rule)
        return engine.redact(call.body, Phase.REQUEST) if verdicts.redacts else call.body

    def _unread(self, call: Call) -> Call:
        if self._rules.use.unreadable is Unreadable.REFUSE:
            raise ContentFiltered("unreadable")
        return call


def _is_large(call: Call) -> bool:
    return weight(call.body) > LARGE


def _refuse(verdict: Verdict, what: str) -> None:
    if verdict.action is Action.BLOCK and not verdict.shadow:
        raise ContentFiltered(verdict.rule, what)


def _counted(tally: Tally, phase: Phase) -> list[VerdictCount]:
    return sorted(
        VerdictCount(one.rule, one.action.value, "shadow" if one.shadow else "enforce", phase.value, count)
        for one, count in tally.counts.items()
    )
