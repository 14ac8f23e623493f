"""The request side of an exchange: who calls, what for, and which providers will be tried."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from extproc.apischema import endpoints
from extproc.apischema.endpoints import Endpoint, Kind
from extproc.config.model import ForeignKeys
from extproc.config.providers import has_published_defaults
from extproc.errors import (
    CredentialUnavailable,
    InternalError,
    InvalidRequest,
    KeyRefused,
    NotFound,
    PermissionDenied,
    RequestTooLarge,
    Unauthenticated,
    Unsupported,
)
from extproc.exchange import relay
from extproc.exchange.actions import Continue, RequestAction, Respond, Upstream
from extproc.exchange.events import Headers, RequestBody, RequestHeaders
from extproc.pipeline.answering import cost_header
from extproc.pipeline.attempt import can_express, prepare
from extproc.pipeline.caching import Answerers, Caching, Kept
from extproc.pipeline.call import read_call
from extproc.pipeline.progress import Progress
from extproc.pipeline.screening import Screening
from extproc.pipeline.snapshot import Leg, Snapshot, attempts
from extproc.pipeline.spending import Spending, priced
from extproc.policy.authenticate import presented_key
from extproc.policy.authorize import (
    authorize_any_model,
    authorize_endpoint,
    authorize_model,
    authorize_network,
    model_meant,
)
from extproc.policy.identities import Identity
from extproc.policy.plan import Plan
from extproc.policy.principal import Principal
from extproc.telemetry.record import DataPath
from extproc.translator.base import Call
from extproc.translator.messages_count import count_answer, count_request

_CONTINUE = Continue()
_POSTED = (Kind.GENERATION, Kind.COUNT_TOKENS)
_COSTLY = frozenset(
    {
        "assistants",
        "audio",
        "batches",
        "containers",
        "evals",
        "fine_tuning",
        "images",
        "responses",
        "threads",
        "vector_stores",
        "videos",
    }
)
"""Operations that are passed through and cost money or tokens which are not accounted for."""


@dataclass(frozen=True, slots=True)
class Stages:
    """What an exchange passes through on its way to a provider, and back."""

    spending: Spending
    screening: Screening
    caching: Caching


class Admission:
    """Runs the request stages in order; every refusal is a GatewayError.

    After an `Upstream` action, `legs` are the attempts in order, and `progress` holds principal, call and first leg. An
    exchange that follows another one's answer has no leg yet: before it asks a provider after all, `ask_after_all` is
    to be called. `charged` is the leg by whose price it pays for an answer that it did not ask for, if it does.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        progress: Progress,
        stages: Stages,
        exchange_id: str,
        monotonic: Callable[[], float],
    ) -> None:
        self.legs: tuple[Leg, ...] = ()
        self.charged: Leg | None = None
        self._reserve: Callable[[], Awaitable[None]] | None = None
        self._snapshot = snapshot
        self._progress = progress
        self._spending = stages.spending
        self._screening = stages.screening
        self._caching = stages.caching
        self._exchange_id = exchange_id
        self._monotonic = monotonic
        self._began = 0.0
        self._endpoint: Endpoint | None = None
        self._path = ""
        self._headers: Headers = {}

    async def headers(self, event: RequestHeaders, now: float) -> RequestAction:
        """`now` is Unix time in seconds."""
        headers, progress = event.headers, self._progress
        progress.request_id = headers.get("x-request-id", "")
        self._path = headers.get(":path", "")
        endpoint = endpoints.find(self._path)
        if endpoint is None:
            raise NotFound("This path is not served here.", code="unknown_path")
        progress.operation, progress.dialect = endpoint.operation, endpoint.dialect
        progress.principal = caller = self._identify(event, now)
        authorize_endpoint(caller, self._path)
        authorize_network(caller, event.source_address)
        method = headers.get(":method", "")
        if endpoint.kind is Kind.MODELS:
            return self._models(endpoint, caller, method)
        if endpoint.kind is Kind.QUOTA:
            return await self._quota(caller, method, now)
        if endpoint.kind in _POSTED and method != "POST":
            raise NotFound("Only POST is served on this path.", code="unknown_path")
        self._endpoint = endpoint
        self._headers = headers
        self._check_declared_length(headers)
        if not event.end_of_stream:
            return _CONTINUE
        return await self._without_body(endpoint, now)

    async def body(self, event: RequestBody, now: float) -> RequestAction:
        """`now` is Unix time in seconds."""
        endpoint, self._began = self._endpoint, self._monotonic()
        if endpoint is None:
            raise InternalError("a body without headers")
        if len(event.body) > self._snapshot.gateway.max_request_bytes:
            raise self._too_large()
        return await self._route(read_call(endpoint, self._path, self._headers, event.body, int(now)), now)

    async def ask_after_all(self) -> None:
        """There was nothing to follow. Raises a GatewayError, as `body` does."""
        self._caching.alone()
        self._progress.cost = None
        if self.charged is None and self._reserve is not None:
            await self._reserve()
        self.charged = None

    def _identify(self, event: RequestHeaders, now: float) -> Principal:
        """Who calls: by the key; without one of ours, by what Envoy verified of the caller. Raises Unauthenticated."""
        directory = self._snapshot.directory
        presented = presented_key(event.headers)
        try:
            return directory.find(presented, now)
        except KeyRefused:
            raise
        except Unauthenticated:
            identity = self._snapshot.identities.match(event.claims, event.spiffe_id)
            if identity is None or (presented and identity.rule.foreign_keys is ForeignKeys.REFUSE):
                raise
            return directory.enrol(_principal(identity))

    async def _without_body(self, endpoint: Endpoint, now: float) -> RequestAction:
        if endpoint.kind in _POSTED:
            raise InvalidRequest("The request has no body.")
        call = Call(endpoint=endpoint, path=self._path, body=b"", fields={}, model="", created=int(now))
        return await self._route(call, now)

    def _models(self, endpoint: Endpoint, caller: Principal, method: str) -> Respond:
        if method != "GET":
            raise NotFound("Only GET is served on this path.", code="unknown_path")
        name = endpoint.path.removeprefix("/models").removeprefix("/")
        document = self._snapshot.model_document(caller, name) if name else self._snapshot.models_document(caller)
        return self._respond(document, "models")

    async def _quota(self, caller: Principal, method: str, now: float) -> Respond:
        if method != "GET":
            raise NotFound("Only GET is served on this path.", code="unknown_path")
        return self._respond(await self._spending.quota(caller, now), "quota")

    def _respond(self, document: bytes, details: str) -> Respond:
        self._progress.status = 200
        return Respond(200, (("content-type", "application/json"),), document, details)

    def _count_tokens(self, call: Call, leg: Leg) -> Respond:
        """The gateway's own count, where the provider that would answer first has none."""
        tokens = self._spending.counter.count_json_text(leg.target.model, count_request(call.fields))
        return self._respond(count_answer(tokens), "count_tokens")

    def _check_declared_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._snapshot.gateway.max_request_bytes:
            raise self._too_large()

    def _too_large(self) -> RequestTooLarge:
        limit = self._snapshot.gateway.max_request_bytes
        return RequestTooLarge(f"The request body is larger than the limit of {limit} bytes.")

    async def _route(self, call: Call, now: float) -> Upstream | Respond:
        progress, snapshot = self._progress, self._snapshot
        caller = progress.principal
        if caller is None:
            raise InternalError("a call without a caller")
        progress.call = call
        name = model_meant(caller, call.model)
        chain = snapshot.chain(name) if name else snapshot.passthrough_chain()
        unseen = self._headers.get(":method") == "POST" and call.endpoint.operation in _COSTLY
        if name:
            authorize_model(caller, name, chain.label)
        elif unseen:
            authorize_any_model(caller)
        progress.model = chain.label
        served = tuple(leg for leg in chain.legs if leg.translator(call.endpoint) is not None)
        if call.endpoint.kind is Kind.COUNT_TOKENS and (not served or served[0] is not chain.legs[0]):
            plan = self._spending.plan(caller, chain.label, name)
            await self._spending.reserve(self._exchange_id, plan, call, chain.legs[0])
            return self._count_tokens(call, chain.legs[0])
        if not served:
            raise NotFound(f"The model {call.model!r} does not serve this endpoint.", param="model")
        plan = self._spending.plan(caller, chain.label, name)
        if call.endpoint.kind is Kind.GENERATION:
            served = priced(plan, chain, served)
        elif unseen and plan.meters_output:
            raise PermissionDenied(
                "What this endpoint uses is not counted here, and it may not be used on a budget.",
                code="endpoint_without_price",
            )
        progress.intended = served[0].backend.name
        sent = call
        snapshot.screens.check(snapshot.gateway)
        progress.call = call = await self._screening.request(call, caller, chain.label, name)
        action, progress.dropped, able = _able(call, served, now)
        if action.body is None and call.body is not sent.body:
            action = replace(action, body=call.body)
        await self._screening.ask(call)
        waited = self._monotonic() - self._began
        kept = await self._caching.find(call, caller, chain.label, name, _answerers(call, able), waited)
        self._reserve = partial(self._spending.reserve, self._exchange_id, plan, call, able[0])
        if kept is not None:
            return await self._kept(call, kept, plan, able[0])
        self.legs = attempts(able)
        if self._caching.follows:
            return await self._follow(action, plan, able[0])
        progress.leg = able[0]
        await self._reserve()
        return action

    async def _follow(self, action: Upstream, plan: Plan, leg: Leg) -> Upstream:
        """To where the answer to an identical request comes in; nothing of this one is needed there."""
        if self._caching.charges and self._reserve is not None:
            self.charged = leg
            await self._reserve()
        else:
            await self._spending.count(self._exchange_id, plan)
        names = dict.fromkeys((*action.remove, *(name for name, _ in action.headers)))
        return Upstream(relay.path_of(self._exchange_id), relay.AUTHORITY, (), tuple(names), b"")

    async def _kept(self, call: Call, kept: Kept, plan: Plan, leg: Leg) -> Respond:
        """An answer that was given before, as guardrails and privacy policies let it pass to this caller."""
        progress, caching = self._progress, self._caching
        progress.cost = 0
        if caching.is_charged and self._reserve is not None:
            await self._reserve()
            progress.usage = kept.usage
            if kept.usage is not None and leg.price is not None:
                progress.cost = leg.price.cost(kept.usage)
        else:
            await self._spending.count(self._exchange_id, plan)
        body = await self._screening.kept(call, kept.body)
        progress.status, progress.data_path = 200, DataPath.CACHE
        progress.streamed = call.stream
        headers = (
            *caching.content_headers(call),
            *(() if call.stream else cost_header(progress)),
            *self._spending.headers(),
            *self._screening.headers(),
            *caching.headers(),
            ("x-gateway-model", call.model),
        )
        return Respond(200, headers, body, f"cache_{caching.outcome}", progress.final_metadata())


def _answerers(call: Call, legs: tuple[Leg, ...]) -> Answerers:
    classes = ",".join(f"{leg.backend.provider}/{leg.backend.schema}/{leg.target.model}" for leg in legs)
    return Answerers(classes, all(_assumes_defaults(call, leg) for leg in legs))


def _assumes_defaults(call: Call, leg: Leg) -> bool:
    """Whether a leg speaks the caller's format, and has the defaults that its reference names."""
    translator = leg.translator(call.endpoint)
    return translator is not None and translator.identity and has_published_defaults(leg.backend.authority)


def _principal(identity: Identity) -> Principal:
    """A caller without a key, by the rule that knows it; each of its users has accounts of its own."""
    rule = identity.rule
    return Principal(
        id=f"{rule.name}:{identity.user}",
        alias=rule.name,
        user=identity.user,
        team=identity.team,
        tags=identity.tags,
        models=rule.models,
        endpoints=rule.endpoints,
        source="mtls" if rule.spiffe else "jwt",
    )


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
