"""Prices of models, from the data that the `genai-prices` package carries; it is read, never updated: no network.

The package's own calculation takes about a hundred microseconds. Here a model is looked up and compiled into integer
rates once, and a call's cost is a few multiplications.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from genai_prices.data import providers as _bundled_providers
from genai_prices.data_snapshot import find_provider_by_id
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.types import ModelPrice as PriceData

from extproc.genai import money
from extproc.genai.money import Rates
from extproc.genai.usage import TokenUsage

_MOST_REMEMBERED = 4096

# `gen_ai.provider.name` (OpenTelemetry semantic conventions for GenAI) to genai-prices' provider id, where they differ.
# What is not here is looked up under its own name.
_PROVIDER_IDS: Mapping[str, str] = MappingProxyType(
    {
        "aws.bedrock": "aws",
        "azure.ai.inference": "azure",
        "azure.ai.openai": "azure",
        "gcp.gemini": "google",
        "gcp.gen_ai": "google",
        "gcp.vertex_ai": "google",
        "mistral_ai": "mistral",
        "x_ai": "x-ai",
    }
)

# genai-prices' price keys that a TokenUsage has counts for. Its dollars are per million, but per thousand requests.
_RATE_OF_KEY: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "input_mtok": ("input", 1),
        "output_mtok": ("output", 1),
        "cache_read_mtok": ("cache_read", 1),
        "cache_write_mtok": ("cache_creation", 1),
        "input_audio_mtok": ("audio_input", 1),
        "cache_audio_read_mtok": ("cached_audio_input", 1),
        "output_audio_mtok": ("audio_output", 1),
        "output_reasoning_mtok": ("reasoning_output", 1),
        "requests_kcount": ("request", 1000),
    }
)

_Constraint = StartDateConstraint | TimeOfDateConstraint | None


@dataclass(frozen=True, slots=True)
class _Tariff:
    """Rates while a condition holds, by the size of the whole input: (`more than` tokens, rates), smallest first."""

    constraint: _Constraint
    tiers: tuple[tuple[int, Rates], ...]

    def rates(self, input_tokens: int) -> Rates:
        """The highest tier reached prices all tokens of the call, not only those above its start."""
        chosen = self.tiers[0][1]
        for start, rates in self.tiers[1:]:
            if input_tokens <= start:
                break
            chosen = rates
        return chosen


class ModelPrice:
    """What a model costs, now. Prices that begin on a date or hold for hours of the day follow the clock."""

    __slots__ = ("_now", "_tariffs")

    def __init__(self, tariffs: Sequence[_Tariff], now: Callable[[], datetime]) -> None:
        self._tariffs = tuple(tariffs)
        self._now = now

    def cost(self, usage: TokenUsage) -> int:
        """The cost of a call in nano-dollars, rounded half up once (`extproc.genai.money.cost`)."""
        tariff = self._tariffs[0] if len(self._tariffs) == 1 else self._current()
        return money.cost(usage, tariff.rates(usage.input_tokens))

    def _current(self) -> _Tariff:
        """The last tariff whose condition holds; the first if none does (genai-prices' rule)."""
        now = self._now()
        for tariff in reversed(self._tariffs):
            if tariff.constraint is None or tariff.constraint.active(now):
                return tariff
        return self._tariffs[0]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class PriceBook:
    """The prices of all models: the operator's own first, then the package's."""

    def __init__(
        self,
        overrides: Mapping[tuple[str, str], Rates] = MappingProxyType({}),
        now: Callable[[], datetime] = _utc_now,
        default: Rates | None = None,
    ) -> None:
        """`overrides` are by (`gen_ai.provider.name`, model), exact names; `now` gives an aware time.

        `default` is what a model costs whose price nobody knows.
        """
        self._now = now
        self._default = None if default is None else ModelPrice([_Tariff(None, ((0, default),))], now)
        self._overrides = {key: ModelPrice([_Tariff(None, ((0, rates),))], now) for key, rates in overrides.items()}
        self._found: dict[tuple[str, str], ModelPrice | None] = {}

    def find(self, provider: str, model: str) -> ModelPrice | None:
        """The price of a provider's model; None if nobody knows it, or it is not priced by tokens or requests, and
        there is no default.

        A provider that the package does not know is taken for the one whose model this must be, if there is one only.
        """
        key = (provider, model)
        if key in self._overrides:
            return self._overrides[key]
        if key not in self._found:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[key] = self._compile(_find_model(provider, model))
        return self._found[key]

    def _compile(self, model: ModelInfo | None) -> ModelPrice | None:
        if model is None or not model.prices:
            return self._default
        prices = model.prices
        conditions = [ConditionalPrice(prices=prices)] if isinstance(prices, PriceData) else prices
        if not all(_is_priced(condition.prices) for condition in conditions):
            return self._default
        return ModelPrice([_Tariff(each.constraint, _tiers(each.prices)) for each in conditions], self._now)


def _find_model(provider_name: str, model: str) -> ModelInfo | None:
    providers: list[Provider] = _bundled_providers
    provider = find_provider_by_id(providers, _PROVIDER_IDS.get(provider_name, provider_name))
    if provider is None:
        makers = [each for each in providers if each.model_match is not None and each.model_match.is_match(model)]
        if len(makers) != 1:
            return None
        provider = makers[0]
    return provider.find_model(model, all_providers=providers)


def _is_priced(prices: PriceData) -> bool:
    """Whether the cost can be told from a TokenUsage: a price by the character or the hour would come out as zero."""
    return any(_prices_of(prices).get(key) is not None for key in ("input_mtok", "output_mtok", "requests_kcount"))


def _tiers(prices: PriceData) -> tuple[tuple[int, Rates], ...]:
    priced = {key: price for key in _RATE_OF_KEY if (price := _prices_of(prices).get(key)) is not None}
    starts = {tier.start for price in priced.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    base = _rates({key: price.base if isinstance(price, TieredPrices) else price for key, price in priced.items()})
    return (
        (-1, base),
        *((start, _rates({key: _above(price, start) for key, price in priced.items()})) for start in sorted(starts)),
    )


def _above(price: Decimal | TieredPrices, start: int) -> Decimal:
    """The price of a call whose input is just larger than `start` tokens."""
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= start]
    return reached[-1] if reached else price.base


def _rates(dollars: Mapping[str, Decimal]) -> Rates:
    """Rates are rounded to a nano-dollar per million tokens; listed prices have at most six decimals."""
    rates = {}
    for key, price in dollars.items():
        name, thousand = _RATE_OF_KEY[key]
        rates[name] = int((price * thousand).scaleb(9).to_integral_value(ROUND_HALF_UP))
    return Rates(**rates)


def _prices_of(prices: PriceData) -> Mapping[str, Decimal | TieredPrices | None]:
    return vars(prices)
