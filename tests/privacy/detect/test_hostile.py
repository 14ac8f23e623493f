"""Whatever a request says, looking at it comes to a good end. What it costs, `bench redact_hostile_100k` measures."""

import json
from collections.abc import Sequence

import pytest

from extproc.privacy.apply import Action, Policy
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.detect.span import Span
from extproc.privacy.vault import Vault
from extproc.privacy.walk import redact_body
from tests.privacy.detect import hostile

_TEXTS = hostile.texts()
_BODIES = hostile.bodies()


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def are_in_order(spans: Sequence[Span], text: str) -> bool:
    """Whether they are places of the text, none over another."""
    edges = [0, *(edge for span in spans for edge in (span.start, span.end)), len(text)]
    return edges == sorted(edges) and all(span.start < span.end for span in spans)


@pytest.mark.parametrize("kind", _TEXTS)
def test_what_is_found_in_hostile_text_is_in_order(detector: Detector, kind: str) -> None:
    assert are_in_order(detector.find(_TEXTS[kind]), _TEXTS[kind])


@pytest.mark.parametrize("kind", _BODIES)
def test_hostile_structure_stays_valid(detector: Detector, kind: str) -> None:
    redacted = redact_body(_BODIES[kind], detector.scan().find, Policy(default=Action.MASK), Vault(bytes(32)))
    assert json.loads(redacted.body).keys() == json.loads(_BODIES[kind]).keys()


@pytest.mark.parametrize("kind", ["base64", "mail", "ideographs"])
def test_what_is_found_in_encoded_runs_is_in_order(kind: str) -> None:
    detector = Detector(DetectorOptions(decode_base64=True, decode_urls=True))
    text = {"base64": "bWFpbCBhQGIuY29t " * 6000, "mail": "a%40b.com " * 10_000, "ideographs": "%E9%9B%BB" * 11_000}[
        kind
    ]
    assert are_in_order(detector.find(text), text)


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
