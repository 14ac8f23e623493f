"""What a request asks for in each measure, and what a reservation of it covers."""

import pytest

from extproc.config.limits import Measure
from extproc.genai.money import Rates
from extproc.genai.prices import PriceBook
from extproc.genai.usage import TokenUsage
from extproc.policy.demand import Demand, used

DOLLAR = 1_000_000_000
PRICE = PriceBook({("p", "m"): Rates(input=1 * DOLLAR, output=2 * DOLLAR)}).find("p", "m")
FREE = PriceBook({("p", "m"): Rates()}).find("p", "m")
DEMAND = Demand(100, 50, 80, PRICE)


@pytest.mark.parametrize(
    ("measure", "amount"),
    [
        (Measure.REQUESTS, 1),
        (Measure.INPUT_TOKENS, 100),
        (Measure.OUTPUT_TOKENS, 30),
        (Measure.TOKENS, 130),
        (Measure.MONEY, 160_000),
    ],
)
def test_an_amount_is_input_and_so_much_output(measure: Measure, amount: int) -> None:
    assert DEMAND.amount(measure, 30) == amount


@pytest.mark.parametrize(
    ("measure", "held", "covered"),
    [
        (Measure.REQUESTS, 1, None),
        (Measure.INPUT_TOKENS, 100, None),
        (Measure.OUTPUT_TOKENS, 30, 30),
        (Measure.TOKENS, 130, 30),
        (Measure.TOKENS, 90, 0),
        (Measure.MONEY, 160_000, 30),
        (Measure.MONEY, 161_999, 30),
        (Measure.MONEY, 50_000, 0),
    ],
)
def test_a_reservation_covers_what_is_left_after_the_input(measure: Measure, held: int, covered: int | None) -> None:
    assert DEMAND.covered(measure, held) == covered


def test_what_costs_nothing_is_always_covered() -> None:
    assert Demand(100, 50, 50, FREE).covered(Measure.MONEY, 0) is None
    assert Demand(100, 50, 50, None).covered(Measure.MONEY, 0) is None


@pytest.mark.parametrize(
    ("measure", "amount"),
    [
        (Measure.REQUESTS, 1),
        (Measure.INPUT_TOKENS, 7),
        (Measure.OUTPUT_TOKENS, 5),
        (Measure.TOKENS, 12),
        (Measure.MONEY, 99),
    ],
)
def test_what_was_used_is_the_providers_word(measure: Measure, amount: int) -> None:
    assert used(measure, TokenUsage(input_tokens=7, output_tokens=5), 99) == amount


@pytest.mark.parametrize("measure", [Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS, Measure.TOKENS, Measure.MONEY])
def test_a_request_that_failed_used_nothing_but_itself(measure: Measure) -> None:
    assert used(measure, None, None) == 0
    assert used(Measure.REQUESTS, None, None) == 1
