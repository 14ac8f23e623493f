"""An exchange's dealings with guardrails and privacy policies: what leaves in its request, and what its answer becomes.

A request is guarded first, then redacted, and then the services are asked: they see no more than the provider does. An
answer is guarded before it is restored, by services too: the caller's own values set off no rule. Services are waited
for, and nothing else here is; so where they have a say in an answer, it goes by them in a step of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from extproc.config.limits import Mode
from extproc.config.model import Gateway
from extproc.errors import ContentFiltered, InternalError
from extproc.exchange.actions import HeaderList
from extproc.policy.principal import Principal
from extproc.policy.redact import Redaction, Redactor
from extproc.privacy.restore_stream import restored, text_escaping
from extproc.telemetry.record import EntityCount, Redactions, VerdictCount
from extproc.translator.base import Call, Outcome, Response


class Given:
    """An answer to which nothing is done, as a `Response`."""

    def __init__(self) -> None:
        self.outcome = Outcome(complete=True)

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class Guarding(Protocol):
    """One exchange under guardrails: `policy.guard.Guarding`, which is imported where there are some."""

    async def request(self, call: Call) -> Call: ...

    async def redact(self, call: Call, metadata: Mapping[str, str]) -> Call: ...

    async def ask(self, call: Call) -> None: ...

    async def judged(self) -> None: ...

    def kept(self) -> None: ...

    @property
    def rewrites_answers(self) -> bool: ...

    @property
    def has_refused(self) -> bool: ...

    def answer(self, response: Response, call: Call, *, streamed: bool) -> Response: ...

    def judge(self, call: Call, *, streamed: bool) -> "Judged | None": ...

    def verdicts(self) -> tuple[VerdictCount, ...]: ...

    def close(self) -> None: ...


class Judged(Protocol):
    """What asks services about an answer: `guardrails.judged.Judged`."""

    async def feed(self, data: bytes, *, last: bool) -> bytes: ...


class Guards(Protocol):
    """The guardrails of a document."""

    def begin(self, caller: Principal, model: str, name: str) -> Guarding | None: ...


@dataclass(frozen=True, slots=True)
class Screens:
    """What the exchanges of one document share: what its sections `privacy` and `guardrails` need, if it has them."""

    redactor: Redactor | None = None
    guards: Guards | None = None

    def check(self, gateway: Gateway) -> None:
        """Raises InternalError where a request would pass unseen."""
        if gateway.privacy is not None and self.redactor is None:
            raise InternalError("a privacy section without a redactor")
        if gateway.guardrails is not None and self.guards is None:
            raise InternalError("a guardrails section without guards")


class Judging:
    """The way of an answer that services have a say in, from the last local rule to the caller."""

    def __init__(self, judged: Judged, rest: Response) -> None:
        """`rest` is what is done with what may go."""
        self._judged = judged
        self._rest = rest

    async def feed(self, data: bytes, *, last: bool) -> bytes:
        """Waits for services as long as it has to, never longer than their timeouts. Raises a GatewayError."""
        passed = await self._judged.feed(data, last=last)
        return self._rest.feed(passed) + (self._rest.finish() if last else b"")


@dataclass(frozen=True, slots=True)
class Screened:
    """An answer on its way: `response`, and what comes of it through `judging` then, if services have a say."""

    response: Response
    judging: Judging | None = None


class Screening:
    """One of an exchange. Without an applicable policy or rule it does nothing."""

    def __init__(self, screens: Screens) -> None:
        self._redactor = screens.redactor
        self._guards = screens.guards
        self._redaction: Redaction | None = None
        self._guarding: Guarding | None = None
        self._kept = False

    async def request(self, call: Call, caller: Principal, model: str, name: str) -> Call:
        """What may leave of a call; `model` is the operator's name of the model, `name` the caller's.

        Raises a GatewayError for what may not: its code is `content_filter`, or RequestTooLarge.
        """
        if self._guards is not None:
            self._guarding = self._guards.begin(caller, model, name)
        guarding = self._guarding
        if guarding is None:
            return await self._redacted(call, caller, model, name)
        call = await self._redacted(await guarding.request(call), caller, model, name)
        return await guarding.redact(call, {"model": model, "key": caller.alias, "team": caller.team})

    async def ask(self, call: Call) -> None:
        """Asks services about what leaves; `judged` has what they say."""
        if self._guarding is not None:
            await self._guarding.ask(call)

    async def judged(self) -> None:
        """Waits for what services say of the request, never longer than their timeouts. Raises a GatewayError."""
        if self._guarding is not None:
            await self._guarding.judged()

    async def _redacted(self, call: Call, caller: Principal, model: str, name: str) -> Call:
        redactor = self._redactor
        policy = redactor.policy(caller, model, name) if redactor is not None else None
        if redactor is None or policy is None:
            return call
        self._redaction = redaction = await redactor.redact(policy, call, caller)
        if redaction.blocked:
            raise ContentFiltered(
                f"The privacy policy {policy.name!r} refuses requests with {', '.join(redaction.blocked)}."
            )
        return redaction.call

    @property
    def rewrites_answers(self) -> bool:
        """Whether the answer has to be seen, and may become another."""
        guarded = self._guarding is not None and self._guarding.rewrites_answers
        return guarded or (self._redaction is not None and self._redaction.tokens is not None)

    @property
    def has_refused(self) -> bool:
        """Whether a stream was ended by a rule: the caller has been told, and nothing more is to come."""
        return self._guarding is not None and self._guarding.has_refused

    async def keep(self, outcome: Outcome) -> None:
        """Keeps the mapping for what follows a complete answer, once; to be called before the answer's end goes."""
        redaction = self._redaction
        if redaction is None or redaction.keep is None or self._kept or self.has_refused:
            return
        if outcome.complete and not outcome.error:
            self._kept = True
            await redaction.keep(outcome.response_id)

    def close(self) -> None:
        """Nobody waits any more for what services say."""
        if self._guarding is not None:
            self._guarding.close()

    def verdicts(self) -> tuple[VerdictCount, ...]:
        """What guardrails found so far."""
        return self._guarding.verdicts() if self._guarding is not None else ()

    def headers(self) -> HeaderList:
        """`x-gateway-redactions`: how many values of each entity did not leave as they were."""
        if self._redaction is None or self._redaction.mode is Mode.SHADOW:
            return ()
        counts = ",".join(f"{one.entity}={one.count}" for one in self._counts(self._redaction) if one.changes)
        return (("x-gateway-redactions", counts),) if counts else ()

    def answer(self, response: Response, call: Call, *, streamed: bool) -> Screened:
        """The response, guarded, with the caller's values in it again."""
        guarding = self._guarding
        if guarding is None:
            return Screened(self.error(response, call, streamed=streamed))
        response = guarding.answer(response, call, streamed=streamed)
        judged = guarding.judge(call, streamed=streamed)
        if judged is None:
            return Screened(self.error(response, call, streamed=streamed))
        return Screened(response, Judging(judged, self.error(Given(), call, streamed=streamed)))

    async def kept(self, call: Call, body: bytes) -> bytes:
        """An answer that was given before, as rules and policies let it pass to this caller. Raises a GatewayError."""
        if self._guarding is not None:
            self._guarding.kept()
        await self.judged()
        screened = self.answer(Given(), call, streamed=call.stream)
        body = screened.response.feed(body) + screened.response.finish()
        return body if screened.judging is None else await screened.judging.feed(body, last=True)

    def error(self, response: Response, call: Call, *, streamed: bool = False) -> Response:
        """As `answer`, for what is the provider's own and no model's: restored only, since it may quote the request."""
        redaction = self._redaction
        if redaction is None or redaction.tokens is None:
            return response
        return restored(response, redaction.tokens, call.endpoint, text_escaping(call.fields), streamed=streamed)

    def record(self) -> Redactions | None:
        """What became of the request and its answer; None without a policy."""
        redaction = self._redaction
        if redaction is None:
            return None
        found = redaction.tokens.found if redaction.tokens is not None else None
        return Redactions(
            policy=redaction.policy,
            mode=redaction.mode.value,
            counts=tuple(self._counts(redaction)),
            restored=found.restored if found is not None else 0,
            unknown=found.unknown if found is not None else 0,
            unrestored=found.cut_off if found is not None else 0,
        )

    @staticmethod
    def _counts(redaction: Redaction) -> list[EntityCount]:
        counts = redaction.counts.items()
        return sorted(EntityCount(finding.entity, finding.action.value, count) for finding, count in counts)
