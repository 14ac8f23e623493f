"""The request side of an exchange: who calls, what for, and which providers will be tried."""

from extproc.apischema import endpoints
from extproc.apischema.endpoints import Endpoint, Kind
from extproc.config.model import Key
from extproc.errors import CredentialUnavailable, InternalError, InvalidRequest, NotFound, RequestTooLarge, Unsupported
from extproc.exchange.actions import Continue, RequestAction, Respond, Upstream
from extproc.exchange.events import Headers, RequestBody, RequestHeaders
from extproc.pipeline.accounting import Counter
from extproc.pipeline.attempt import can_express, prepare
from extproc.pipeline.call import read_call
from extproc.pipeline.progress import Progress
from extproc.pipeline.snapshot import Leg, Snapshot, attempts
from extproc.policy.authorize import authorize
from extproc.translator.base import Call
from extproc.translator.messages_count import count_answer, count_request

_CONTINUE = Continue()
_POSTED = (Kind.GENERATION, Kind.COUNT_TOKENS)


class Admission:
    """Runs the request stages in order; every refusal is a GatewayError.

    After an `Upstream` action, `legs` are the attempts in order, and `progress` holds key, call and first leg.
    """

    def __init__(self, snapshot: Snapshot, progress: Progress, counter: Counter) -> None:
        self.legs: tuple[Leg, ...] = ()
        self._snapshot = snapshot
        self._progress = progress
        self._counter = counter
        self._endpoint: Endpoint | None = None
        self._path = ""
        self._headers: Headers = {}

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
        if endpoint.kind in _POSTED and headers.get(":method") != "POST":
            raise NotFound("Only POST is served on this path.", code="unknown_path")
        self._endpoint = endpoint
        self._headers = headers
        self._check_declared_length(headers)
        if not event.end_of_stream:
            return _CONTINUE
        return self._without_body(endpoint, now)

    def body(self, event: RequestBody, now: float) -> RequestAction:
        """`now` is Unix time in seconds."""
        endpoint = self._endpoint
        if endpoint is None:
            raise InternalError("a body without headers")
        if len(event.body) > self._snapshot.gateway.max_request_bytes:
            raise self._too_large()
        return self._route(read_call(endpoint, self._path, self._headers, event.body, int(now)), now)

    def _without_body(self, endpoint: Endpoint, now: float) -> RequestAction:
        if endpoint.kind in _POSTED:
            raise InvalidRequest("The request has no body.")
        call = Call(endpoint=endpoint, path=self._path, body=b"", fields={}, model="", created=int(now))
        return self._route(call, now)

    def _models(self, endpoint: Endpoint, key: Key, method: str) -> Respond:
        if method != "GET":
            raise NotFound("Only GET is served on this path.", code="unknown_path")
        name = endpoint.path.removeprefix("/models").removeprefix("/")
        document = self._snapshot.model_document(key, name) if name else self._snapshot.models_document(key)
        self._progress.status = 200
        return Respond(200, (("content-type", "application/json"),), document, "models")

    def _count_tokens(self, call: Call, leg: Leg) -> Respond:
        """The gateway's own count, where the provider that would answer first has none."""
        tokens = self._counter.count_json_text(leg.target.model, count_request(call.fields))
        self._progress.status = 200
        return Respond(200, (("content-type", "application/json"),), count_answer(tokens), "count_tokens")

    def _check_declared_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._snapshot.gateway.max_request_bytes:
            raise self._too_large()

    def _too_large(self) -> RequestTooLarge:
        limit = self._snapshot.gateway.max_request_bytes
        return RequestTooLarge(f"The request body is larger than the limit of {limit} bytes.")

    def _route(self, call: Call, now: float) -> Upstream | Respond:
        progress = self._progress
        if progress.key is None:
            raise InternalError("a call without a key")
        progress.call = call
        chain = self._snapshot.chain(call.model) if call.model else self._snapshot.passthrough_chain()
        if call.model:
            authorize(progress.key, call.model, chain.label)
        progress.model = chain.label
        served = tuple(leg for leg in chain.legs if leg.translator(call.endpoint) is not None)
        if call.endpoint.kind is Kind.COUNT_TOKENS and (not served or served[0] is not chain.legs[0]):
            return self._count_tokens(call, chain.legs[0])
        if not served:
            raise NotFound(f"The model {call.model!r} does not serve this endpoint.", param="model")
        progress.intended = served[0].backend.name
        action, progress.dropped, able = _able(call, served, now)
        progress.leg = able[0]
        self.legs = attempts(able)
        return action


def _able(call: Call, legs: tuple[Leg, ...], now: float) -> tuple[Upstream, tuple[str, ...], tuple[Leg, ...]]:
    """The call prepared for the first leg that can serve it, what that dropped, and all legs that can.

    Later legs are asked now, because an attempt cannot be passed over once Envoy has begun it.
    """
    first: tuple[Upstream, tuple[str, ...]] | None = None
    able: list[Leg] = []
    refused: Unsupported | CredentialUnavailable | None = None
    for leg in legs:
        try:
            if first is None:
                first = prepare(call, leg, now)
            elif not can_express(call, leg):
                continue
            able.append(leg)
        except (Unsupported, CredentialUnavailable) as error:
            refused = refused or error
    if first is None:
        raise refused or InternalError("an empty chain")
    return (*first, tuple(able))
