"""Money in integers: amounts are nano-dollars, rates are nano-dollars per million tokens. No floats anywhere.

$1 per million tokens is a rate of 1_000_000_000; a tenth of a cent is an amount of 1_000_000.
"""

import re
from dataclasses import dataclass

from extproc.genai.usage import TokenUsage

_NANOS = 1_000_000_000
_PER = 1_000_000
_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?", re.ASCII)


class MoneyError(ValueError):
    """Text that is not an amount of dollars."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of one model, in nano-dollars per million tokens.

    A part without a rate of its own (None) costs what the whole that it is part of costs: cached and audio input as
    `input`, reasoning and audio output as `output`, cached audio as audio, or as cached input where audio has no rate.
    `request` is added once a call, in nano-dollars per million requests.
    """

    input: int = 0
    output: int = 0
    cache_read: int | None = None
    cache_creation: int | None = None
    audio_input: int | None = None
    cached_audio_input: int | None = None
    audio_output: int | None = None
    reasoning_output: int | None = None
    request: int = 0


def cost(usage: TokenUsage, rates: Rates) -> int:
    """What a call costs, in nano-dollars: exact, then rounded once, half up.

    Parts that a provider reports larger than their whole are paid as reported; the remainder never falls below zero.
    """
    return (_input(usage, rates) + _output(usage, rates) + rates.request + _PER // 2) // _PER


def _input(usage: TokenUsage, rates: Rates) -> int:
    """The input's price in nano-dollars times a million."""
    read, written, audio = (
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.audio_input_tokens,
    )
    if not (read or written or audio):
        return usage.input_tokens * rates.input
    # Providers do not say how much of the audio was cached: no more than must be, for the parts to fit in the whole.
    cached_audio = min(audio, read, max(0, read + written + audio - usage.input_tokens))
    plain = max(0, usage.input_tokens - read - written - audio + cached_audio)
    audio_rate = _or(rates.audio_input, rates.input)
    read_rate = _or(rates.cache_read, rates.input)
    cached_audio_rate = _or(rates.cached_audio_input, read_rate if rates.audio_input is None else audio_rate)
    return (
        plain * rates.input
        + (read - cached_audio) * read_rate
        + written * _or(rates.cache_creation, rates.input)
        + (audio - cached_audio) * audio_rate
        + cached_audio * cached_audio_rate
    )


def _output(usage: TokenUsage, rates: Rates) -> int:
    """The output's price in nano-dollars times a million."""
    audio = usage.audio_output_tokens if rates.audio_output is not None else 0
    reasoning = usage.reasoning_output_tokens if rates.reasoning_output is not None else 0
    plain = max(0, usage.output_tokens - audio - reasoning)
    return (
        plain * rates.output
        + audio * _or(rates.audio_output, rates.output)
        + reasoning * _or(rates.reasoning_output, rates.output)
    )


def _or(rate: int | None, whole: int) -> int:
    return whole if rate is None else rate


def parse_dollars(text: str) -> int:
    """Dollars as a decimal ("2.50", "0.075") to nano-dollars; dollars per million tokens to a rate alike.

    No sign, no exponent, at most nine decimals, below a trillion: anything else raises MoneyError, nothing is rounded.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise MoneyError("expected dollars as a decimal with at most nine decimal places, such as 2.50")
    whole, fraction = match[1], match[2] or ""
    return int(whole) * _NANOS + int(fraction.ljust(9, "0"))


def format_dollars(nanos: int) -> str:
    """Nano-dollars to decimal dollars, exact and as short as two decimals allow: 2_500_000_000 is "2.50"."""
    sign = "-" if nanos < 0 else ""
    whole, fraction = divmod(abs(nanos), _NANOS)
    return f"{sign}{whole}.{f'{fraction:09d}'.rstrip('0').ljust(2, '0')}"
