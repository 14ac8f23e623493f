"""Guardrails: what may be asked of a model and what it may answer, by the first entry that is for the caller and model.

Rules are the document's, what they find is `guardrails`'. Local rules look at a request before anything else is done
with it. Services are asked about what leaves, after redaction: those that redact before it leaves, the others while the
provider is at work already; their word is awaited before the answer's headers go. Answers are looked at on their way
back, before values are restored: by local rules, then by services.

Imported where a document has guardrails only: the engines take ten megabytes.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from extproc.apischema.endpoints import EMBEDDINGS
from extproc.config.guardrails import Guardrails as GuardrailsSection
from extproc.config.guardrails import GuardrailUse
from extproc.config.privacy import Unreadable
from extproc.guardrails.engine import AnswerRules, Guardrails
from extproc.guardrails.judged import Judged, JudgedStream, JudgedWhole
from extproc.guardrails.judged_texts import Windows
from extproc.guardrails.remote import Asked, Inquiry, RemoteRule, Said, Service, redacted
from extproc.guardrails.rule import Phase
from extproc.guardrails.stream import GuardedStream, guarded
from extproc.guardrails.verdict import ContentFiltered, Tally
from extproc.guardrails.view import RequestView, read_request
from extproc.policy.principal import Principal
from extproc.policy.redact import LARGE, Offload, is_for, is_readable, weight
from extproc.policy.token_ids import has_token_ids
from extproc.privacy.restore_stream import text_escaping
from extproc.telemetry.record import VerdictCount
from extproc.translator.base import Call, Outcome, Response
from extproc.wire.json_object import parse_object

_log = logging.getLogger(__name__)
_MESSAGE_SECONDS = 4.5
"""The most that services may take of what Envoy waits for one message (`message_timeout`, 5 s), where more than one of
an exchange's questions falls into it."""


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


class RuleSet:
    """The rules of one entry, made ready. Services that redact requests are asked `before` they leave."""

    def __init__(self, use: GuardrailUse, engines: TwoEngines, services: Iterable[Service] = ()) -> None:
        given = tuple(services)
        asked = tuple(service for service in given if service.rule.phase.covers(Phase.REQUEST))
        self.use = use
        self.engines = engines
        self.windows = Windows(use.window, use.overlap)
        self.before = tuple(service for service in asked if service.rule.rewrites)
        self.beside = tuple(service for service in asked if not service.rule.rewrites)
        self.after = tuple(service for service in given if service.rule.phase.covers(Phase.RESPONSE))


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
    """One exchange under one set of rules. For a running event loop."""

    def __init__(self, rules: RuleSet, offload: Offload) -> None:
        self._rules = rules
        self._offload = offload
        self._asked = Tally()
        self._answered = Tally()
        self._answer_rules: AnswerRules | None = None
        self._metadata: Mapping[str, str] = {}
        self._inquiries: list[Inquiry] = []
        self._beside: Asked | None = None
        self._stream: GuardedStream[Outcome] | Judged | None = None
        self._began = asyncio.get_running_loop().time()
        self._by: float | None = None

    async def request(self, call: Call) -> Call:
        """The call without what local rules redact. Raises ContentFiltered, or InvalidRequest for what cannot be
        read."""
        if not is_readable(call):
            return self._unread(call)
        if has_token_ids(call.fields):
            call = self._unread(call)
        if _is_large(call):
            body = await self._offload(lambda: self._checked(call, self._rules.engines.apart()))
        else:
            body = self._checked(call, self._rules.engines.engine)
        call = _with(call, body)
        self._answer_rules = self._rules.engines.engine.answer(call.fields)
        return call

    async def redact(self, call: Call, metadata: Mapping[str, str]) -> Call:
        """The call without what services redact, as they say before it leaves. Raises ContentFiltered.

        `metadata` says whose the exchange is, and what for.
        """
        self._metadata = metadata
        if not self._rules.before or not call.fields:
            return call
        texts = await self._texts(call)
        redactions = await self._inquiry(self._rules.before, Phase.REQUEST).ask(texts).verdict()
        if _is_large(call):
            return _with(call, await self._offload(lambda: redacted(call.body, redactions, texts, "request")))
        return _with(call, redacted(call.body, redactions, texts, "request"))

    async def ask(self, call: Call) -> None:
        """Asks the other services about what leaves, without waiting for what they say."""
        if self._rules.beside and call.fields:
            texts = await self._texts(call)
            self._beside = self._inquiry(self._rules.beside, Phase.REQUEST).ask(texts)

    async def judged(self) -> None:
        """Waits for them, each for as long as its own timeout. Raises ContentFiltered."""
        if self._beside is not None:
            await self._beside.verdict(self._by)

    def kept(self) -> None:
        """The answer is there already: services have to say all they say of it while Envoy waits for one message."""
        self._by = self._began + _MESSAGE_SECONDS

    @property
    def rewrites_answers(self) -> bool:
        rules = self._answer_rules
        return rules is not None and (rules.apply or bool(self._rules.after))

    @property
    def has_refused(self) -> bool:
        """Whether a stream was ended by a rule."""
        return self._stream is not None and self._stream.refused

    def answer(self, response: Response, call: Call, *, streamed: bool) -> Response:
        """The response, looked at by local rules on its way."""
        rules = self._answer_rules
        if rules is None or call.endpoint == EMBEDDINGS:
            return response
        escaping = text_escaping(call.fields)
        made = guarded(response, rules, self._answered, call.endpoint, escaping, streamed=streamed)
        self._stream = made if isinstance(made, GuardedStream) else None
        return made

    def judge(self, call: Call, *, streamed: bool) -> Judged | None:
        """What asks services about the answer that comes of `answer`; None where there are none."""
        if self._answer_rules is None or not self._rules.after or call.endpoint == EMBEDDINGS:
            return None
        inquiry = self._inquiry(self._rules.after, Phase.RESPONSE)
        if not streamed:
            return JudgedWhole(inquiry, call.endpoint, self._by)
        local, escaping = self._stream, text_escaping(call.fields)
        ended = (lambda: False) if local is None else (lambda: local.refused)
        made = JudgedStream(inquiry, call.endpoint, escaping, self._rules.windows, ended, self._by)
        self._stream = made
        return made

    def verdicts(self) -> tuple[VerdictCount, ...]:
        """What the rules found so far, in an order of its own."""
        return (*_counted(self._asked, Phase.REQUEST), *_counted(self._answered, Phase.RESPONSE))

    def close(self) -> None:
        for inquiry in self._inquiries:
            inquiry.close()

    def _inquiry(self, services: tuple[Service, ...], phase: Phase) -> Inquiry:
        tally = self._asked if phase is Phase.REQUEST else self._answered

        def hear(rule: RemoteRule, said: Said) -> None:
            if said.failure:
                fields = {"rule": rule.name, "why": said.failure}
                _log.warning("guardrail service failed", extra={"fields": fields})
            if said.verdict is not None:
                tally.add([said.verdict])

        made = Inquiry(services, phase, self._metadata, hear)
        self._inquiries.append(made)
        return made

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


def _with(call: Call, body: bytes) -> Call:
    return call if body is call.body else replace(call, body=body, fields=parse_object(body))


def _counted(tally: Tally, phase: Phase) -> list[VerdictCount]:
    return sorted(
        VerdictCount(one.rule, one.action.value, "shadow" if one.shadow else "enforce", phase.value, count)
        for one, count in tally.counts.items()
    )
