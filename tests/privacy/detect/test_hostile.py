"""Whatever a request says, looking at it costs a bounded time: the bound of docs, with a factor for slow machines."""

import time

import pytest

from extproc.privacy.apply import Policy
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.vault import Vault
from extproc.privacy.walk import redact_body
from tests.privacy.detect import hostile

_SECONDS_PER_100_KB = 0.050
_SLOW_MACHINE = 5
_OF_STRUCTURE = 2  # what is made of little but strings costs more, and is searched apart from the event loop
_TEXTS = hostile.texts()
_BODIES = hostile.bodies()


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.mark.parametrize("kind", _TEXTS)
def test_100_kb_of_anything_are_looked_at_in_bounded_time(detector: Detector, kind: str) -> None:
    begun = time.thread_time()
    detector.find(_TEXTS[kind])
    assert time.thread_time() - begun < _SECONDS_PER_100_KB * _SLOW_MACHINE


@pytest.mark.parametrize("kind", _BODIES)
def test_100_kb_of_any_structure_are_redacted_in_bounded_time(detector: Detector, kind: str) -> None:
    begun = time.thread_time()
    redact_body(_BODIES[kind], detector.scan().find, Policy(), Vault(bytes(32)))
    assert time.thread_time() - begun < _OF_STRUCTURE * _SECONDS_PER_100_KB * _SLOW_MACHINE


@pytest.mark.parametrize("kind", ["base64", "mail", "ideographs"])
def test_encoded_runs_are_bounded_too(kind: str) -> None:
    detector = Detector(DetectorOptions(decode_base64=True, decode_urls=True))
    text = {"base64": "bWFpbCBhQGIuY29t " * 6000, "mail": "a%40b.com " * 10_000, "ideographs": "%E9%9B%BB" * 11_000}[
        kind
    ]
    begun = time.thread_time()
    detector.find(text)
    assert time.thread_time() - begun < _SECONDS_PER_100_KB * _SLOW_MACHINE


def test_what_cannot_be_checked_any_more_counts_as_detected(detector: Detector) -> None:
    invalid = "4111 1111 1111 1112, "
    scan = detector.scan()
    spans = scan.find(invalid * 5000)
    assert scan.capped
    assert spans[-1].end >= len(invalid * 5000) - 2


def test_the_same_text_alone_is_checked(detector: Detector) -> None:
    scan = detector.scan()
    assert scan.find("4111 1111 1111 1112, ") == []
    assert not scan.capped


def test_the_allowance_is_the_requests_and_not_the_texts(detector: Detector) -> None:
    scan = detector.scan()
    for _ in range(2000):
        scan.find("4111 1111 1111 1112")
    assert scan.capped


def test_a_list_of_a_thousand_customers_is_no_attack(detector: Detector) -> None:
    rows = [f"Customer {number};customer{number}@example.com;192.0.2.{number % 250}" for number in range(1000)]
    scan = detector.scan()
    spans = scan.find("\n".join(rows))
    assert not scan.capped
    assert [span.entity for span in spans].count("EMAIL_ADDRESS") == 1000
