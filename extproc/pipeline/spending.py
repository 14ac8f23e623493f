"""An exchange's dealings with limits and budgets: what it asks for, and whether what it holds still covers it."""

from dataclasses import dataclass

import msgspec
from msgspec import Raw

from extproc.apischema.endpoints import CHAT, COMPLETIONS, COUNT_TOKENS, MESSAGES, RESPONSES
from extproc.errors import GatewayError, PermissionDenied
from extproc.exchange.actions import HeaderList
from extproc.genai.usage import TokenUsage
from extproc.pipeline.accounting import Counter, counted_input
from extproc.pipeline.meter import OutputMeter
from extproc.pipeline.snapshot import Chain, Leg
from extproc.policy.demand import Demand
from extproc.policy.estimate import COLD_STREAM, COLD_WHOLE, Estimator
from extproc.policy.governor import Governor, Terms
from extproc.policy.lease import Lease
from extproc.policy.plan import Plan
from extproc.policy.principal import Principal
from extproc.policy.quota import quota_document
from extproc.policy.refusals import rate_limit_headers
from extproc.translator.base import Call, Outcome

_GENERATE_TEXT = (CHAT, COMPLETIONS, MESSAGES, RESPONSES)
_BOUNDS = {
    CHAT.path: ("max_completion_tokens", "max_tokens"),
    COMPLETIONS.path: ("max_tokens",),
    MESSAGES.path: ("max_tokens",),
    RESPONSES.path: ("max_output_tokens",),
}
_MOST_OUTPUT = 1 << 24  # what a caller allows beyond that is no more than this
_number = msgspec.json.Decoder(int | None).decode
_flag = msgspec.json.Decoder(bool | None).decode
_list = msgspec.json.Decoder(list[Raw]).decode


@dataclass(frozen=True, slots=True)
class Treasury:
    """What exchanges of a worker share: the governor, and what was learnt of answers so far."""

    governor: Governor
    estimator: Estimator
    counter: Counter


class Spending:
    """One of an exchange. Without an applicable rule it does nothing."""

    def __init__(self, treasury: Treasury, terms: Terms) -> None:
        self._governor = treasury.governor
        self._estimator = treasury.estimator
        self._counter = treasury.counter
        self._terms = terms
        self._lease: Lease | None = None
        self._request: Lease | None = None
        self._meter: OutputMeter | None = None
        self._covered: int | None = None
        self._counted = 0
        self._most: int | None = None

    @property
    def counter(self) -> Counter:
        return self._counter

    def plan(self, caller: Principal, model: str, name: str) -> Plan:
        """What a request counts for; `model` is the operator's name of the model, `name` the caller's."""
        return self._terms.planner.plan(caller, model, name)

    async def quota(self, caller: Principal, now: float) -> bytes:
        """`GET /v1/quota`: how the caller's limits and budgets stand. Raises StoreUnavailable."""
        planner = self._terms.planner
        entries = planner.all_entries(caller)
        accounts = [planner.account(entry, self._terms.raises, now) for entry in entries]
        positions = await self._governor.read(accounts) if accounts else ()
        resets = [planner.resets_at(entry, position, now) for entry, position in zip(entries, positions, strict=True)]
        return quota_document(caller, list(zip(entries, accounts, positions, resets, strict=True)))

    @property
    def watches_output(self) -> bool:
        """Whether a stream's output must be seen, because a budget may end with it."""
        return self._lease is not None and self._lease.plan.meters_output

    async def count(self, exchange_id: str, plan: Plan) -> None:
        """Counts a request whose answer is there already, or comes to another one: where requests are limited it is one
        of them, and it uses nothing. Raises RateLimited, StoreUnavailable."""
        plan = plan.of_requests()
        if plan.entries:
            self._request = await self._governor.admit(self._terms, plan, Demand(), f"{exchange_id}:request")

    async def reserve(self, exchange_id: str, plan: Plan, call: Call, leg: Leg) -> None:
        """Raises BudgetExceeded, RateLimited, StoreUnavailable; PermissionDenied for what no budget can follow."""
        if self._request is not None:
            plan = plan.of_use()
        if not plan.entries:
            return
        if plan.meters_output and _answers_later(call):
            raise PermissionDenied(
                "A response in the background may not be used on a budget: nobody sees what it uses.",
                param="background",
                code="background_not_accounted",
            )
        demand = self._demand(plan, call, leg)
        self._lease = await self._governor.admit(self._terms, plan, demand, exchange_id)
        self._covered = self._lease.covered

    def headers(self) -> HeaderList:
        """`x-ratelimit-*`, of the limits that apply."""
        leases = [lease for lease in (self._request, self._lease) if lease is not None]
        return rate_limit_headers([(part.entry, part.account, part.position) for one in leases for part in one.parts])

    def answered_by(self, leg: Leg) -> None:
        """Another leg than the one that was reserved for may have another price."""
        lease = self._lease
        if lease is not None and lease.demand.price is not leg.price:
            self._governor.reprice(lease, leg.price)
            self._covered = lease.covered

    async def cover(self, outcome: Outcome, model: str) -> GatewayError | None:
        """Makes sure that what a stream has produced is covered; the error to end it with if it cannot be."""
        if self._covered is None or self._lease is None or outcome.complete:
            return None
        if self._meter is None:
            self._meter = OutputMeter(outcome.text, lambda text: self._counter.count(model, text))
        if not self._meter.exceeds(self._covered):
            return None
        error = await self._governor.extend(self._terms, self._lease, self._meter.tokens())
        self._covered = self._lease.covered
        return error

    def settle(self, usage: TokenUsage | None, cost: int | None) -> None:
        """To be called once, however the exchange ended; `usage` None where nothing was used."""
        if self._request is not None:
            self._governor.settle(self._request, None, None)
        lease = self._lease
        if lease is None:
            return
        self._governor.settle(lease, usage, cost)
        if usage is not None and not usage.estimated:
            self._learn(lease.plan.principal.id, lease.plan.model, usage)

    def _learn(self, principal: str, model: str, usage: TokenUsage) -> None:
        """From whole answers only: one that was cut, by the caller's own bound too, says nothing of the next one."""
        self._estimator.learn_input(principal, model, self._counted, usage.input_tokens)
        if self._most is None or usage.output_tokens < self._most:
            self._estimator.learn_output(principal, model, usage.output_tokens)

    def _demand(self, plan: Plan, call: Call, leg: Leg) -> Demand:
        if call.endpoint is COUNT_TOKENS:
            return Demand()  # costs nothing anywhere
        if plan.counts_input:
            self._counted = counted_input(call, leg, self._counter)
        tokens = self._estimator.input(plan.principal.id, plan.model, self._counted)
        if call.endpoint not in _GENERATE_TEXT:
            return Demand(tokens, price=leg.price)
        self._most = most = allowed_output(call)
        likely = self._likely(plan, most, COLD_STREAM, stream=True)
        wanted = likely if call.stream else self._likely(plan, most, most or COLD_WHOLE, stream=False)
        return Demand(tokens, likely, max(likely, wanted), leg.price)

    def _likely(self, plan: Plan, most: int | None, cold: int, *, stream: bool) -> int:
        known = self._estimator.output(plan.principal.id, plan.model, stream=stream)
        likely = cold if known is None else known
        return likely if most is None else min(likely, most)


