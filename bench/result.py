"""What a scenario came to."""

from dataclasses import asdict, dataclass, field

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Result:
    """One row of `build/bench.json`. None is what does not apply to the scenario.

    `added_*_ms` is governed minus bare: of a request's whole time, or of a stream's time to first byte. `rps` are
    requests per second at concurrency 32; `cpu_us_per_request` and `rss_mb` are those of the ext_proc worker. `more`
    holds the scenario's further fields, their units in their names.
    """

    name: str
    added_p50_ms: float | None = None
    added_p99_ms: float | None = None
    rps: float | None = None
    cpu_us_per_request: float | None = None
    rss_mb: float | None = None
    more: dict[str, Value] = field(default_factory=dict)

    def document(self) -> dict[str, Value]:
        """Flat, for JSON."""
        fields = asdict(self)
        more = fields.pop("more")
        return {name: _rounded(value) for name, value in {**fields, **more}.items()}


def _rounded(value: Value) -> Value:
    """Three digits behind the point say more than the machine's noise lets through."""
    return round(value, 3) if isinstance(value, float) else value
