"""What a request asks for, in every measure that a rule may count."""

from dataclasses import dataclass

from extproc.config.limits import Measure
from extproc.genai.prices import ModelPrice
from extproc.genai.usage import TokenUsage

_SAMPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Demand:
    """Tokens of input; of output what is `likely`, and what is to be held if there is enough (`wanted`, not less).

    `price` None: the request costs nothing that is known.
    """

    input_tokens: int = 0
    likely: int = 0
    wanted: int = 0
    price: ModelPrice | None = None

    def amount(self, measure: Measure, output_tokens: int) -> int:
        """How much of a measure the request is, with that much output."""
        match measure:
            case Measure.REQUESTS:
                return 1
            case Measure.INPUT_TOKENS:
                return self.input_tokens
            case Measure.OUTPUT_TOKENS:
                return output_tokens
            case Measure.TOKENS:
                return self.input_tokens + output_tokens
            case Measure.MONEY:
                return self._cost(output_tokens)

    def covered(self, measure: Measure, held: int) -> int | None:
        """Output tokens that a reservation of `held` pays for; None: as many as there may be."""
        match measure:
            case Measure.OUTPUT_TOKENS:
                return held
            case Measure.TOKENS:
                return max(0, held - self.input_tokens)
            case Measure.MONEY:
                input_cost = self._cost(0)
                per_sample = self._cost(_SAMPLE) - input_cost
                return max(0, held - input_cost) * _SAMPLE // per_sample if per_sample > 0 else None
            case _:
                return None

    def _cost(self, output_tokens: int) -> int:
        if self.price is None:
            return 0
        return self.price.cost(TokenUsage(input_tokens=self.input_tokens, output_tokens=output_tokens))


def used(measure: Measure, usage: TokenUsage | None, cost: int | None) -> int:
    """How much of a measure a request turned out to be."""
    if measure is Measure.REQUESTS:
        return 1
    if measure is Measure.MONEY:
        return cost or 0
    if usage is None:
        return 0
    match measure:
        case Measure.INPUT_TOKENS:
            return usage.input_tokens
        case Measure.OUTPUT_TOKENS:
            return usage.output_tokens
        case _:
            return usage.total_tokens
