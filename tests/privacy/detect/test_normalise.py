"""How patterns see a text, and where that is in the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.privacy.detect.normalise import normalise, readable


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("plain", b"plain"),
        ("Größe naïve Łódź", b"Grose naive Lodz"),
        ("ＡＢＣ１２３＠．", b"ABC123@."),
        ("аdmin", b"admin"),
        ("٤१５", b"415"),
        ("a\u00a0b\u2003c", b"a b c"),
        ("1–2—3−4", b"1-2-3-4"),
        ("電", b"\xff"),
        ("😀\ud800", b"??"),
        ("a\u200bb\u00adc\u202ed\u0301", b"abcd"),
        ("\U000e0041\U000e0031", b"A1"),
        ("", b""),
    ],
)
def test_what_looks_the_same_is_the_same(text: str, view: bytes) -> None:
    assert normalise(text).view == view


def test_positions_are_those_of_the_original() -> None:
    text = "\u200bab\u200b\u200bc\u200bd\u200b"
    normalised = normalise(text)
    start, end = normalised.original(1, 3)
    assert text[start:end] == "b\u200b\u200bc"


def test_what_is_taken_out_at_the_end_of_a_span_stays_outside() -> None:
    assert normalise("a\u200bb").original(0, 1) == (0, 1)


@given(st.text(st.characters(codec=None), max_size=200))
def test_every_position_leads_to_the_character_it_came_from(text: str) -> None:
    normalised = normalise(text)
    for place in range(len(normalised.view)):
        start, end = normalised.original(place, place + 1)
        assert end == start + 1
        assert normalise(text[start:end]).view == normalised.view[place : place + 1]


@given(st.text(st.characters(codec=None), max_size=200))
def test_both_ways_to_see_a_text_have_the_same_positions(text: str) -> None:
    assert len(readable(text)) == len(normalise(text).view)


def test_an_operators_pattern_sees_letters_as_they_are() -> None:
    assert readable("Größe\u200b Ｘ Ибис") == "Größe X Ибис"


def test_a_text_is_not_shown_by_its_normal_form() -> None:
    assert "secret" not in repr(normalise("secret é"))
