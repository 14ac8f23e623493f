"""One exchange, from the caller's headers to the last byte of the answer. Pure but for the clock it is given.

The servicer calls one method per event and gets one action back. Methods raise `GatewayError` for what the caller or a
provider did wrong, and the servicer answers with `refuse`. `close` is called once, however the exchange ends.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from extproc.apischema.endpoints import Kind
from extproc.errors import ContentFiltered, GatewayError, InternalError
from extproc.exchange import relay
from extproc.exchange.actions import Cut, Deliver, HeaderList, Metadata, Receive, RequestAction, Respond, Upstream
from extproc.exchange.events import (
    Attempt,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.pipeline import answer
from extproc.pipeline.accounting import Clock, Recorder, input_usage, usage_of
from extproc.pipeline.admission import Admission, Stages
from extproc.pipeline.answering import Answering, cost_header
from extproc.pipeline.attempt import prepare
from extproc.pipeline.caching import Caching, Followed
from extproc.pipeline.progress import Progress
from extproc.pipeline.screening import Screening
from extproc.pipeline.snapshot import Leg, Snapshot
from extproc.pipeline.spending import Spending, Treasury

_R = TypeVar("_R")
_TIME_TO_LEAVE_SECONDS = 1.0  # for a caller whose stream was ended by us, before the connection is reset


class Processor:
    """What stays the same from exchange to exchange of one worker. `worker` is its address as Envoy knows it."""

    def __init__(self, *, worker: str, clock: Clock, treasury: Treasury, recorder: Recorder) -> None:
        self.worker = worker
        self.clock = clock
        self.treasury = treasury
        self.recorder = recorder

    def begin(self, snapshot: Snapshot, exchange_id: str, *, relayed: bool = False) -> "Exchange":
        """`relayed`: Envoy has a way to answers that are under way (`exchange.relay`)."""
        return Exchange(self, snapshot, exchange_id, relayed=relayed)


class Exchange:
    """One request and its response. `id` is unguessable: the upstream filter finds the exchange by it."""

    def __init__(self, processor: Processor, snapshot: Snapshot, exchange_id: str, *, relayed: bool) -> None:
        self.id = exchange_id
        self._processor = processor
        self._snapshot = snapshot
        self._clock = processor.clock
        self._progress = Progress(started=processor.clock.monotonic())
        self._counter = processor.treasury.counter
        self._spending = Spending(processor.treasury, snapshot.terms())
        self._screening = Screening(snapshot.screens)
        self._caching = Caching(snapshot.shelf, relayed=relayed)
        stages = Stages(self._spending, self._screening, self._caching)
        self._admission = Admission(snapshot, self._progress, stages, exchange_id, processor.clock.monotonic)
        self._answering: Answering | None = None
        self._refusal: GatewayError | None = None
        self._follows = False
        self._settled = False
        self._cut_short = False
        self._closed = False

    @property
    def request_id(self) -> str:
        return self._progress.request_id

    async def request_headers(self, event: RequestHeaders) -> RequestAction:
        return await self._request(self._admission.headers(event, self._clock.time()))

    async def request_body(self, event: RequestBody) -> RequestAction:
        return await self._request(self._admission.body(event, self._clock.time()))

    async def attempt(self, event: Attempt) -> Upstream:
        """The request for a later attempt. Its body is always given: Envoy still holds an earlier attempt's."""
        if self._follows:
            self._follows = False
            await self._admission.ask_after_all()
        return self._timed("attempt", lambda: self._retry(event))

    async def followed(self) -> Followed | None:
        """The answer to an identical request, which Envoy was sent to; None where there is none, and Envoy is to go on
        to a provider."""
        return await self._caching.followed()

    async def judged(self, event: ResponseHeaders) -> None:
        """Waits for what services say of the request, before any of its answer goes. To be called before
        `response_headers`. Raises a GatewayError."""
        if self._refusal is None and self._answering is not None and event.status < 400:
            await self._screening.judged()

    def response_headers(self, event: ResponseHeaders) -> Receive:
        if self._refusal is not None:
            raise self._refusal  # an attempt was refused, and the refusal comes back through the listener's filter
        if self._answering is None:
            raise answer.early_reply_error(event)
        return self._timed("response", lambda: self._answer().headers(event))

    async def response_body(self, event: ResponseBody) -> Deliver:
        """Raises Cut when the caller has been told that its stream ends here, and has not left."""
        if self._cut_short:
            await self._clock.sleep(_TIME_TO_LEAVE_SECONDS)
            raise Cut
        began = self._clock.monotonic()
        try:
            return await self._deliver(event)
        finally:
            self._progress.spend("response", self._clock.monotonic() - began)

    def response_trailers(self, event: ResponseTrailers) -> Metadata:
        """The end of a response that Python did not see; returns what the access log is to show."""
        self._progress.usage = event.usage
        self._answer().ended = True
        return self._timed("response", self._finish)

    def refuse(self, error: GatewayError) -> Respond:
        """The answer to the caller when this exchange ends in an error."""
        self._refusal = error
        progress = self._progress
        progress.status, progress.error_type = error.status, error.code or error.type
        self._tell_findings()
        refusal = answer.respond(error, progress.dialect, progress.request_id)
        return replace(refusal, metadata=progress.final_metadata())

    def close(self) -> None:
        """Accounts for the exchange, once, however it ended."""
        if self._closed:
            return
        self._closed = True
        progress = self._progress
        if self._answering is not None and not self._answering.ended and not progress.error_type:
            progress.error_type = self._how_it_broke(self._answering)
        if self._caching.broke:
            progress.error_type = progress.error_type or "upstream_error"
        elif self._caching.is_followed:
            progress.error_type = progress.error_type or "cancelled"
        self._settle()
        self._screening.close()
        self._tell_findings()
        self._processor.recorder.record(progress.record(self._clock.monotonic()))

    @staticmethod
    def _how_it_broke(answering: Answering) -> str:
        """Why no end of the answer was seen."""
        if answering.outcome is not None and answering.outcome.complete:
            return ""  # all of it was there; only Envoy's word that nothing follows was not
        if answering.waits_for_usage:
            return "usage_missing"  # the provider gave none, or Envoy closed before it could tell
        return "cancelled"  # the caller went away, or the provider reset the stream

    async def _request(self, stage: Awaitable[RequestAction]) -> RequestAction:
        began = self._clock.monotonic()
        try:
            return self._admit(await stage)
        finally:
            self._progress.spend("request", self._clock.monotonic() - began)

    def _timed(self, stage: str, work: Callable[[], _R]) -> _R:
        began = self._clock.monotonic()
        try:
            return work()
        finally:
            self._progress.spend(stage, self._clock.monotonic() - began)

    def _admit(self, action: RequestAction) -> RequestAction:
        progress = self._progress
        if not isinstance(action, Upstream) or progress.call is None or progress.principal is None:
            return action
        legs = self._admission.legs
        self._follows = follows = self._caching.follows
        progress.attempts = int(not follows)
        watched = self._spending.watches_output or self._screening.rewrites_answers or self._caching.records
        native = not (watched or follows) and self._snapshot.reads_usage_natively(progress.call, legs)
        self._answering = Answering(
            progress.call,
            legs,
            progress,
            self._screening,
            self._caching,
            self._headers,
            native_usage=native,
            follows=follows,
        )
        clusters = tuple(leg.backend.cluster for leg in legs)
        return replace(
            action,
            clusters=(relay.CLUSTER, *clusters) if follows else clusters,
            native_usage=native,
            metadata={
                "exchange": self.id,
                "worker": self._processor.worker,
                **({relay.SOCKET_KEY: relay.socket_of(self._processor.worker)} if follows else {}),
                **progress.caller_metadata(),
                **progress.target_metadata(),
            },
        )

    def _headers(self) -> HeaderList:
        return (*self._spending.headers(), *self._screening.headers(), *self._caching.headers())

    def _retry(self, event: Attempt) -> Upstream:
        call, progress = self._progress.call, self._progress
        leg = self._answer().leg(event.cluster, event.number)
        if leg is None or call is None:
            raise InternalError("an attempt outside the chain")
        action, progress.dropped = prepare(call, leg, self._clock.time())
        progress.leg, progress.attempts = leg, self._answer().number(event.number)
        body = call.body if action.body is None else action.body
        return replace(action, body=body, metadata=progress.target_metadata())

    def _answer(self) -> Answering:
        if self._answering is None:
            raise InternalError("a response without a request")
        return self._answering

    async def _deliver(self, event: ResponseBody) -> Deliver:
        answering, progress = self._answer(), self._progress
        if event.data:
            progress.last_chunk = now = self._clock.monotonic()
            if progress.first_chunk is None:
                progress.first_chunk = now
        action = await answering.judged_body(event) if answering.is_judged else answering.body(event)
        if answering.outcome is not None and not progress.error_type:
            await self._screening.keep(answering.outcome)
        if self._screening.has_refused and not self._settled:
            self._cut_short = not answering.ended
            answering.refused()
        if progress.streamed and not answering.ended and (error := await self._cover(answering)) is not None:
            self._cut_short = True
            action = answering.cut(error)
        if not answering.ended or self._settled:
            return action
        metadata = self._finish()
        headers = cost_header(progress) if answering.headers_open else ()
        return replace(action, headers=(*action.headers, *headers), metadata=metadata)

    async def _cover(self, answering: Answering) -> GatewayError | None:
        """Whether limits and budgets still cover what a stream has produced; else the error to end it with."""
        leg, outcome = self._paid_leg(), answering.outcome
        if leg is None or outcome is None:
            return None
        self._spending.answered_by(leg)
        return await self._spending.cover(outcome, leg.target.model)

    def _finish(self) -> Metadata:
        self._settle()
        self._tell_findings()
        return self._progress.final_metadata()

    def _paid_leg(self) -> Leg | None:
        """The leg by whose price this exchange pays, if it does."""
        return self._progress.leg or (self._admission.charged if self._caching.is_charged else None)

    def _is_billed(self) -> bool:
        """Whether a provider read the request: also for a caller who left before the answer began."""
        status = self._progress.status
        left = status == 0 and self._answering is not None
        return left or 200 <= status < 300 or self._answer_refused()

    def _answer_refused(self) -> bool:
        """Whether a guardrail refused what a provider produced, and is to be paid for."""
        answered = self._answering is not None and self._answering.outcome is not None
        return answered and self._progress.error_type == ContentFiltered.code

    def _tell_findings(self) -> None:
        self._progress.redactions = self._screening.record()
        self._progress.verdicts = self._screening.verdicts()

    def _settle(self) -> None:
        if self._settled:
            return
        self._settled = True
        progress = self._progress
        accounted = False
        try:
            self._account()
            accounted = True
        finally:  # a lease that is not settled would be kept alive for ever, and others wait for the answer
            self._spending.settle(progress.usage, progress.cost)
            good = accounted and progress.status == 200 and not progress.error_type
            self._caching.end(self._answering.outcome if good and self._answering is not None else None, progress.usage)

    def _account(self) -> None:
        """What was used, and what it cost."""
        progress = self._progress
        outcome = self._answering.outcome if self._answering is not None else None
        leg, call = self._paid_leg(), progress.call
        if leg is None or call is None or not self._is_billed():
            return
        if outcome is not None:
            progress.chunks = outcome.chunks
            progress.finish_reasons = tuple(outcome.finish_reasons)
            progress.error_type = progress.error_type or outcome.error
            produced = bool(outcome.text) or not outcome.error
            if outcome.usage is not None or (produced and call.endpoint.kind is Kind.GENERATION):
                progress.usage = self._caching.usage or usage_of(outcome, call, leg, self._counter)
        elif progress.usage is None and call.endpoint.kind is Kind.GENERATION:
            progress.usage = input_usage(call, leg, self._counter)
        if progress.usage is not None and leg.price is not None:
            progress.cost = leg.price.cost(progress.usage)
