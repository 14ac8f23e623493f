"""What each family of models accepts of Bedrock's Converse API, read off the model's identifier: facts as data.

Sources, all seen 2026-11-21: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (formats,
strict tools), https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html (cache points),
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html and
https://github.com/langchain-ai/langchain-aws/issues/620 (forced tools),
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html (Nova's reasoning),
https://github.com/anomalyco/opencode/pull/48195 (OpenAI's models: which field the effort goes in).
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from extproc.translator.anthropic_models import ModelFacts, model_facts


class Reasoning(Enum):
    """How a model is asked to reason."""

    NONE = "none"
    CLAUDE = "claude"  # Anthropic's `thinking`, in `additionalModelRequestFields`
    NOVA = "nova"  # `reasoningConfig`, there too
    FLAT = "flat"  # `reasoning_effort`, there too
    NESTED = "nested"  # `reasoning.effort`, there too
    OUTPUT_CONFIG = "output_config"  # Converse's own `outputConfig.effort`


class CachePoints(Enum):
    """Where a cache point may stand. It changes cost and speed only, so elsewhere it is left out."""

    NOWHERE = "nowhere"
    MESSAGES = "messages"  # system and messages
    EVERYWHERE = "everywhere"  # after tools too


@dataclass(frozen=True, slots=True)
class ConverseFacts:
    """What one model accepts. `json_format_loosely`: also schemas that were not written for it. `top_k` is the path of
    that parameter among the model's own fields; empty: there is none."""

    reasoning: Reasoning = Reasoning.OUTPUT_CONFIG
    claude: ModelFacts | None = None
    json_format: bool = True
    json_format_loosely: bool = True
    strict_tools: bool = True
    forced_tools: bool = True
    cache_points: CachePoints = CachePoints.NOWHERE
    top_k: tuple[str, ...] = ("top_k",)


# A name that says nothing of its family (an inference profile of the operator's) is asked in the API's current form,
# and the provider judges.
UNKNOWN = ConverseFacts()

_NOVA = ConverseFacts(
    reasoning=Reasoning.NONE,
    json_format=False,
    strict_tools=False,
    cache_points=CachePoints.MESSAGES,
    top_k=("inferenceConfig", "topK"),
)
_FAMILIES: tuple[tuple[re.Pattern[str], ConverseFacts], ...] = (
    (re.compile(r"\bamazon\.nova-2\b"), ConverseFacts(
        reasoning=Reasoning.NOVA,
        json_format=False,
        strict_tools=False,
        cache_points=CachePoints.MESSAGES,
        top_k=("inferenceConfig", "topK"),
    )),
    (re.compile(r"\bamazon\.nova\b"), _NOVA),
    (re.compile(r"\bopenai\.gpt-oss\b"), ConverseFacts(reasoning=Reasoning.FLAT, top_k=())),
    (re.compile(r"\bopenai\."), ConverseFacts(reasoning=Reasoning.NESTED, top_k=())),
    (re.compile(r"\bmoonshot(?:ai)?\."), ConverseFacts(reasoning=Reasoning.FLAT)),
    (re.compile(r"\bmeta\.llama"), ConverseFacts(
        reasoning=Reasoning.NONE, json_format=False, strict_tools=False, forced_tools=False, top_k=()
    )),
)  # fmt: skip
_CLAUDE = re.compile(r"\banthropic\.|\bclaude\b")


@lru_cache(maxsize=1024)
def converse_facts(model: str) -> ConverseFacts:
    """The facts about a model by its identifier or ARN: `us.anthropic.claude-opus-4-6-v1`, `amazon.nova-pro-v1:0`, …"""
    if _CLAUDE.search(model):
        return _claude(model_facts(model))
    return next((facts for pattern, facts in _FAMILIES if pattern.search(model)), UNKNOWN)


def _claude(facts: ModelFacts) -> ConverseFacts:
    return ConverseFacts(
        reasoning=Reasoning.CLAUDE,
        claude=facts,
        json_format=facts.json_format,
        json_format_loosely=not facts.forced_tools,
        strict_tools=facts.json_format,
        forced_tools=facts.forced_tools,
        cache_points=CachePoints.EVERYWHERE,
    )
