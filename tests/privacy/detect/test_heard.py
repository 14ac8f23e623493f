"""What recognisers said of texts, in the search."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.custom import AllowList
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.detect.heard import Heard
from extproc.privacy.detect.normalise import readable
from extproc.privacy.detect.span import Span

PERSON = ("PERSON",)
DETECTOR = Detector(DetectorOptions(entities=frozenset(), allowed={"PERSON": AllowList(frozenset({"Merlin"}))}))
DECODING = Detector(DetectorOptions(entities=frozenset(), decode_base64=True, decode_urls=True))


def heard(text: str, *values: str) -> Heard:
    """A recogniser that found these in a text, as it reads it."""
    read = readable(text)
    return Heard(
        {read: [Span(read.index(value), read.index(value) + len(value), "PERSON") for value in values]}, PERSON
    )


def cut(text: str, *values: str, detector: Detector = DETECTOR) -> list[str]:
    """What the search cuts out."""
    return [text[span.start : span.end] for span in detector.scan([heard(text, *values)]).find(text)]


def test_it_is_found_where_it_stands() -> None:
    assert cut("I am Ann Lee.", "Ann Lee") == ["Ann Lee"]
    assert cut("Grüße 😀👩‍👩‍👧 von Zoë Lee!", "Zoë Lee") == ["Zoë Lee"]


def test_what_is_not_seen_is_cut_out_with_it() -> None:
    assert cut("I am A\u200bnn\u00ad Lee.", "Ann Lee") == ["A\u200bnn\u00ad Lee"]
    assert cut("I am \uff21nn.", "Ann") == ["\uff21nn"]


def test_allow_lists_hold() -> None:
    assert cut("Ask Merlin or Ann", "Merlin", "Ann") == ["Ann"]


def test_it_is_found_in_all_texts_of_the_request() -> None:
    one = heard("I am Ann Lee.", "Ann Lee")
    both = Heard({**one._spans, "Ann Lee, or Joann Leeds": []}, PERSON)
    assert list(both.find("Ann Lee, or Joann Leeds", Allowance())) == [Span(0, 7, "PERSON")]


def test_what_is_very_short_or_long_is_not_looked_for_elsewhere() -> None:
    long = "x" * 101
    said = Heard({f"Al {long}": [Span(0, 2, "PERSON"), Span(3, 104, "PERSON")], f"Al, {long}": []}, PERSON)
    assert list(said.find(f"Al, {long}", Allowance())) == []


def test_what_nobody_was_asked_about_counts_as_found() -> None:
    assert list(Heard({}, PERSON).find("Ann", Allowance())) == [Span(0, 3, "PERSON")]


def test_encoded_text_is_read_and_found_as_a_whole() -> None:
    run = base64.b64encode(b"My name is Ann Lee").decode()
    text = f"see {run} now"
    assert list(DECODING.scan().readings(text)) == [text, "My name is Ann Lee"]
    said = Heard({text: [], "My name is Ann Lee": [Span(11, 18, "PERSON")]}, PERSON)
    assert DECODING.scan([said]).find(text) == [Span(4, 4 + len(run), "PERSON")]


class Listening:
    """Writes down what it is given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def find(self, text: str, allowance: Allowance) -> list[Span]:
        self.texts.append(text)
        return []


ENCODED = st.one_of(st.text(max_size=30), st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode()))


@given(st.lists(st.lists(ENCODED, max_size=4).map(" ".join), max_size=4))
def test_the_texts_that_are_read_are_those_that_are_searched(texts: list[str]) -> None:
    listening = Listening()
    reading, searching = DECODING.scan(), DECODING.scan([listening])
    read = [each for text in texts for each in reading.readings(text)]
    for text in texts:
        searching.find(text)
    assert read == listening.texts
