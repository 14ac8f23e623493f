"""The shape of `gateway.yaml`: limits, budgets and accounting."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from extproc.config.document import Models, Name, Section, UpstreamModel
from extproc.config.limits import MOST, MOST_RATE, Mode, Period, Scope, StoreAway
from extproc.config.model import UnknownPrice, UsageExtraction

_MOST_RULES = 1000  # of either kind: every new caller is held against all of them

RequestBytes = Annotated[
    int, Meta(ge=1024, le=256 << 20, description="a number of bytes from 1024 (1 KiB) to 268435456 (256 MiB)")
]
Subject = Annotated[
    str,
    Meta(
        pattern=r"^(?=.{1,128}$)[A-Za-z0-9._:/@+~-]*\*?$",
        description="the name of whom the rule is of, or '*' for each of them apart",
    ),
]
Rate = Annotated[int, Meta(ge=1, le=MOST_RATE, description=f"a whole number from 1 to {MOST_RATE}")]
Percent = Annotated[int, Meta(ge=1, le=100, description="a percentage from 1 to 100")]
TokenBudget = Annotated[int, Meta(ge=1, le=MOST, description=f"a number of tokens from 1 to {MOST}")]
BudgetDollars = (
    Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,7}(\.[0-9]{1,9})?$",
            description='US dollars, more than 0 and at most 4503599.627370496, as in "500.00"',
        ),
    ]
    | Annotated[
        float,
        Meta(
            ge=0,
            lt=10_000_000,
            description='US dollars, more than 0 and at most 4503599.627370496, as in "500.00"',
        ),
    ]
)
WindowLength = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,8}[smhdw]$",
        description="a whole number and its unit, one of s, m, h, d, w (24h, 7d)",
    ),
]
TimeZone = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}$",
        description="the IANA name of a time zone (Europe/Berlin)",
    ),
]
Dollars = (
    Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,6}(\.[0-9]{1,9})?$",
            description='US dollars per million tokens, from 0 to 999999.999999999, as in "2.50"',
        ),
    ]
    | Annotated[
        float,
        Meta(ge=0, lt=1_000_000, description='US dollars per million tokens, from 0 to 999999.999999999, as in "2.50"'),
    ]
)
Quantum = Annotated[int, Meta(ge=16, le=8192, description="a number of tokens from 16 to 8192")]


class Per(StrEnum):
    """The period of a rate."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Forever(StrEnum):
    """A budget without a window."""

    TOTAL = "total"


class RateEntry(Section, frozen=True):
    """`amount` per period, steadily, and `burst` (unless given: the amount) at once."""

    amount: Rate
    per: Per
    burst: Rate | None = None


class RuleEntry(Section, frozen=True, kw_only=True):
    """What limits and budgets have in common: whom they are of, and what becomes of them.

    `of` names one subject of the scope, `*` is each apart. `models` are counted together. `mode: shadow` refuses
    nothing. `store_away` is what becomes of requests while the store does not answer, `local_share` the percentage of
    the limit that a worker may use by itself meanwhile.
    """

    name: Name
    scope: Scope
    of: Subject | None = None
    models: Models = ("*",)
    mode: Mode = Mode.ENFORCE
    local_share: Percent = 10


class LimitEntry(RuleEntry, frozen=True, kw_only=True):
    """Limits of one subject: rates, and how many requests may be under way at once (`concurrent`)."""

    at_least_one = ("requests", "input_tokens", "output_tokens", "tokens", "concurrent")

    requests: RateEntry | None = None
    input_tokens: RateEntry | None = None
    output_tokens: RateEntry | None = None
    tokens: RateEntry | None = None
    concurrent: Rate | None = None
    store_away: StoreAway = StoreAway.LOCAL


class WindowEntry(Section, frozen=True):
    """The last `rolling` at every moment, or the current `calendar` period in a time zone (UTC unless given)."""

    exactly_one = ("rolling", "calendar")

    rolling: WindowLength | None = None
    calendar: Period | None = None
    time_zone: TimeZone | None = None


class BudgetEntry(RuleEntry, frozen=True, kw_only=True):
    """A budget: `amount` of money, or a number of tokens. `soft` are percentages of it at which an event is emitted."""

    exactly_one = ("amount", "tokens", "input_tokens", "output_tokens")

    window: Forever | WindowEntry
    amount: BudgetDollars | None = None
    tokens: TokenBudget | None = None
    input_tokens: TokenBudget | None = None
    output_tokens: TokenBudget | None = None
    soft: tuple[Percent, ...] = ()
    store_away: StoreAway = StoreAway.DENY


Limits = Annotated[tuple[LimitEntry, ...], Meta(max_length=_MOST_RULES, description="a list of at most 1000 limits")]
Budgets = Annotated[tuple[BudgetEntry, ...], Meta(max_length=_MOST_RULES, description="a list of at most 1000 budgets")]


class LimitsSection(Section, frozen=True):
    """How large requests may be, and how many."""

    max_request_bytes: RequestBytes = 32 << 20
    rules: Limits = ()


class DefaultPriceEntry(Section, frozen=True):
    """What a model without a price costs, in US dollars per million tokens."""

    input: Dollars
    output: Dollars


class PriceEntry(Section, frozen=True):
    """The operator's own price of a provider's model, in US dollars per million tokens."""

    provider: Name
    model: UpstreamModel
    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    cache_creation: Dollars | None = None


class AccountingSection(Section, frozen=True):
    """How tokens are counted, what they cost, and what a spent budget is answered with.

    `quantum_tokens` is by how much the reservation of a stream grows.
    """

    usage_extraction: UsageExtraction = UsageExtraction.FRAMES
    unknown_price: UnknownPrice = UnknownPrice.ALLOW
    default_price: DefaultPriceEntry | None = None
    prices: tuple[PriceEntry, ...] = ()
    budget_status: Literal[402, 412, 422, 429] = 402
    quantum_tokens: Quantum = 256
