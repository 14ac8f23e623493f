"""One exchange as operators see it, made once when it ends."""

from dataclasses import dataclass
from enum import StrEnum

from extproc.genai.usage import TokenUsage


class DataPath(StrEnum):
    """How much of the response Python saw."""

    NONE = "none"  # no provider answered, or the gateway answered itself
    PASS_THROUGH = "pass-through"  # noqa: S105 - headers, and at most one message at the end
    COUNT = "count"  # the body, unchanged but for a usage chunk nobody asked for
    TRANSLATE = "translate"  # the body, rewritten
    TRANSFORM = "transform"  # the body, with values restored or looked at by guardrails, translated or not
    CACHE = "cache"  # none: an answer that was kept


@dataclass(frozen=True, slots=True, order=True)
class EntityCount:
    """How many values of an entity were found, and what was done about them."""

    entity: str
    action: str
    count: int

    @property
    def changes(self) -> bool:
        return self.action != "observe"


@dataclass(frozen=True, slots=True, order=True)
class VerdictCount:
    """How often a guardrail found something; `mode` is `enforce` or `shadow`, `phase` `request` or `response`."""

    rule: str
    action: str
    mode: str
    phase: str
    count: int


@dataclass(frozen=True, slots=True)
class Redactions:
    """What a privacy policy did. In `shadow` mode `counts` are what it would have done.

    `restored`, `unknown` (the model altered or invented them) and `unrestored` (cut off, or not readable) count
    placeholders in the answer.
    """

    policy: str
    mode: str
    counts: tuple[EntityCount, ...] = ()
    restored: int = 0
    unknown: int = 0
    unrestored: int = 0

    @property
    def changed(self) -> int:
        """How many values did not leave as they were."""
        return sum(one.count for one in self.counts if one.changes) if self.mode == "enforce" else 0


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """Everything a metric, a log line or an audit entry is made of. Durations are seconds.

    `model` is the operator's name of the model, never one that a caller made up, so that it may be a label. `status`
    is what the caller saw, 0 when it went away before a status. `error_type` is empty for a success. `cost` is in
    nano-dollars, None when the price is unknown. `time_per_output_chunk` is the mean gap between the output chunks of
    a stream. `overhead` is the time spent in Python by stage. `fallback_from` is the backend that was to answer first,
    when another one did; else empty. `redactions` is None where no privacy policy applied.
    """

    operation: str
    status: int
    duration: float
    request_id: str = ""
    model: str = ""
    backend: str = ""
    provider: str = ""
    key_alias: str = ""
    team: str = ""
    attempts: int = 0
    fallback_from: str = ""
    error_type: str = ""
    data_path: DataPath = DataPath.NONE
    streamed: bool = False
    usage: TokenUsage | None = None
    cost: int | None = None
    finish_reasons: tuple[str, ...] = ()
    time_to_first_chunk: float | None = None
    time_per_output_chunk: float | None = None
    overhead: tuple[tuple[str, float], ...] = ()
    redactions: Redactions | None = None
    verdicts: tuple[VerdictCount, ...] = ()
