"""The gateway document, compiled once into what an exchange needs; immutable, replaced whole on reload."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from extproc.apischema.endpoints import Endpoint
from extproc.config.lookup import ModelLookup
from extproc.config.model import Backend, Gateway, Model, Target, UnknownPrice, UsageExtraction
from extproc.errors import ConfigError, NotFound
from extproc.exchange.actions import HeaderList
from extproc.genai.prices import ModelPrice, PriceBook
from extproc.pipeline.caching import Shelf
from extproc.pipeline.screening import Screens
from extproc.policy.authorize import allows_model
from extproc.policy.credentials import (
    NO_TOKENS,
    LiveCredential,
    Tokens,
    headers_to_remove,
    headers_to_set,
    live_credential,
)
from extproc.policy.directory import Directory
from extproc.policy.governor import Terms
from extproc.policy.identities import Identities
from extproc.policy.plan import Planner
from extproc.policy.principal import Principal
from extproc.policy.records import Records
from extproc.translator import registry
from extproc.translator.base import Call, Translator

_LEAST_ATTEMPTS = 2  # a chain of one target is tried twice: a reset idle connection must not reach the caller
_MOST_EXPANDED = 1024


@dataclass(frozen=True, slots=True)
class Leg:
    """One attempt's destination: the target, and the headers that every request to it sets and removes.

    `credential` adds those that are not the same for every request; None where none are.
    """

    target: Target
    set_headers: HeaderList
    remove_headers: tuple[str, ...]
    credential: LiveCredential | None
    price: ModelPrice | None

    @property
    def backend(self) -> Backend:
        return self.target.backend

    def translator(self, endpoint: Endpoint) -> Translator | None:
        return registry.find(endpoint, self.target.backend)


@dataclass(frozen=True, slots=True)
class Chain:
    """Who may answer for a model, first choice first. `label` is the operator's name for it, fit for metrics."""

    label: str
    legs: tuple[Leg, ...]


class Snapshot:
    """A document ready to serve. An exchange keeps the snapshot it began with."""

    def __init__(
        self,
        gateway: Gateway,
        prices: PriceBook,
        tokens: Tokens = NO_TOKENS,
        records: Records | None = None,
        screens: Screens | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        """`tokens` has what is fetched for backends; without it those are not to be served from. `records` are the
        registry's, as they are at each moment. `screens` see what goes in and out, where the document asks for it;
        `shelf` has answers that were given before.

        Raises ConfigError for a model without a price where the document denies such models.
        """
        self.gateway = gateway
        self.directory = Directory(gateway, Records() if records is None else records)
        self.screens = screens or Screens()
        self.shelf = shelf
        self.identities = Identities(gateway.identities)
        self._planner = Planner(gateway.rules)
        self._prices = prices
        self._tokens = tokens
        self._exact = {
            model.name: Chain(model.name, self._compile(model.targets))
            for model in gateway.models
            if model.prefix is None
        }
        self._models = ModelLookup(gateway.models)
        self._expanded: dict[str, Chain] = {}
        passthrough = gateway.passthrough
        self._passthrough = Chain("", self._compile((Target(passthrough, ""),))) if passthrough is not None else None
        for chain in self._exact.values():
            self._require_prices(chain)

    @property
    def version(self) -> str:
        return self.gateway.version

    def terms(self) -> Terms:
        """What limits and budgets an exchange that begins now is under."""
        gateway = self.gateway
        return Terms(self._planner, self.directory.raises, gateway.budget_status, gateway.quantum_tokens)

    def chain(self, model: str) -> Chain:
        """The chain of the model that a caller named. Raises NotFound."""
        chain = self._exact.get(model) or self._expanded.get(model) or self._expand(model)
        if chain is None:
            raise NotFound(f"The model {model[:200]!r} does not exist here.", param="model")
        return chain

    def passthrough_chain(self) -> Chain:
        """Who answers requests that name no model. Raises NotFound when the operator named nobody."""
        if self._passthrough is None:
            raise NotFound("This endpoint is not served here.", code="unknown_path")
        return self._passthrough

    def reads_usage_natively(self, call: Call, legs: tuple[Leg, ...]) -> bool:
        """Whether Envoy can read the usage of this call's answer, and nothing else is to be done to it.

        For streams only: a whole answer costs one message either way. Not for a stream whose usage chunk must be taken
        out again, nor where a target speaks another format: then the body has to come here, and Envoy's filter cannot
        be combined with that.
        """
        if self.gateway.usage_extraction is not UsageExtraction.NATIVE or not (call.stream and call.wants_usage):
            return False
        return all((translator := leg.translator(call.endpoint)) and translator.identity for leg in legs)

    def models_document(self, caller: Principal) -> bytes:
        """`GET /v1/models`: the models that this caller may use."""
        models = [_model_object(model) for model in self._visible(caller)]
        return json.dumps({"object": "list", "data": models}).encode()

    def model_document(self, caller: Principal, name: str) -> bytes:
        """`GET /v1/models/{name}`. Raises NotFound."""
        for model in self._visible(caller):
            if model.name == name:
                return json.dumps(_model_object(model)).encode()
        raise NotFound(f"The model {name[:200]!r} does not exist here.", param="model")

    def _visible(self, caller: Principal) -> Iterable[Model]:
        return (model for model in self.gateway.models if allows_model(caller, model.name))

    def _expand(self, name: str) -> Chain | None:
        """The chain of a name that a wildcard answers for; remembered, as callers use few names."""
        model = self._models.find(name)
        if model is None:
            return None
        chain = Chain(model.name, self._compile(model.chain(name)))
        if self.gateway.unknown_price is UnknownPrice.DENY and any(leg.price is None for leg in chain.legs):
            raise NotFound(f"The model {name[:200]!r} has no price here, and may not be used.", param="model")
        if len(self._expanded) >= _MOST_EXPANDED:
            self._expanded.clear()
        self._expanded[name] = chain
        return chain

    def _compile(self, targets: tuple[Target, ...]) -> tuple[Leg, ...]:
        chain = [target.backend for target in targets]
        return tuple(
            Leg(
                target,
                headers_to_set(target.backend),
                headers_to_remove(target.backend, chain),
                live_credential(target.backend, self._tokens),
                self._prices.find(target.backend.provider, target.model) if target.model else None,
            )
            for target in targets
        )

    def _require_prices(self, chain: Chain) -> None:
        if self.gateway.unknown_price is not UnknownPrice.DENY:
            return
        for leg in chain.legs:
            if leg.price is None:
                raise ConfigError(
                    f"the model {chain.label!r} has no price at {leg.backend.provider!r} as {leg.target.model!r}, and"
                    " accounting.unknown_price is deny: give one in accounting.prices",
                    path="models",
                )


def attempts(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The legs in the order in which Envoy is to try them."""
    return legs if len(legs) >= _LEAST_ATTEMPTS else legs * _LEAST_ATTEMPTS


def _model_object(model: Model) -> dict[str, object]:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": model.targets[0].backend.provider}
