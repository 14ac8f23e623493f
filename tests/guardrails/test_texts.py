"""Rules about texts: words, patterns, topics, secrets."""

import pytest

from extproc.guardrails.engine import Guardrails
from extproc.guardrails.rule import Action, Mode, PatternRule, Phase, Role, Rule, SecretRule, TopicRule, WordRule
from extproc.guardrails.verdict import Count, Verdict, counted
from extproc.privacy.detect.span import Span


def found(rule: Rule, text: str, phase: Phase = Phase.REQUEST) -> list[str]:
    """The pieces of the text that a rule matched."""
    verdicts = Guardrails([rule]).check_text(text, phase)
    return [text[span.start : span.end] for verdict in verdicts.all for span in verdict.matched]


class TestWords:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("the Project Falcon is late", ["Project Falcon"]),
            ("PROJECT\n  falcon", ["PROJECT\n  falcon"]),
            ("pro\u200bject\u00a0fal\u00adcon", ["pro\u200bject\u00a0fal\u00adcon"]),
            ("рrojесt Fаlсоn", ["рrojесt Fаlсоn"]),
            ("projects falcon", []),
            ("subproject falcons", []),
            ("", []),
        ],
    )
    def test_a_phrase_in_many_forms(self, text: str, expected: list[str]) -> None:
        assert found(WordRule(name="w", denied=("project falcon",)), text) == expected

    def test_words_of_other_scripts(self) -> None:
        rule = WordRule(name="w", denied=("секрет", "机密", "naïve"))
        assert found(rule, "это СЕКРЕТ, 机密文件, a naive one") == ["naive", "СЕКРЕТ", "机密"]

    def test_what_is_allowed_is_passed_over(self) -> None:
        rule = WordRule(name="w", denied=("kill", "kill bill"), allowed=("kill the process",))
        assert found(rule, "kill the process, then kill Bill") == ["kill Bill"]

    def test_signs_are_no_patterns(self) -> None:
        assert found(WordRule(name="w", denied=("c++", "a.b", "(x)")), "C++ axb a.b (X)") == ["C++", "a.b", "(X)"]

    def test_so_many_that_the_rest_counts_as_one(self) -> None:
        assert len(found(WordRule(name="w", denied=("x",)), "x " * 5_000)) == 33
        assert len(found(WordRule(name="w", denied=("x",), action=Action.REDACT), "x " * 5_000)) == 1_001

    def test_no_words(self) -> None:
        with pytest.raises(ValueError, match="'w' has no words"):
            WordRule(name="w", denied=(" ",))


class TestPatterns:
    def test_a_pattern(self) -> None:
        rule = PatternRule(name="case", pattern=r"CASE-\d{4}")
        assert found(rule, "see CASE-1234 and case-1") == ["CASE-1234"]

    def test_places_after_what_is_not_seen(self) -> None:
        assert found(PatternRule(name="p", pattern="b+"), "é\u200ba\u200bb\u200bb!") == ["b\u200bb"]

    def test_lone_surrogates(self) -> None:
        assert found(PatternRule(name="p", pattern="b+"), "\ud800 bb") == ["bb"]

    @pytest.mark.parametrize("pattern", ["(", "(?=x)", "a*", r"\1"])
    def test_patterns_that_are_refused(self, pattern: str) -> None:
        with pytest.raises(ValueError, match="rule 'p'"):
            Guardrails([PatternRule(name="p", pattern=pattern)])


class TestTopics:
    RULE = TopicRule(
        name="betting", keywords={"odds": 0.5, "bet": 0.5, "аукцион": 0.6, "casino": 1.0, "\u200b": 1.0}, threshold=1.0
    )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("I bet you know the odds", ["odds", "bet"]),
            ("a bet, another bet, and a bet", []),
            ("at the casinó", ["casinó"]),
            ("Аукцион and odds", ["odds", "Аукцион"]),
            ("nothing of it", []),
        ],
    )
    def test_distinct_keywords_add_up(self, text: str, expected: list[str]) -> None:
        assert found(self.RULE, text) == expected


class TestSecrets:
    def test_what_the_detector_finds_in_an_answer(self) -> None:
        rule = SecretRule(name="secrets", find=lambda text: [Span(4, 8, "API_KEY")])
        assert found(rule, "key sk-1 it is", Phase.RESPONSE) == ["sk-1"]
        assert found(rule, "key sk-1 it is", Phase.REQUEST) == []


class TestVerdicts:
    def test_a_verdict_has_places_and_no_text(self) -> None:
        rule = WordRule(name="w", denied=("secret",), mode=Mode.SHADOW, action=Action.OBSERVE)
        verdicts = Guardrails([rule]).check_text("a secret", Phase.REQUEST, Role.SYSTEM)
        assert verdicts.all == (Verdict("w", Action.OBSERVE, (Span(2, 8, "w"),), shadow=True),)
        assert "secret" not in repr(rule) + repr(verdicts)
        assert counted(verdicts.all) == {Count("w", Action.OBSERVE, True): 1}

    def test_shadow_neither_blocks_nor_redacts(self) -> None:
        rules = [WordRule(name=a.value, denied=("x",), action=a, mode=Mode.SHADOW) for a in Action]
        verdicts = Guardrails(rules).check_text("x", Phase.REQUEST)
        assert (len(verdicts.all), verdicts.blocking, verdicts.redacts) == (3, None, False)

    @pytest.mark.parametrize("name", ["", "<b>", "a b", '"', "x" * 65])
    def test_names_that_are_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="name of a rule"):
            WordRule(name=name, denied=("x",))
