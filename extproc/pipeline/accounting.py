"""The end of an exchange: usage, cost, and the one record that is made of it."""

from dataclasses import replace
from typing import Protocol

from extproc.genai.usage import TokenUsage
from extproc.pipeline.snapshot import Leg
from extproc.telemetry.record import ExchangeRecord
from extproc.translator.base import Call, Outcome

_CONVERSATION = ("messages", "input", "prompt")
_BESIDE_IT = (
    "suffix",
    "system",
    "instructions",
    "tools",
    "functions",
    "response_format",
    "text",
    "output_config",
    "prediction",
    "query",
    "documents",
)


class Counter(Protocol):
    """Counts tokens where a provider gave no numbers."""

    def count(self, model: str, text: str) -> int: ...

    def count_json_text(self, model: str, raw: bytes) -> int: ...


class Recorder(Protocol):
    """Takes the record of an exchange; must not raise."""

    def record(self, record: ExchangeRecord) -> None: ...


class Clock(Protocol):
    """`monotonic` for durations, `time` for Unix time; seconds."""

    def monotonic(self) -> float: ...

    def time(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


def usage_of(outcome: Outcome, call: Call, leg: Leg, counter: Counter) -> TokenUsage:
    """The provider's own usage; where it gave none or was cut off, the gateway's count of what went in and came out."""
    known = outcome.usage
    if known is not None and outcome.complete:
        return known
    model = leg.target.model
    produced = counter.count(model, "".join(outcome.text))
    if known is not None:
        return replace(known, output_tokens=max(known.output_tokens, produced), estimated=True)
    return replace(input_usage(call, leg, counter), output_tokens=produced)


def input_usage(call: Call, leg: Leg, counter: Counter) -> TokenUsage:
    """What is known of a call whose answer nobody read: the caller's text, counted."""
    return TokenUsage(input_tokens=counted_input(call, leg, counter), estimated=True)


def counted_input(call: Call, leg: Leg, counter: Counter) -> int:
    """The tokens of everything in a call that a provider reads: a document, a conversation, instructions, tools."""
    beside = [bytes(part) for name in _BESIDE_IT if (part := call.fields.get(name)) is not None]
    parts = [bytes(part) for name in _CONVERSATION if (part := call.fields.get(name)) is not None]
    if beside:  # together, as each is counted in bounded time
        parts.append(b"[" + b",".join(beside) + b"]")
    return sum(counter.count_json_text(leg.target.model, part) for part in parts)
