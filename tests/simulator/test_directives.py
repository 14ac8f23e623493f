"""The language in which a request asks for trouble."""

import pytest

from extproc.simulator.directives import NONE, DirectiveError, Directives, combine, find, strip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hello", {}),
        ("[[status=429 retry_after=7]] hello", {"status": 429, "retry_after": 7.0}),
        ("say [[gzip]] and [[split=3]]", {"gzip": True, "split": 3}),
        ("[[tokens=5]] no, [[tokens=6]]", {"tokens": 6}),
        ("a [[Wiki Page]] and [[1, 2], [3]]", {}),
        ("[[]] [[ ]]", {}),
    ],
)
def test_finds_directives_in_text(text: str, found: dict[str, object]) -> None:
    assert find(text) == found


@pytest.mark.parametrize(
    "text",
    ["[[status=200]]", "[[status=x]]", "[[status]]", "[[gzip=1]]", "[[gzip and more]]", "[[rate=0]]", "[[split=0]]"],
)
def test_refuses_a_directive_it_cannot_read(text: str) -> None:
    with pytest.raises(DirectiveError):
        find(text)


def test_strips_directives_and_only_those() -> None:
    assert strip("[[status=500]] see [[Page]] [[gzip]]") == "see [[Page]]"


def test_later_layers_win() -> None:
    assert combine({"status": 429, "gzip": True}, {"status": 503}) == Directives(status=503, gzip=True)


def test_no_layers_are_no_directives() -> None:
    assert combine({}, {}) is NONE


def test_directives_write_themselves_as_they_are_asked_for() -> None:
    assert str(Directives(status=429, retry_after=7.0, gzip=True)) == "status=429 retry_after=7.0 gzip"