def _answers_later(call: Call) -> bool:
    """Whether a response is made while nobody waits for it: fetched later, it is a pass-through."""
    raw = call.fields.get("background") if call.endpoint is RESPONSES else None
    try:
        return raw is not None and _flag(raw) is True
    except msgspec.DecodeError:
        return False  # the provider's to refuse


def allowed_output(call: Call) -> int | None:
    """The most output tokens that the caller allows, over all choices; None where it sets no bound.

    Only fields that the endpoint has are bounds, and of two the larger one: providers ignore what they do not know.
    """
    bounds = [bound for name in _BOUNDS.get(call.endpoint.path, ()) if (bound := _positive(call, name)) is not None]
    return min(max(bounds) * _choices(call), _MOST_OUTPUT) if bounds else None


def _choices(call: Call) -> int:
    """How many answers are made. Completions has some for each prompt, of which it may return the best only."""
    of_each = max(_positive(call, "n") or 1, _positive(call, "best_of") or 1)
    prompts = call.fields.get("prompt")
    return of_each * (_prompts(prompts) if prompts is not None and call.endpoint is COMPLETIONS else 1)


def _prompts(raw: Raw) -> int:
    """A list of numbers is one prompt, of tokens."""
    try:
        prompts = _list(raw)
    except msgspec.DecodeError:
        return 1
    return sum(bytes(prompt)[:1] in (b'"', b"[") for prompt in prompts) or 1


def _positive(call: Call, name: str) -> int | None:
    raw = call.fields.get(name)
    if raw is None:
        return None
    try:
        number = _number(raw)
    except msgspec.DecodeError:
        return None  # the provider's to refuse
    return number if number is not None and number > 0 else None


def priced(plan: Plan, chain: Chain, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The legs that a plan's budgets can pay for. Raises PermissionDenied where none has a price."""
    if not plan.needs_price:
        return legs
    with_price = tuple(leg for leg in legs if leg.price is not None)
    if not with_price:
        raise PermissionDenied(
            f"The model {chain.label!r} has no price here, and may not be used on a budget of money.",
            param="model",
            code="model_without_price",
        )
    return with_price
