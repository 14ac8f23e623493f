"""Texts as documents, and spans of documents as spans of texts."""

from hypothesis import given
from hypothesis import strategies as st

from extproc.privacy.detect.documents import documents
from extproc.privacy.detect.span import Span


def placed(texts: list[str], number: int, start: int, end: int, most: int = 20, overlap: int = 4) -> list[object]:
    """Where a span of one of the documents is: each text, and what the span has of it."""
    document = documents(texts, most, overlap)[number]
    found = document.placed(Span(start, end, "PERSON"))
    return [(text, text[span.start : span.end], span.entity) for text, span in found]


def test_short_texts_share_a_document() -> None:
    assert [document.text for document in documents(["I am Ann", "", " \n", "Hi", "Ann and Bob"], 20, 4)] == [
        "I am Ann\n\nHi",
        "Ann and Bob",
    ]


def test_long_texts_are_cut_and_overlap() -> None:
    assert [document.text for document in documents(["0123456789abcdefghij"], 10, 4)] == [
        "0123456789",
        "6789abcdef",
        "cdefghij",
    ]


def test_a_span_goes_back_to_its_text() -> None:
    assert placed(["I am Ann", "Hi Bob"], 0, 5, 8) == [("I am Ann", "Ann", "PERSON")]
    assert placed(["I am Ann", "Hi Bob"], 0, 13, 16) == [("Hi Bob", "Bob", "PERSON")]
    assert placed(["0123456789abcdefghijklmnopqrst"], 1, 2, 6) == [("0123456789abcdefghijklmnopqrst", "ijkl", "PERSON")]


def test_a_span_over_several_texts_is_one_in_each() -> None:
    assert placed(["I am Ann", "Hi Bob"], 0, 5, 13) == [("I am Ann", "Ann", "PERSON"), ("Hi Bob", "Hi ", "PERSON")]
    assert placed(["I am Ann", "Hi Bob"], 0, 8, 10) == []


def test_texts_are_not_shown() -> None:
    assert "Ann" not in repr(documents(["I am Ann"]))


@given(st.lists(st.text("ab \n", max_size=40), max_size=12))
def test_every_character_is_in_a_document_and_keeps_its_place(texts: list[str]) -> None:
    covered: dict[str, set[int]] = {text: set() for text in texts}
    for document in documents(covered, 12, 3):
        assert 0 < len(document.text) <= 12
        for place, char in enumerate(document.text):
            for text, span in document.placed(Span(place, place + 1, "A")):
                assert text[span.start] == char
                covered[text].add(span.start)
    assert all(len(places) == len(text) or text.isspace() for text, places in covered.items())
