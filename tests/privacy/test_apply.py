"""What each action does to a text."""

import pytest

from extproc.privacy.apply import Action, Finding, Policy, apply
from extproc.privacy.detect.span import Span
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, find, vault

TEXT = f"write to {ANN}, or {ANN}!"


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (Action.OBSERVE, TEXT),
        (Action.MASK, "write to <EMAIL_ADDRESS>, or <EMAIL_ADDRESS>!"),
        (Action.HASH, "write to <EMAIL_ADDRESS:d8fc8d5e4b801325>, or <EMAIL_ADDRESS:d8fc8d5e4b801325>!"),
        (Action.REPLACE, f"write to {ANN_TOKEN}, or {ANN_TOKEN}!"),
        (Action.SURROGATE, "write to robin.lkclqw@example.com, or robin.lkclqw@example.com!"),
        (Action.BLOCK, "write to <EMAIL_ADDRESS>, or <EMAIL_ADDRESS>!"),
    ],
)
def test_actions(action: Action, text: str) -> None:
    redacted = apply(TEXT, find(TEXT), Policy({"EMAIL_ADDRESS": action}), vault())
    assert redacted.text == text
    assert redacted.counts == {Finding("EMAIL_ADDRESS", action): 2}
    assert redacted.blocked == (frozenset({"EMAIL_ADDRESS"}) if action is Action.BLOCK else frozenset())


def test_what_is_not_named_gets_the_default() -> None:
    redacted = apply("x", [Span(0, 1, "PERSON")], Policy({"LOCATION": Action.BLOCK}, Action.MASK), vault())
    assert redacted.text == "<PERSON>"


def test_overlapping_spans_are_one() -> None:
    spans = [Span(5, 8, "C"), Span(0, 4, "A"), Span(2, 6, "B"), Span(9, 9, "D")]
    redacted = apply("0123456789", spans, Policy(default=Action.MASK), vault())
    assert redacted.text == "<A>89"
    assert redacted.counts == {Finding("A", Action.MASK): 1}


def test_a_redacted_text_is_not_shown() -> None:
    assert "write" not in repr(apply(TEXT, [], Policy(), vault()))


@pytest.mark.parametrize("text", ["שלום ann@example.org ‏‎", "a​ann@example.org​", "𝒜 ann@example.org 👩‍👩‍👧"])
def test_text_in_any_script_stays_around_what_is_replaced(text: str) -> None:
    redacted = apply(text, find(text), Policy(), vault())
    assert redacted.text == text.replace(ANN, ANN_TOKEN)
