"""Limits as a key or a team of the registry has them: flat fields with the names that LiteLLM's administrators know.

`extproc.config.rules` turns them into rules. Names and meaning follow LiteLLM's key management API
(https://docs.litellm.ai/docs/proxy/virtual_keys, from memory, 2026-11-21).
"""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from extproc.config.document import ModelName

Dollars = (
    Annotated[
        str,
        Meta(pattern=r"^[0-9]{1,7}(\.[0-9]{1,9})?$", description='US dollars, as in "250.00"'),
    ]
    | Annotated[float, Meta(ge=0, lt=10_000_000, description='US dollars, as in "250.00"')]
)
Duration = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,8}(s|m|h|d|w|mo)$",
        description="a number and its unit: s, m, h, d, w or mo (30d; 1mo is the calendar month in UTC)",
    ),
]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000_000, description="a whole number from 1 to 1000000000000")]


class LimitedStruct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every struct of these fields has: a field that is not known is refused, one at its default not written."""


class BudgetLimit(LimitedStruct, frozen=True, kw_only=True):
    """One of several budgets; without a duration what is spent stays spent."""

    max_budget: Dollars
    budget_duration: Duration | None = None


class ModelBudget(LimitedStruct, frozen=True, kw_only=True):
    """A budget of one model; without a period what is spent stays spent."""

    budget_limit: Dollars
    time_period: Duration | None = None


class LimitFields(LimitedStruct, frozen=True, kw_only=True):
    """Limits and budgets of one key or team; what is None limits nothing.

    `max_budget` is money per `budget_duration` (without one: in all), `soft_budget` the amount of it at which an event
    is emitted, `budget_limits` are further budgets beside it. `rpm_limit` and `tpm_limit` are requests and tokens
    (input and output) per minute, `max_parallel_requests` requests under way. What begins with `model_` is by model.
    """

    max_budget: Dollars | None = None
    soft_budget: Dollars | None = None
    budget_duration: Duration | None = None
    budget_limits: tuple[BudgetLimit, ...] = ()
    rpm_limit: Count | None = None
    tpm_limit: Count | None = None
    max_parallel_requests: Count | None = None
    model_rpm_limit: Mapping[ModelName, Count] = {}
    model_tpm_limit: Mapping[ModelName, Count] = {}
    model_max_budget: Mapping[ModelName, Dollars | ModelBudget] = {}
