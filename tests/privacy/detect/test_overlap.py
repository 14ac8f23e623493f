"""Which of the spans that overlap stays."""

import pytest

from extproc.privacy.detect.overlap import resolve
from extproc.privacy.detect.span import Span


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        pytest.param([], [], id="none"),
        pytest.param([Span(5, 9, "A"), Span(0, 5, "B")], [Span(0, 5, "B"), Span(5, 9, "A")], id="side by side"),
        pytest.param([Span(0, 9, "JWT"), Span(0, 9, "JWT", True)], [Span(0, 9, "JWT", True)], id="validated first"),
        pytest.param([Span(0, 9, "JWT"), Span(0, 9, "CRYPTO", True)], [Span(0, 9, "CRYPTO", True)], id="validated"),
        pytest.param([Span(0, 9, "JWT"), Span(0, 5, "API_KEY")], [Span(0, 9, "JWT")], id="longer"),
        pytest.param(
            [Span(0, 9, "PHONE_NUMBER"), Span(0, 9, "US_SSN")], [Span(0, 9, "US_SSN")], id="order of entities"
        ),
        pytest.param([Span(0, 9, "US_SSN"), Span(0, 9, "MINE")], [Span(0, 9, "MINE")], id="custom names first"),
        pytest.param(
            [Span(0, 6, "CREDIT_CARD", True), Span(4, 20, "PASSWORD")],
            [Span(0, 20, "CREDIT_CARD", True)],
            id="what the other had beyond is covered too",
        ),
    ],
)
def test_spans_that_overlap(spans: list[Span], kept: list[Span]) -> None:
    assert resolve(spans) == kept
    assert resolve(reversed(spans)) == kept
