"""Token usage of one model call, in the terms of OpenTelemetry's GenAI conventions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Billable tokens of one call.

    `input_tokens` counts all input, cached tokens included (OpenAI's meaning; Anthropic reports the three parts
    apart, its translator adds them up). `cache_read_input_tokens` and `cache_creation_input_tokens` are parts of it.
    `output_tokens` counts all output, `reasoning_output_tokens` and `audio_output_tokens` are parts of it.
    `estimated` says that the gateway counted, because the provider gave no numbers.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens
