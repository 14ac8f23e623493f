"""Texts that are searched together: the same is found as in each alone, at its place."""

import random

import pytest

from extproc.privacy.detect.custom import CustomPattern
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.detect.span import Span
from extproc.privacy.search import OneByOne, Together
from tests.privacy.corpus import Half, generate
from tests.privacy.redaction_fakes import find

SEPARATOR = "\n\x1e\n"

Found = list[tuple[int, str, list[Span]]]


def together(texts: list[str], detector: Detector) -> Found:
    found: Found = []
    search: Together[int] = Together(detector.scan().find, lambda *what: found.append(what))
    for place, text in enumerate(texts):
        search.add(place, text.encode())
    search.finish()
    return found


def one_by_one(texts: list[str], detector: Detector) -> Found:
    found: Found = []
    for place, text in enumerate(texts):
        search: OneByOne[int] = OneByOne(detector.scan().find, lambda *what: found.append(what))
        search.add(place, text.encode())
    return found


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def test_small_texts_are_one_search() -> None:
    searched: list[str] = []

    def spy(text: str) -> list[Span]:
        searched.append(text)
        return find(text)

    found: Found = []
    search: Together[int] = Together(spy, lambda *what: found.append(what))
    for place, text in enumerate([b"a", b"to a@b.cc", b"ssn: 123456789", b"x" * 600, b"b"]):
        search.add(place, text, before=5 if place == 2 else 0)
    search.finish()
    assert searched == ["x" * 600, SEPARATOR.join(["a", "to a@b.cc", "ssn: 123456789", "b"])]
    assert found == [
        (1, "to a@b.cc", [Span(3, 9, "EMAIL_ADDRESS")]),
        (2, "123456789", [Span(0, 9, "US_SSN")]),
    ]


def test_what_reaches_over_texts_is_found_in_each() -> None:
    found: Found = []
    search: Together[int] = Together(lambda text: [Span(1, len(text), "ALL")], lambda *what: found.append(what))
    for place, text in enumerate([b"abc", b"", "é".encode()]):
        search.add(place, text)
    search.finish()
    assert found == [(0, "abc", [Span(1, 3, "ALL")]), (2, "é", [Span(0, 1, "ALL")])]


def test_prompts_together_are_prompts_alone(detector: Detector) -> None:
    prompts = [example.text for example in generate(Half.TUNING, 1)]
    pieces = [piece for prompt in prompts for piece in prompt.split(" ", 3)]
    random.Random(3).shuffle(pieces)
    texts = [text for text in (*prompts[:100], *pieces) if len(text) < 500]
    assert together(texts, detector) == one_by_one(texts, detector)


@pytest.mark.parametrize(
    "texts",
    [
        ["password:", "hello world"],
        ["version", "fd00::1:2:3"],
        ["tel", "5551234"],
        ["call me", "at 5551234 today"],
        ["ssn", "123456789"],
        ["123456789", "is my ssn"],
        ["born on", "12/05/1985"],
        ["john", "@example.org"],
        ["12 Main", "Street"],
        ["4111 1111", "1111 1111"],
        ["a at b", "dot org"],
        ["https://a:", "b@c"],
    ],
)
def test_texts_do_not_explain_each_other(texts: list[str], detector: Detector) -> None:
    assert together(texts, detector) == one_by_one(texts, detector)


def test_a_private_key_line_by_line_is_found(detector: Detector) -> None:
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQ",
        "AQ==",
        "-----END PRIVATE KEY-----",
        "x",
    ]
    found = [(place, span.entity) for place, _, spans in together(lines, detector) for span in spans]
    assert found == [(0, "PRIVATE_KEY"), (1, "PRIVATE_KEY"), (2, "PRIVATE_KEY"), (3, "PRIVATE_KEY")]


@pytest.mark.parametrize("expression", [r"^ORD-[0-9]+$", r"ORD-[^ ]+", r"(?s)ORD-[0-9].*", r"\AORD-[0-9]+"])
def test_patterns_of_the_operator_see_each_text_by_itself(expression: str) -> None:
    custom = (CustomPattern("ORDER", expression), CustomPattern("STAFF", "E-[0-9]{6}", ("staff",)))
    detector = Detector(DetectorOptions(entities=frozenset(), custom=custom))
    texts = ["ORD-1", "of ORDER-2", "ORD-3", "staff", "E-123456", "staff E-654321"]
    assert together(texts, detector) == one_by_one(texts, detector)
    assert [place for place, _, _ in together(texts, detector)] == [0, 2, 5]
