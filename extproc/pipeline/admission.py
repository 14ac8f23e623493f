"""The request side of an exchange: who calls, what for, and which providers will be tried."""

from extproc.apischema import endpoints
from extproc.apischema.endpoints import Endpoint, Kind
from extproc.config.model import Key
from extproc.errors import InternalError, InvalidRequest, NotFound, RequestTooLarge, Unsupported
from extproc.exchange.actions import Continue, RequestAction, Respond, Upstream
from extproc.exchange.events import Headers, RequestBody, RequestHeaders
from extproc.pipeline.attempt import prepare
from extproc.pipeline.call import read_call
from extproc.pipeline.progress import Progress
from extproc.pipeline.snapshot import Leg, Snapshot, attempts
from extproc.policy.authorize import authorize
from extproc.translator.base import Call

_CONTINUE = Continue()


class Admission:
    """Runs the request stages in order; every refusal is a GatewayError.

    After an `Upstream` action, `legs` are the attempts in order, and `progress` holds key, call and first leg.
    """

    def __init__(self, snapshot: Snapshot, progress: Progress) -> None:
        self.legs: tuple[Leg, ...] = ()
        self._snapshot = snapshot
        self._progress = progress
        self._endpoint: Endpoint | None = None
        self._path = ""
        self._content_type = ""

    def headers(self, event: RequestHeaders, now: float) -> RequestAction:
        """`now` is Unix time in seconds."""
        headers, progress = event.headers, self._progress
        progress.request_id = headers.get("x-request-id", "")
        self._path = headers.get(":path", "")
        endpoint = endpoints.find(self._path)
        if endpoint is None:
            raise NotFound("This path is not served here.", code="unknown_path")
        progress.operation, progress.dialect = endpoint.operation, endpoint.dialect
        progress.key = key = self._snapshot.authenticator.authenticate(headers, now)
        if endpoint.kind is Kind.MODELS:
            return self._models(endpoint, key, headers.get(":method", ""))
        if endpoint.kind is Kind.GENERATION and headers.get(":method") != "POST":
            raise NotFound("Only POST is served on this path.", code="unknown_path")
        self._endpoint = endpoint
        self._content_type = headers.get("content-type", "application/json")
        self._check_declared_length(headers)
        if not event.end_of_stream:
            return _CONTINUE
        return self._without_body(endpoint, int(now))

    def body(self, event: RequestBody, now: float) -> RequestAction:
        """`now` is Unix time in seconds."""
        endpoint = self._endpoint
        if endpoint is None:
            raise InternalError("a body without headers")
        if len(event.body) > self._snapshot.gateway.max_request_bytes:
            raise self._too_large()
        return self._route(read_call(endpoint, self._path, self._content_type, event.body, int(now)))

    def _without_body(self, endpoint: Endpoint, created: int) -> RequestAction:
        if endpoint.kind is Kind.GENERATION:
            raise InvalidRequest("The request has no body.")
        return self._route(Call(endpoint=endpoint, path=self._path, body=b"", fields={}, model="", created=created))

    def _models(self, endpoint: Endpoint, key: Key, method: str) -> Respond:
        if method != "GET":
            raise NotFound("Only GET is served on this path.", code="unknown_path")
        name = endpoint.path.removeprefix("/models").removeprefix("/")
        document = self._snapshot.model_document(key, name) if name else self._snapshot.models_document(key)
        self._progress.status = 200
        return Respond(200, (("content-type", "application/json"),), document, "models")

    def _check_declared_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._snapshot.gateway.max_request_bytes:
            raise self._too_large()

    def _too_large(self) -> RequestTooLarge:
        limit = self._snapshot.gateway.max_request_bytes
        return RequestTooLarge(f"The request body is larger than the limit of {limit} bytes.")

    def _route(self, call: Call) -> Upstream:
        progress = self._progress
        if progress.key is None:
            raise InternalError("a call without a key")
        progress.call = call
        chain = self._snapshot.chain(call.model) if call.model else self._snapshot.passthrough_chain()
        if call.model:
            authorize(progress.key, call.model, chain.label)
        progress.model = chain.label
        served = tuple(leg for leg in chain.legs if leg.translator(call.endpoint) is not None)
        if not served:
            raise NotFound(f"The model {call.model!r} does not serve this endpoint.", param="model")
        progress.intended = served[0].backend.name
        action, progress.dropped, able = _first_able(call, served)
        progress.leg = able[0]
        self.legs = attempts(able)
        return action


def _first_able(call: Call, legs: tuple[Leg, ...]) -> tuple[Upstream, tuple[str, ...], tuple[Leg, ...]]:
    """The call prepared for the first leg that can express it, what was dropped, and the chain from there on."""
    refused: Unsupported | None = None
    for index, leg in enumerate(legs):
        try:
            action, dropped = prepare(call, leg)
        except Unsupported as error:
            refused = refused or error
        else:
            return action, dropped, legs[index:]
    raise refused or InternalError("an empty chain")
