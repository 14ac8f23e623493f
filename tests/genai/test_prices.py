"""Prices: the package's, to the nano-dollar, and the operator's own before them."""

import socket
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP

import pytest
from genai_prices import Usage, calc_price

from extproc.genai.money import Rates
from extproc.genai.prices import ModelPrice, PriceBook
from extproc.genai.usage import TokenUsage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def found(provider: str, model: str, now: datetime = NOON) -> ModelPrice:
    price = PriceBook(now=lambda: now).find(provider, model)
    assert price is not None
    return price


# (gen_ai.provider.name, genai-prices' provider id, model)
MODELS = [
    ("openai", "openai", "gpt-4o"),
    ("openai", "openai", "gpt-4o-mini-2024-07-18"),
    ("openai", "openai", "gpt-4.1"),
    ("openai", "openai", "gpt-5"),
    ("openai", "openai", "o3"),
    ("openai", "openai", "text-embedding-3-small"),
    ("openai", "openai", "gpt-realtime"),
    ("azure.ai.openai", "azure", "gpt-4o"),
    ("azure.ai.openai", "azure", "davinci"),
    ("azure.ai.inference", "azure", "davinci"),
    ("aws.bedrock", "aws", "amazon.nova-pro-v1:0"),
    ("gcp.gen_ai", "google", "claude-3-5-haiku"),
    ("anthropic", "anthropic", "claude-sonnet-4-5"),
    ("anthropic", "anthropic", "claude-3-5-haiku-latest"),
    ("anthropic", "anthropic", "claude-opus-4-1"),
    ("aws.bedrock", "aws", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ("gcp.vertex_ai", "google", "gemini-2.5-pro"),
    ("gcp.vertex_ai", "google", "claude-sonnet-4-5"),
    ("gcp.gemini", "google", "gemini-2.5-flash"),
    ("mistral_ai", "mistral", "mistral-large-latest"),
    ("cohere", "cohere", "command-r-plus"),
    ("groq", "groq", "llama-3.3-70b-versatile"),
    ("deepseek", "deepseek", "deepseek-chat"),
    ("x_ai", "x-ai", "grok-4"),
    ("perplexity", "perplexity", "sonar-deep-research"),
]
USAGES = [
    TokenUsage(0, 0),
    TokenUsage(1, 1),
    TokenUsage(1234, 567),
    TokenUsage(1234, 567, cache_read_input_tokens=1024),
    TokenUsage(5003, 7, cache_read_input_tokens=1001, cache_creation_input_tokens=2003),
    TokenUsage(1000, 300, audio_input_tokens=333, audio_output_tokens=111),
    TokenUsage(1000, 300, reasoning_output_tokens=299),
    TokenUsage(200_000, 11),
    TokenUsage(200_001, 11, cache_read_input_tokens=199_999),
    TokenUsage(999_999, 65_537, cache_read_input_tokens=3, cache_creation_input_tokens=5),
]


@pytest.mark.parametrize("usage", USAGES)
@pytest.mark.parametrize(("provider", "provider_id", "model"), MODELS)
def test_agrees_with_the_package_to_the_nano_dollar(
    provider: str, provider_id: str, model: str, usage: TokenUsage
) -> None:
    reported = Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_input_tokens,
        cache_write_tokens=usage.cache_creation_input_tokens,
        input_audio_tokens=usage.audio_input_tokens,
        output_audio_tokens=usage.audio_output_tokens,
        output_reasoning_tokens=usage.reasoning_output_tokens,
    )
    dollars = calc_price(reported, model, provider_id=provider_id, genai_request_timestamp=NOON).total_price
    assert found(provider, model).cost(usage) == int(dollars.scaleb(9).to_integral_value(ROUND_HALF_UP))


def test_literal_costs() -> None:
    # $2.50 and $10 per million tokens, cached $1.25
    assert found("openai", "gpt-4o").cost(TokenUsage(1000, 100, cache_read_input_tokens=400)) == 3_000_000
    # $3, $15, cache read $0.30, cache creation $3.75
    assert found("anthropic", "claude-3-5-sonnet-latest").cost(TokenUsage(1000, 100, 500, 200)) == 3_300_000


def test_a_tier_prices_the_whole_call() -> None:
    price = found("gcp.gemini", "gemini-2.5-pro")  # $1.25 and $10 to 200,000 tokens of input, $2.50 and $15 above
    assert price.cost(TokenUsage(200_000, 1000)) == 250_000_000 + 10_000_000
    assert price.cost(TokenUsage(200_001, 1000)) == 500_002_500 + 15_000_000


def test_a_price_by_the_hour_follows_the_clock() -> None:
    usage = TokenUsage(1_000_000, 0)
    costs = {
        hour: found("deepseek", "deepseek-chat", NOON.replace(hour=hour)).cost(usage) for hour in (0, 1, 12, 16, 17, 23)
    }
    for hour, nanos in costs.items():
        reported = Usage(input_tokens=1_000_000)
        at = NOON.replace(hour=hour)
        dollars = calc_price(reported, "deepseek-chat", provider_id="deepseek", genai_request_timestamp=at).total_price
        assert nanos == int(dollars.scaleb(9))
    assert costs[0] < costs[12]


def test_one_book_changes_its_price_as_time_goes_by() -> None:
    hours = iter([12, 0])
    price = PriceBook(now=lambda: NOON.replace(hour=next(hours))).find("deepseek", "deepseek-chat")
    assert price is not None
    assert price.cost(TokenUsage(1_000_000)) > price.cost(TokenUsage(1_000_000))


def test_the_operators_price_comes_first() -> None:
    book = PriceBook({("openai", "gpt-4o"): Rates(input=1_000_000), ("vllm", "mine"): Rates(output=2_000_000)})
    own, mine, other = book.find("openai", "gpt-4o"), book.find("vllm", "mine"), book.find("openai", "gpt-4o-mini")
    assert own is not None
    assert mine is not None
    assert other is not None
    assert own.cost(TokenUsage(10, 10)) == 10
    assert mine.cost(TokenUsage(10, 10)) == 20
    assert other.cost(TokenUsage(10, 10)) == 7500


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        pytest.param("openai", "no-such-model", id="unknown model"),
        pytest.param("anthropic", "gpt-4o", id="another provider's model"),
        pytest.param("ollama", "my-llama", id="unknown provider, unknown model"),
        pytest.param("ollama", "claude-2-gemini", id="unknown provider, a model of two makers"),
        pytest.param("ollama", "", id="no model"),
        pytest.param("openai", "whisper-1", id="priced by the hour of audio"),
        pytest.param("openai", "tts-1", id="priced by the character"),
    ],
)
def test_no_price_is_none_and_not_zero(provider: str, model: str) -> None:
    assert PriceBook().find(provider, model) is None


def test_an_unknown_provider_is_taken_for_the_only_maker_of_the_model() -> None:
    assert found("proxy", "gpt-4o").cost(TokenUsage(1000, 100)) == 3_500_000


def test_a_model_is_compiled_once() -> None:
    book = PriceBook()
    assert book.find("openai", "gpt-4o") is book.find("openai", "gpt-4o")


def test_names_without_end_do_not_fill_the_memory() -> None:
    book = PriceBook()
    for number in range(10_000):
        assert book.find("ollama", f"model-{number}") is None
    assert len(book._found) <= 4096


def test_nothing_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert found("openai", "gpt-4o").cost(TokenUsage(4, 0)) == 10_000
