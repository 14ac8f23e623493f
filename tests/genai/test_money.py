"""Money: integers, one rounding, no floats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.genai.money import MoneyError, Rates, cost, format_dollars, parse_dollars
from extproc.genai.usage import TokenUsage

DOLLAR = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("2.50", 2_500_000_000),
        ("0.075", 75_000_000),
        ("0", 0),
        ("15", 15_000_000_000),
        ("0.000000001", 1),
        ("007.10", 7_100_000_000),
        ("999999999999.999999999", 999_999_999_999_999_999_999),
    ],
)
def test_parse(text: str, nanos: int) -> None:
    assert parse_dollars(text) == nanos


@pytest.mark.parametrize(
    "text", ["", ".5", "5.", "-1", "+1", "1e3", "1,000", " 1", "1\n", "$1", "NaN", "٣", "0.0000000001", "1" * 13]
)
def test_what_is_not_plain_dollars_is_refused(text: str) -> None:
    with pytest.raises(MoneyError, match="decimal"):
        parse_dollars(text)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0.00"),
        (2_500_000_000, "2.50"),
        (75_000_000, "0.075"),
        (1, "0.000000001"),
        (-1_250_000_000, "-1.25"),
        (123_456_789_012_345_678_901, "123456789012.345678901"),
    ],
)
def test_format(nanos: int, text: str) -> None:
    assert format_dollars(nanos) == text


@given(st.integers(0, 10**21 - 1))
def test_what_is_formatted_parses_to_itself(nanos: int) -> None:
    assert parse_dollars(format_dollars(nanos)) == nanos


RATES = Rates(
    input=2 * DOLLAR,
    output=8 * DOLLAR,
    cache_read=DOLLAR // 2,
    cache_creation=3 * DOLLAR,
    audio_input=40 * DOLLAR,
    cached_audio_input=4 * DOLLAR,
    audio_output=80 * DOLLAR,
    reasoning_output=10 * DOLLAR,
)
PLAIN = Rates(input=2 * DOLLAR, output=8 * DOLLAR)


@pytest.mark.parametrize(
    ("usage", "rates", "nanos"),
    [
        pytest.param(TokenUsage(), RATES, 0, id="nothing"),
        pytest.param(TokenUsage(1000, 500), RATES, 2_000_000 + 4_000_000, id="input and output"),
        pytest.param(TokenUsage(1000, 0, cache_read_input_tokens=400), RATES, 1_200_000 + 200_000, id="cached input"),
        pytest.param(
            TokenUsage(1000, 0, cache_creation_input_tokens=400), RATES, 1_200_000 + 1_200_000, id="cache creation"
        ),
        pytest.param(TokenUsage(1000, 0, audio_input_tokens=100), RATES, 1_800_000 + 4_000_000, id="audio input"),
        pytest.param(
            TokenUsage(100, 0, cache_read_input_tokens=80, audio_input_tokens=50),
            RATES,
            50 * 500 + 20 * 40_000 + 30 * 4_000,
            id="cached audio, as much as there must be",
        ),
        pytest.param(
            TokenUsage(100, 0, cache_read_input_tokens=100, audio_input_tokens=100),
            Rates(input=2 * DOLLAR, cache_read=DOLLAR, audio_input=40 * DOLLAR),
            100 * 40_000,
            id="cached audio without a rate is audio",
        ),
        pytest.param(
            TokenUsage(100, 0, cache_read_input_tokens=100, audio_input_tokens=100),
            Rates(input=2 * DOLLAR, cache_read=DOLLAR),
            100 * 1_000,
            id="cached audio where audio has no rate is cached input",
        ),
        pytest.param(TokenUsage(0, 100, audio_output_tokens=60), RATES, 40 * 8_000 + 60 * 80_000, id="audio output"),
        pytest.param(TokenUsage(0, 100, reasoning_output_tokens=60), RATES, 40 * 8_000 + 60 * 10_000, id="reasoning"),
        pytest.param(
            TokenUsage(100, 50, 20, 20, 10, 20, 10), PLAIN, 100 * 2_000 + 50 * 8_000, id="parts without own rates"
        ),
        pytest.param(TokenUsage(10, 0, cache_read_input_tokens=30), RATES, 30 * 500, id="part larger than its whole"),
        pytest.param(TokenUsage(5, 5), Rates(request=12_000 * DOLLAR), 12_000_000, id="by the request"),
    ],
)
def test_cost(usage: TokenUsage, rates: Rates, nanos: int) -> None:
    assert cost(usage, rates) == nanos


@pytest.mark.parametrize(
    ("rate", "tokens", "nanos"), [(499_999, 1, 0), (500_000, 1, 1), (1_499_999, 1, 1), (500_000, 3, 2)]
)
def test_the_sum_is_rounded_half_up_once(rate: int, tokens: int, nanos: int) -> None:
    assert cost(TokenUsage(input_tokens=tokens), Rates(input=rate)) == nanos


def test_two_halves_are_one_before_rounding() -> None:
    assert cost(TokenUsage(1, 1), Rates(input=400_000, output=400_000)) == 1


def test_large_usage_stays_exact() -> None:
    assert cost(TokenUsage(input_tokens=10**15 + 1), Rates(input=3 * DOLLAR)) == (10**15 + 1) * 3000


@given(st.lists(st.integers(0, 10**6), min_size=7, max_size=7))
def test_no_usage_costs_less_than_nothing(counts: list[int]) -> None:
    assert cost(TokenUsage(*counts), RATES) >= 0
