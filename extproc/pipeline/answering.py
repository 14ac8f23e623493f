"""The response side of an exchange: from the provider's headers to the last byte the caller gets."""

from collections.abc import Callable
from functools import partial

from extproc.apischema.endpoints import Kind
from extproc.errors import ContentFiltered, GatewayError, InternalError, NoBackendAvailable, UpstreamError
from extproc.exchange import relay
from extproc.exchange.actions import BodyMode, Deliver, HeaderList, Receive
from extproc.exchange.events import ResponseBody, ResponseHeaders
from extproc.genai.money import format_dollars
from extproc.pipeline import answer
from extproc.pipeline.caching import Caching
from extproc.pipeline.progress import Progress
from extproc.pipeline.screening import Judging, Screening
from extproc.pipeline.snapshot import Leg
from extproc.telemetry.record import DataPath
from extproc.translator import registry
from extproc.translator.base import Call, Outcome, Response, Translator
from extproc.wire import content_encoding
from extproc.wire.sse import SSEError

_UNTOUCHED = Deliver(None)
_NOTHING = Deliver(b"")
_AS_STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


class Answering:
    """Chooses the data path by the response's headers, then lets the body through it."""

    def __init__(
        self,
        call: Call,
        legs: tuple[Leg, ...],
        progress: Progress,
        screening: Screening,
        caching: Caching,
        headers: Callable[[], HeaderList],
        *,
        native_usage: bool,
        follows: bool,
    ) -> None:
        """`headers` are added to every answer. `native_usage`: Envoy reads the usage of a successful response, and
        tells it at the end. `follows`: Envoy's first attempt goes to the answer of an identical request."""
        self._headers = headers
        self._call = call
        self._dialect = call.endpoint.dialect
        self._native_usage = native_usage
        self._before_legs = int(follows)
        self._legs = legs
        self._progress = progress
        self._screening = screening
        self._caching = caching
        self._response: Response | None = None
        self._judging: Judging | None = None
        self._mode = BodyMode.NONE
        self._begun = False  # whether the caller has some of the body
        self.ended = False
        self.waits_for_usage = False

    @property
    def headers_open(self) -> bool:
        """Whether the response's headers can still be changed when its body is there."""
        return self._mode is BodyMode.BUFFERED

    @property
    def outcome(self) -> Outcome | None:
        return self._response.outcome if self._response is not None else None

    def number(self, attempt: int) -> int:
        """Which of the attempts at providers Envoy's attempt is: 1, 2, …; 0 for one at no provider."""
        return attempt - self._before_legs

    def leg(self, cluster: str, attempt: int) -> Leg | None:
        """The leg that attempt `attempt` (1, 2, …) took, if it went to this cluster; else the cluster's first."""
        number = self.number(attempt)
        if 0 < number <= len(self._legs) and self._legs[number - 1].backend.cluster == cluster:
            return self._legs[number - 1]
        return next((leg for leg in self._legs if leg.backend.cluster == cluster), None)

    def headers(self, event: ResponseHeaders) -> Receive:
        """Raises GatewayError where the caller is to get an error of ours instead of this response."""
        progress = self._progress
        progress.status, progress.attempts = event.status, self.number(event.attempt)
        if event.cluster == relay.CLUSTER and event.details == answer.FROM_PROVIDER:
            return self._receive_followed(event)
        leg = self.leg(event.cluster, event.attempt)
        if leg is not None:
            progress.leg = leg
        if event.details != answer.FROM_PROVIDER:
            raise answer.local_reply_error(event)
        if leg is None:
            raise NoBackendAvailable("The response came from a cluster that is not in the model's chain.")
        translator = leg.translator(self._call.endpoint)
        if translator is None:
            raise InternalError("no translator")
        if event.status >= 400:
            return self._receive_error(event, leg, translator)
        if event.end_of_stream or not (answer.is_event_stream(event.headers) or answer.is_json(event.headers)):
            if self._call.endpoint.kind is Kind.GENERATION:
                raise UpstreamError("The provider answered with something that is not its format.")
            progress.data_path = DataPath.PASS_THROUGH
            self.ended = True  # as far as we see
            return Receive(BodyMode.NONE, self._gateway_headers(), answer.NOT_FOR_CALLERS)
        if self._native_usage:
            self.waits_for_usage = True
            progress.data_path = DataPath.PASS_THROUGH
            progress.streamed = answer.is_event_stream(event.headers)
            return Receive(BodyMode.NONE, self._gateway_headers(), answer.NOT_FOR_CALLERS, trailers=True)
        return self._receive(event, translator, self._data_path(translator))

    @property
    def is_judged(self) -> bool:
        """Whether services have a say: then the body goes through `judged_body`."""
        return self._judging is not None

    def body(self, event: ResponseBody) -> Deliver:
        response = self._response
        if response is None:
            return _UNTOUCHED
        if self.ended:
            return _NOTHING
        last = self._is_last(event)
        try:
            out = response.feed(event.data) if event.data else event.data
            rest = response.finish() if last else b""
        except (SSEError, GatewayError) as error:  # it cannot be read, or a guardrail refuses it
            return self._fail(error)
        self._passed(out, last=last)
        if out is event.data and not rest:
            return _UNTOUCHED
        return Deliver(out + rest)

    async def judged_body(self, event: ResponseBody) -> Deliver:
        """As `body`, with what services allow of it."""
        response, judging = self._response, self._judging
        if response is None or judging is None or self.ended:
            return _NOTHING
        last = self._is_last(event)
        try:
            came = response.feed(event.data) + (response.finish() if last else b"")
            out = await judging.feed(came, last=last)
        except (SSEError, GatewayError) as error:
            return self._fail(error)
        self._passed(out, last=last)
        return Deliver(out)

    def cut(self, error: GatewayError) -> Deliver:
        """Ends a stream in the middle, with the error as its last event; nothing of what still comes is delivered."""
        self.ended = True
        self._progress.error_type = error.code or error.type
        return Deliver(self._dialect.event(error))

    def refused(self) -> None:
        """A guardrail has ended the stream, and told the caller so."""
        self.ended = True
        self._progress.error_type = ContentFiltered.code or ContentFiltered.type

    def _receive_followed(self, event: ResponseHeaders) -> Receive:
        """The answer to an identical request, from the worker that has it."""
        translator = registry.own(self._call.endpoint)
        if event.status != 200 or translator is None:
            raise NoBackendAvailable("The answer to an identical request did not come.", headers={"retry-after": "1"})
        self._progress.cost = 0
        if answer.is_event_stream(event.headers) and not (self._screening.rewrites_answers or self._caching.is_charged):
            self.ended = True  # as far as we see: the worker that serves it tells of its end
            self._progress.data_path, self._progress.streamed = DataPath.CACHE, True
            return Receive(BodyMode.NONE, (*self._gateway_headers(), *_AS_STREAM), answer.NOT_FOR_CALLERS)
        return self._receive(event, translator, DataPath.CACHE)

    def _receive(self, event: ResponseHeaders, translator: Translator, data_path: DataPath) -> Receive:
        progress = self._progress
        progress.streamed = streamed = answer.is_event_stream(event.headers)
        rewritten = self._screening.rewrites_answers
        progress.data_path = data_path
        remove: tuple[str, ...] = answer.NOT_FOR_CALLERS
        response = self._caching.recorded(
            translator.response(self._call, streamed=streamed), self._call, streamed=streamed
        )
        screened = self._screening.answer(response, self._call, streamed=streamed)
        self._judging = screened.judging
        encoded = self._open(event, screened.response)
        if encoded:
            remove = (*remove, "content-encoding")
        if encoded or streamed or rewritten or not translator.identity:
            remove = (*remove, "content-length")
        headers = self._gateway_headers()
        if streamed:
            headers = (*headers, *_AS_STREAM)
        return Receive(self._mode, headers, remove)

    def _data_path(self, translator: Translator) -> DataPath:
        if self._screening.rewrites_answers:
            return DataPath.TRANSFORM
        return DataPath.COUNT if translator.identity else DataPath.TRANSLATE

    def _receive_error(self, event: ResponseHeaders, leg: Leg, translator: Translator) -> Receive:
        """Whatever the body turns out to say, the status is known now; the error itself is rendered at its end."""
        progress = self._progress
        seen = answer.provider_error(translator.error(event.status, b""), leg.backend.provider)
        progress.status, progress.error_type = seen.status, "upstream_error"
        if event.end_of_stream:
            raise seen
        read = partial(self._read_error, translator, leg, event.status)
        said = answer.ErrorAnswer(read, self._dialect, progress.request_id)
        self._open(event, self._screening.error(said, self._call))
        headers = (*self._gateway_headers(), ("content-type", "application/json"), *seen.headers.items())
        remove = (*answer.NOT_FOR_CALLERS, "content-length", "content-encoding")
        return Receive(self._mode, headers, remove, seen.status)

    @staticmethod
    def _read_error(translator: Translator, leg: Leg, status: int, body: bytes) -> UpstreamError:
        return answer.provider_error(translator.error(status, body), leg.backend.provider)

    def _open(self, event: ResponseHeaders, response: Response) -> bool:
        """Takes the response to be fed; whether its bytes are compressed."""
        self._mode = answer.body_mode(event.headers)
        try:
            decoder = content_encoding.decoder(event.headers.get("content-encoding", "identity"))
        except ValueError:
            raise UpstreamError("The provider compressed its answer in a way that was not asked for.") from None
        self._response = response if decoder is None else answer.Decoded(response, decoder)
        return decoder is not None

    def _is_last(self, event: ResponseBody) -> bool:
        return event.end_of_stream or self._mode is BodyMode.BUFFERED

    def _passed(self, out: bytes, *, last: bool) -> None:
        self.ended = last
        self._begun = self._begun or bool(out)

    def _fail(self, error: GatewayError | SSEError) -> Deliver:
        """The body cannot go on: say so as the caller's dialect can."""
        self.ended = True
        if isinstance(error, SSEError):
            error = UpstreamError("The provider sent an event that is too large.")
        progress = self._progress
        progress.error_type = error.code or error.type
        if progress.streamed:
            return Deliver(self._dialect.event(error))
        refusal = answer.respond(error, self._dialect, progress.request_id)
        if self._mode is BodyMode.BUFFERED:
            progress.status = error.status
            return Deliver(refusal.body, refusal.headers, ("content-length",), refusal.status)
        return _UNTOUCHED if self._begun else Deliver(refusal.body)

    def _gateway_headers(self) -> HeaderList:
        progress = self._progress
        leg = progress.leg
        headers: HeaderList = (*self._headers(), ("x-gateway-model", self._call.model))
        if leg is None:
            return headers
        headers = (
            *headers,
            ("x-gateway-backend", leg.backend.name),
            ("x-gateway-provider", leg.backend.provider),
            ("x-gateway-attempts", str(progress.attempts)),
        )
        if progress.fallback_from:
            headers = (*headers, ("x-gateway-fallback", progress.fallback_from))
        if progress.dropped:
            headers = (*headers, ("x-gateway-dropped-params", answer.header_list(progress.dropped)))
        return headers


def cost_header(progress: Progress) -> HeaderList:
    """`x-gateway-cost`, in US dollars; only where the headers are still ours to change."""
    return () if progress.cost is None else (("x-gateway-cost", format_dollars(progress.cost)),)
