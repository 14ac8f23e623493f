from collections.abc import Callable

import pytest

from extproc.genai.usage import TokenUsage
from extproc.telemetry.record import DataPath, ExchangeRecord

A_STREAM = {
    "operation": "chat",
    "status": 200,
    "duration": 2.0,
    "request_id": "6c1f",
    "model": "gpt-4o",
    "backend": "azure-eu",
    "provider": "azure.ai.openai",
    "key_alias": "ci",
    "team": "search",
    "attempts": 2,
    "fallback_from": "openai-us",
    "data_path": DataPath.COUNT,
    "streamed": True,
    "usage": TokenUsage(
        input_tokens=1000,
        output_tokens=200,
        cache_read_input_tokens=400,
        cache_creation_input_tokens=100,
        reasoning_output_tokens=50,
    ),
    "cost": 2_500_000,
    "time_to_first_chunk": 0.5,
    "time_per_output_chunk": 0.0625,
    "overhead": (("request", 0.0004), ("response", 0.002)),
}


@pytest.fixture
def a_record() -> Callable[..., ExchangeRecord]:
    """Makes the record of a stream that a fallback answered, with the fields given changed."""
    return lambda **changes: ExchangeRecord(**(A_STREAM | changes))
