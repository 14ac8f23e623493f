"""The rules of one document after the other: what stays the same is not compiled again."""

from dataclasses import replace

import pytest

from extproc.clients.judge import Connections
from extproc.config.guardrails import (
    DeniedPattern,
    DeniedWords,
    Guardrail,
    Guardrails,
    GuardrailUse,
    Phase,
    WebhookService,
)
from extproc.policy.guardrail_sets import RuleSets

WORDS = Guardrail("words", DeniedWords(("forbidden",)), Phase.REQUEST)
PATTERN = Guardrail("pattern", DeniedPattern("a+b", case_sensitive=False, length=9), Phase.REQUEST)
SERVICE = Guardrail("service", WebhookService("http://127.0.0.1:1/", None, 100), Phase.REQUEST)
ALL = GuardrailUse(("words", "service"))
OTHERS = GuardrailUse(("pattern",), teams=("research",))


def section(*rules: Guardrail, uses: tuple[GuardrailUse, ...] = (ALL, OTHERS)) -> Guardrails:
    return Guardrails(rules, uses)


@pytest.fixture
def sets() -> RuleSets:
    return RuleSets(Connections(), lambda: 0.0)


def test_a_set_that_the_last_document_had_is_not_compiled_again(sets: RuleSets) -> None:
    before = sets.of(section(WORDS, PATTERN, SERVICE))
    after = sets.of(section(WORDS, replace(PATTERN, check=DeniedPattern("a+c", False, 9)), SERVICE))
    assert after[ALL].engines is before[ALL].engines
    assert after[OTHERS].engines is not before[OTHERS].engines


def test_nor_is_it_for_another_service_or_for_other_callers(sets: RuleSets) -> None:
    before = sets.of(section(WORDS, PATTERN, SERVICE))
    moved = replace(SERVICE, check=WebhookService("http://127.0.0.1:2/", None, 100))
    everybody = replace(OTHERS, teams=())
    after = sets.of(section(WORDS, PATTERN, moved, uses=(ALL, everybody)))
    assert after[ALL].engines is before[ALL].engines
    assert after[everybody].engines is before[OTHERS].engines


def test_what_a_rejected_document_had_is_not_kept_in_place_of_what_is_in_force(sets: RuleSets) -> None:
    before = sets.of(section(WORDS, PATTERN, SERVICE))
    with pytest.raises(ValueError, match="pattern"):
        sets.of(section(WORDS, replace(PATTERN, check=DeniedPattern("(", False, 9)), SERVICE))
    assert sets.of(section(WORDS, PATTERN, SERVICE))[OTHERS].engines is before[OTHERS].engines
