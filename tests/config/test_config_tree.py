"""YAML, read strictly."""

import pytest
import yaml

from extproc.config import tree
from extproc.config.mistakes import Mistakes
from extproc.errors import ConfigError


def read(text: str) -> dict[str, object]:
    mistakes = Mistakes("f")
    values = tree.read(text, "f", mistakes)
    mistakes.raise_if_any()
    return values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("no", "no"),
        ("on", "on"),
        ("'true'", "true"),
        ("12", 12),
        ("-7", -7),
        ("'12'", "12"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("2.50", 2.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9" * 19, 9999999999999999999.0),
        ("9" * 5000, "9" * 5000),
        ("2027-01-01", "2027-01-01"),
        ("<<", "<<"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[1, [a, {b: c}]]", [1, ["a", {"b": "c"}]]),
    ],
)
def test_values(written: str, value: object) -> None:
    found = read(f"a: {written}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_names_of_fields_are_text() -> None:
    assert read("1: a\ntrue: b\nno: c\n? d\n: e\n") == {"1": "a", "true": "b", "no": "c", "d": "e"}


def test_aliases() -> None:
    assert read("a: &x [1, &y z]\nb: *x\nc: *y") == {"a": [1, "z"], "b": [1, "z"], "c": "z"}


NO_MEANING = {
    "empty": ("", "f: the document is empty"),
    "comment only": ("# nothing\n", "f: the document is empty"),
    "list": ("- a\n", "f:1: the document must be a mapping"),
    "text": ("\n\nhello\n", "f:3: the document must be a mapping"),
    "null": ("~\n", "f:1: the document must be a mapping"),
    "two documents": ("a: 1\n---\nb: 2\n", "f:2: there is a second document"),
    "tag": ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "f:2: tags ('!') have no meaning here"),
    "tag of a scalar": ("a: !!str 1\n", "f:1: tags ('!') have no meaning here"),
    "tag of a name": ("!!str a: 1\n", "f:1: a field's name must be plain text"),
    "list as a name": ("? [a]\n: b\n", "f:1: a field's name must be plain text"),
    "alias as a name": ("a: &x y\n*x : b\n", "f:2: a field's name must be plain text"),
    "alias of nothing": ("a: *x\n", "f:1: this alias ('*') has no anchor before it"),
    "alias of itself": ("a: &x [*x]\n", "f:1: this alias ('*') has no anchor before it"),
    "tab": ("a:\n\tb: 1\n", "f:2: this is not YAML: found character that cannot start any token"),
    "unclosed": ("a: [1\n", "f:2: this is not YAML: did not find expected ',' or ']'"),
    "control character": ("a: \x01\n", "f: this is not YAML: it has a character that YAML does not allow"),
    "lone surrogate": ("a: \ud800\n", "f: this is not YAML: it has a character that YAML does not allow"),
    "deep lists": ("a: " + "[" * 100_000, "f:1: the document is nested more than 32 deep"),
    "deep mappings": ("{a: " * 100_000, "f:1: the document is nested more than 32 deep"),
    "many values": (
        "a:\n" + "- 1\n" * 100_000,
        "f:100000: the document has more than 100000 values, its aliases included",
    ),
    "too large": ("a: " + "x" * (4 << 20), "f: the document is larger than 4 MiB"),
    "too large in bytes": ("a: " + "ü" * (2 << 20), "f: the document is larger than 4 MiB"),
}


@pytest.mark.parametrize(("text", "message"), NO_MEANING.values(), ids=NO_MEANING.keys())
def test_what_has_no_meaning(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value) == message


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    levels = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 30)]
    with pytest.raises(ConfigError) as caught:
        read("\n".join(["l0: &l0 [lol]", *levels]))
    assert str(caught.value) == "f:6: the document has more than 100000 values, its aliases included"


def test_fields_given_twice_are_all_found() -> None:
    with pytest.raises(ConfigError) as caught:
        read("a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n")
    assert str(caught.value).splitlines() == [
        "f:2: b.c: is given twice, first on line 2",
        "f:3: a: is given twice, first on line 1",
        "f:4: a: is given twice, first on line 1",
    ]


def test_the_parser_of_pure_python_reads_the_same() -> None:
    text = "a: &x [1, 'no', {b: ~}]\nc: *x\nd: |\n  text\n"
    assert tree.read(text, "f", Mistakes("f"), yaml.SafeLoader) == read(text)
