"""What each generation of Claude accepts, read off the model's name: provider facts as data.

Sources, all seen 2026-11-21: https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (thinking),
https://platform.claude.com/docs/en/build-with-claude/structured-outputs (output format), the migration guides under
https://platform.claude.com/docs/en/models (sampling parameters gone from 4.7 on; forced tools gone in Fable and
Mythos 5.1, Opus and Sonnet 5.5), https://github.com/langchain-ai/langchain-aws/pull/1141 (forced tools while thinking).
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class ThinkingMode(Enum):
    """How a model is asked to reason."""

    NONE = "none"
    BUDGET = "budget"  # `thinking: {type: enabled, budget_tokens}`
    ADAPTIVE = "adaptive"  # `thinking: {type: adaptive}` and `output_config.effort`


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What one model accepts. `thinking_off` is the `thinking.type` that switches reasoning off; None: nothing does."""

    thinking: ThinkingMode = ThinkingMode.ADAPTIVE
    thinking_off: str | None = "disabled"
    sampling: bool = True
    temperature_with_top_p: bool = True
    json_format: bool = True
    forced_tools: bool = True
    forced_tools_while_thinking: bool = True


# A name without a generation (a deployment's own name, another vendor's model behind Anthropic's API) is asked in the
# API's current form, and the provider judges.
UNKNOWN = ModelFacts()

_NAME = re.compile(r"claude-(?:(?P<family>[a-z]+)-)?(?P<major>\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?")


@lru_cache(maxsize=1024)
def model_facts(model: str) -> ModelFacts:
    """The facts about a model by its name at the provider: `claude-opus-4-7`, `anthropic.claude-haiku-4-5-v1:0`, …"""
    match = _NAME.search(model)
    if match is None:
        return UNKNOWN
    family, generation = match["family"] or "", (int(match["major"]), int(match["minor"] or 0))
    forced = generation < _FORCED_TOOLS_END.get(family, (99, 0))
    return ModelFacts(
        thinking=_thinking(generation),
        thinking_off=_thinking_off(family, generation),
        sampling=generation < (4, 7),
        temperature_with_top_p=generation < (4, 1),
        json_format=generation >= (4, 5),
        forced_tools=forced,
        forced_tools_while_thinking=forced and generation >= (4, 8),
    )


# The first generation of a family that refuses a `tool_choice` of `any` or `tool`.
_FORCED_TOOLS_END = {"fable": (5, 1), "mythos": (5, 1), "opus": (5, 5), "sonnet": (5, 5)}


def _thinking(generation: tuple[int, int]) -> ThinkingMode:
    if generation < (3, 7):
        return ThinkingMode.NONE
    return ThinkingMode.BUDGET if generation < (4, 6) else ThinkingMode.ADAPTIVE


def _thinking_off(family: str, generation: tuple[int, int]) -> str | None:
    if family in ("fable", "mythos") or (family == "opus" and generation >= (5, 5)):
        return None
    return "between_tools" if family == "sonnet" and generation >= (5, 5) else "disabled"
