"""What each generation of Gemini accepts, read off the model's name: provider facts as data.

Sources, all seen 2026-11-21: https://ai.google.dev/gemini-api/docs/thinking (budgets of 2.5, levels from 3 on),
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking (levels of each model),
https://ai.google.dev/gemini-api/docs/generate-content/whats-new-gemini-3.6 (sampling parameters deprecated and without
effect from 3.6 Flash and 3.5 Flash-Lite on; no `candidateCount` from 3 on),
https://ai.google.dev/gemini-api/docs/thought-signatures (signatures of function calls required from 3 on),
https://ai.google.dev/gemini-api/docs/structured-output and .../function-calling (both at once, and media in functions'
results, from 3 on).
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class ThinkingMode(Enum):
    """How a model is asked to reason."""

    NONE = "none"
    BUDGET = "budget"  # `thinkingBudget`, in tokens
    LEVEL = "level"  # `thinkingLevel`


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What one model accepts.

    `budgets` are the least and the most tokens of a budget, `levels` the thinking levels, least first; `thinking_off`
    says that reasoning can be switched off. `signed_calls`: a function call must come back with a signature.
    """

    thinking: ThinkingMode = ThinkingMode.LEVEL
    thinking_off: bool = False
    budgets: tuple[int, int] = (0, 0)
    levels: tuple[str, ...] = ("LOW", "MEDIUM", "HIGH")
    sampling: bool = True
    candidates: bool = False
    json_with_tools: bool = True
    media_in_results: bool = True
    signed_calls: bool = True


# A name without a generation (`gemini-flash-latest`, a tuned model) is asked in the API's current form, and the
# provider judges.
UNKNOWN = ModelFacts()

_NAME = re.compile(r"gemini-(?P<major>\d)(?:[.-](?P<minor>\d)(?!\d))?(?:-(?P<tier>pro|flash-lite|flash))?")
_BUDGETS = {"pro": (128, 32768), "flash": (1, 24576), "flash-lite": (512, 24576)}


@lru_cache(maxsize=1024)
def model_facts(model: str) -> ModelFacts:
    """The facts about a model by its name at the provider: `gemini-2.5-flash`, `gemini-3.1-pro-preview`, …"""
    match = _NAME.search(model)
    if match is None:
        return UNKNOWN
    tier, generation = match["tier"] or "pro", (int(match["major"]), int(match["minor"] or 0))
    return _before_3(tier, generation) if generation < (3, 0) else _from_3(tier, generation)


def _before_3(tier: str, generation: tuple[int, int]) -> ModelFacts:
    thinks = generation >= (2, 5)
    return ModelFacts(
        thinking=ThinkingMode.BUDGET if thinks else ThinkingMode.NONE,
        thinking_off=not thinks or tier != "pro",
        budgets=_BUDGETS[tier],
        levels=(),
        candidates=True,
        json_with_tools=False,
        media_in_results=False,
        signed_calls=False,
    )


def _from_3(tier: str, generation: tuple[int, int]) -> ModelFacts:
    return ModelFacts(
        levels=_levels(tier, generation),
        sampling=generation < ((3, 5) if tier == "flash-lite" else (3, 6)),
    )


def _levels(tier: str, generation: tuple[int, int]) -> tuple[str, ...]:
    if tier == "pro" and generation == (3, 0):
        return ("LOW", "HIGH")
    if tier == "pro" or (tier == "flash" and generation >= (3, 7)):
        return ("LOW", "MEDIUM", "HIGH")
    return ("MINIMAL", "LOW", "MEDIUM", "HIGH")
