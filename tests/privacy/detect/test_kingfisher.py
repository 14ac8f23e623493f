"""Kingfisher's rules as a recogniser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.detector import Detector
from extproc.privacy.detect.kingfisher import Kingfisher
from tests.privacy.detect import hostile

_SLACK = "xoxb-123456789012-1234567890123-4mt0t4l1yF4k3T0k3nXyZabc"
_GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.fixture(scope="module")
def kingfisher(tmp_path_factory: pytest.TempPathFactory) -> Kingfisher:
    return Kingfisher(str(tmp_path_factory.mktemp("rules")))


def _found(kingfisher: Kingfisher, text: str) -> list[str]:
    allowance = Allowance()
    allowance.grow(len(text))
    return [text[span.start : span.end] for span in kingfisher.find(text, allowance)]


@pytest.mark.parametrize("text", [f"é {_GITHUB}", f"\ud800\0 {_GITHUB}\0", f"電電 {_GITHUB}."])
def test_positions_are_characters(kingfisher: Kingfisher, text: str) -> None:
    assert _found(kingfisher, text) == [_GITHUB]


def test_a_secret_on_the_border_of_two_windows_is_found(kingfisher: Kingfisher) -> None:
    for before in range(8130, 8200, 10):
        text = "x " * (before // 2) + _SLACK + " x" * 5000
        assert max(_found(kingfisher, text), key=len) == _SLACK


def test_prose_has_no_secrets(kingfisher: Kingfisher) -> None:
    assert _found(kingfisher, "The key to the secret garden is a token of love. " * 500) == []


def test_what_it_finds_joins_what_the_patterns_find(kingfisher: Kingfisher) -> None:
    detector = Detector(recognisers=(kingfisher,))
    text = f"a@example.com {_SLACK}"
    assert [text[span.start : span.end] for span in detector.find(text)] == ["a@example.com", _SLACK]


def test_past_the_allowance_every_long_word_with_a_digit_is_a_secret(tmp_path: Path, kingfisher: Kingfisher) -> None:
    def ticks() -> Iterator[float]:
        now = 0.0
        while True:
            now += 1.0  # a second for each window
            yield now

    slow = Kingfisher(str(tmp_path), clock=ticks().__next__)
    text = "x " * 5000 + "abcdefghijklmnop1 abcdefghijklmnop"
    assert _found(slow, text) == ["abcdefghijklmnop1"]
    assert _found(kingfisher, text) == []


def test_hostile_text_is_bounded(kingfisher: Kingfisher) -> None:
    detector = Detector(recognisers=(kingfisher,))
    scan = detector.scan()
    scan.find(hostile.texts()["AWS keys"])
    assert scan.capped
