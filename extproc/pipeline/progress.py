"""What is known of an exchange so far, and the record that it becomes."""

from dataclasses import dataclass, field

from extproc.apischema.dialect import OPENAI, Dialect
from extproc.exchange.actions import Metadata
from extproc.genai.usage import TokenUsage
from extproc.pipeline.snapshot import Leg
from extproc.policy.principal import Principal
from extproc.telemetry.record import DataPath, ExchangeRecord, Redactions, VerdictCount
from extproc.translator.base import Call


@dataclass(slots=True)
class Progress:
    """Times are those of the monotonic clock, in seconds; `cost` is in nano-dollars.

    `model` is the operator's name of the model, never one that a caller made up; `intended` is the backend that was
    to answer first, `leg` who is being asked.
    """

    started: float
    request_id: str = ""
    operation: str = ""
    dialect: Dialect = OPENAI
    model: str = ""
    principal: Principal | None = None
    call: Call | None = None
    intended: str = ""
    leg: Leg | None = None
    status: int = 0
    attempts: int = 0
    dropped: tuple[str, ...] = ()
    error_type: str = ""
    data_path: DataPath = DataPath.NONE
    streamed: bool = False
    first_chunk: float | None = None
    last_chunk: float | None = None
    chunks: int = 0
    finish_reasons: tuple[str, ...] = ()
    usage: TokenUsage | None = None
    cost: int | None = None
    redactions: Redactions | None = None
    verdicts: tuple[VerdictCount, ...] = ()
    overhead: dict[str, float] = field(default_factory=dict)

    def spend(self, stage: str, seconds: float) -> None:
        self.overhead[stage] = self.overhead.get(stage, 0.0) + seconds

    @property
    def fallback_from(self) -> str:
        """The backend that was to answer first, if another one is being asked; else empty."""
        return self.intended if self.leg is not None and self.leg.backend.name != self.intended else ""

    def caller_metadata(self) -> dict[str, str | int]:
        """Who asks for what, for Envoy's access log."""
        if self.principal is None:
            return {}
        return {"key": self.principal.alias, "team": self.principal.team, "model": self.call.model if self.call else ""}

    def target_metadata(self) -> dict[str, str | int]:
        """Who is being asked, for Envoy's access log."""
        leg = self.leg
        if leg is None:
            return {}
        return {"backend": leg.backend.name, "provider": leg.backend.provider, "upstream_model": leg.target.model}

    def final_metadata(self) -> Metadata:
        """How it ended, for Envoy's access log."""
        values: dict[str, str | int] = {**self.caller_metadata(), **self.target_metadata()}
        values["data_path"] = self.data_path.value
        if self.usage is not None:
            values["input_tokens"] = self.usage.input_tokens
            values["output_tokens"] = self.usage.output_tokens
            values["cached_tokens"] = self.usage.cache_read_input_tokens
        if self.cost is not None:
            values["cost_nano_usd"] = self.cost
        if self.redactions is not None:
            values["redactions"] = self.redactions.changed
        if self.error_type:
            values["error_type"] = self.error_type
        return values

    def record(self, ended: float) -> ExchangeRecord:
        leg = self.leg
        return ExchangeRecord(
            operation=self.operation,
            status=self.status,
            duration=ended - self.started,
            request_id=self.request_id,
            model=self.model,
            backend=leg.backend.name if leg is not None else "",
            provider=leg.backend.provider if leg is not None else "",
            key_alias=self.principal.alias if self.principal is not None else "",
            team=self.principal.team if self.principal is not None else "",
            attempts=self.attempts,
            fallback_from=self.fallback_from,
            error_type=self.error_type,
            data_path=self.data_path,
            streamed=self.streamed,
            usage=self.usage,
            cost=self.cost,
            finish_reasons=self.finish_reasons,
            time_to_first_chunk=self._since_start(self.first_chunk),
            time_per_output_chunk=self._gap(),
            overhead=tuple(self.overhead.items()),
            redactions=self.redactions,
            verdicts=self.verdicts,
        )

    def _since_start(self, moment: float | None) -> float | None:
        return moment - self.started if self.streamed and moment is not None else None

    def _gap(self) -> float | None:
        if not self.streamed or self.chunks < 2 or self.first_chunk is None or self.last_chunk is None:
            return None
        return (self.last_chunk - self.first_chunk) / (self.chunks - 1)
