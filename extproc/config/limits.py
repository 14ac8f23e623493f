"""Limits and budgets, validated and frozen: the rules that the document, or a key or team of the registry, lays down.

A rule stands at a `Scope` and is of one subject there (a team's name, …) or, with `*`, of each one apart. It counts
what its models are used for, all together.
"""

from dataclasses import dataclass, field
from enum import StrEnum

EACH = "*"
"""As a rule's subject: every one, each with an account of its own. As a rule's models: all of them, together."""

MOST = 1 << 52
"""No budget is larger, in tokens or nano-dollars: it is the store's bound."""

MOST_RATE = 10_000_000_000
"""No rate, burst or number of requests under way is larger.

The store multiplies rates with their periods (in milliseconds up to a minute, in seconds from there), which must stay
below `MOST` too.
"""


class Scope(StrEnum):
    """What a rule is about, from all to one."""

    GATEWAY = "gateway"
    ORGANISATION = "organisation"
    TEAM = "team"
    USER = "user"
    KEY = "key"
    TAG = "tag"
    MODEL = "model"


class Measure(StrEnum):
    """What is counted. Money is in nano-dollars."""

    REQUESTS = "requests"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TOKENS = "tokens"
    MONEY = "money"


class Mode(StrEnum):
    ENFORCE = "enforce"
    SHADOW = "shadow"  # counts and tells, refuses nothing


class StoreAway(StrEnum):
    """What becomes of requests under a rule while the store does not answer."""

    DENY = "deny"
    LOCAL = "local"  # every worker enforces its share of the limit by itself
    ALLOW = "allow"


class Period(StrEnum):
    """A calendar period. A week begins on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Total:
    """No window: what is spent stays spent."""


@dataclass(frozen=True, slots=True)
class Rolling:
    """The last `seconds`, at every moment."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """The current calendar period in a time zone (IANA name)."""

    period: Period
    time_zone: str = "UTC"


Window = Total | Rolling | Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`name` is unique among rules of its kind. `local_share` is the percentage of the limit that a worker may use by
    itself while the store is away."""

    name: str
    scope: Scope
    subject: str = EACH
    models: tuple[str, ...] = (EACH,)
    mode: Mode = Mode.ENFORCE
    store_away: StoreAway = StoreAway.DENY
    local_share: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit(Rule):
    """`amount` of `measure` per `seconds` (1, 60, 3600 or 86400), steadily, and `burst` at once."""

    measure: Measure
    amount: int
    seconds: int
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimit(Rule):
    """At most `amount` requests under way."""

    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule(Rule):
    """`amount` of money or tokens in a window. `soft` are percentages of it at which an event is emitted."""

    measure: Measure
    amount: int
    window: Window
    soft: tuple[int, ...] = ()


AnyRule = RateLimit | ConcurrencyLimit | BudgetRule


@dataclass(frozen=True, slots=True)
class Raise:
    """More for a budget until a moment (Unix seconds): of one subject, or of every one (`*`)."""

    budget: str
    subject: str
    amount: int
    until: float


@dataclass(frozen=True, slots=True)
class Organisation:
    name: str
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Team:
    """A team; `models` and `endpoints` bound what its keys may use, besides their own lists."""

    name: str
    organisation: str = ""
    models: tuple[str, ...] = (EACH,)
    endpoints: tuple[str, ...] = (EACH,)
    tags: tuple[str, ...] = ()
    blocked: bool = False
    rules: tuple[AnyRule, ...] = ()
    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)
