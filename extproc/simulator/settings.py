"""What one simulated provider port does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_MODELS = ("gpt-4o-mini", "gpt-5.5", "text-embedding-3-small", "claude-opus-5-5", "claude-haiku-4-5")


@dataclass(frozen=True, slots=True)
class Settings:
    """One listening port.

    formats             names of the wire formats served (`formats.FORMATS`); empty serves all of them
    keys                accepted credentials; empty accepts any that is not empty
    models              what `/v1/models` lists; a request may name any model
    tokens_per_second   rate of a stream without a `rate` directive; None is as fast as the client reads
    log_size            how many requests `GET /__log` keeps; 0 keeps none
    always              a directive applied to every request (`status=503`): a backend that is down
    faults              directive to probability (`{"status=503": 0.05, "reset": 0.01}`), at most one a request
    seed                of the random choice among `faults`
    fixed               answer every request with one answer built at start, unread: for benchmarks
    tokens              words in that answer
    """

    formats: tuple[str, ...] = ()
    keys: tuple[str, ...] = field(default=(), repr=False)
    models: tuple[str, ...] = DEFAULT_MODELS
    tokens_per_second: float | None = None
    log_size: int = 0
    always: str = ""
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    fixed: bool = False
    tokens: int = 20
