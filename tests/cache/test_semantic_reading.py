"""What reads the same, and what does not."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cache.semantic.reading import MOST_CHARACTERS, Reading, read
from tests.cache.semantic_pairs import REPORT, TUNE


@pytest.mark.parametrize(
    ("text", "language", "terms"),
    [
        ("What is the capital of Peru?", "en", ("what", "is", "the", "capital", "of", "peru")),
        ("Could you please tell me what it costs?", "en", ("what", "it", "costs")),
        ("How can I sort a list?", "en", ("~how-to", "sort", "a", "list")),
        ("In Python, how do I sort a list?", "en", ("~how-to", "sort", "a", "list", "in", "python")),
        ("What's Norway's currency?", "en", ("what", "is", "the", "currency", "of", "norway")),
        ("Is it 1,000 or 1.5 or 5km?", "en", ("is", "it", "1000", "or", "1.5", "or", "5", "km", "?")),
        ("Is it the 1st of May 2024?", "en", ("is", "it", "the", "2024-05-01", "?")),
        ("Is it on May 1st?", "en", ("is", "it", "on", "--05-01", "?")),
        ("May I go in May?", "en", ("may", "i", "go", "in", "May", "?")),
        ("Who are the US to us?", "en", ("who", "are", "the", "US", "to", "us")),
        ("WHO ARE THE US TO US?", "en", ("who", "are", "the", "us", "to", "us")),
        ("I don't; you can't", "en", ("i", "do", "not", ";", "you", "can", "not")),
        ("What does parseInt do?", "en", ("what", "does", "parseInt", "do")),
        ("What does `A b` mean in “C d”?", "en", ("what", "does", '"A b"', "mean", "in", '"C d"')),
        ("Is it at https://a.io/B?c=1, or not?", "en", ("is", "it", "at", "https://a.io/B?c=1", "or", "not", "?")),
        ("Ist 1,5 mehr als 1.000 am 1. März?", "de", ("ist", "1.5", "mehr", "als", "1000", "am", "--03-01", "?")),
        ("Wie schalte ich das Gerät ein?", "de", ("wie", "ich", "das", "gerät", "einschalt")),
        ("Wie kann ich das Gerät einschalten?", "de", ("wie", "ich", "das", "gerät", "einschalt")),
        ("Où est-ce que je peux trouver l'hôtel ?", "fr", ("où", "trouver", "le", "hôtel")),
        ("¿Cómo cambio del 1 de marzo al 2?", "es", ("cómo", "cambiar", "de", "el", "--03-01", "a", "el", "2")),
        ("PASSWORT zurücksetzen!", "", ("passwort", "zurücksetzen")),
        ("東京の人口は？", "", ("東京の人口は", "?")),
    ],
)  # fmt: skip
def test_a_question_is_read_by_the_grammar_of_its_language(text: str, language: str, terms: tuple[str, ...]) -> None:
    assert read(text) == Reading(language, terms)


@pytest.mark.parametrize(
    "text", ["", "  \n ", "?!", "first line\nsecond line", "a\u2028b", "a" * (MOST_CHARACTERS + 1)]
)
def test_what_is_not_one_question_in_prose_has_no_reading(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is x == y here?", "Is x = y here?"),
        ("Is 10² more than 102?", "Is 102 more than 102?"),
        ("What is 5!?", "What is 5?"),
        (".5 or less: is it?", "5 or less: is it?"),
        (".NET is what?", "Net is what?"),
        ("Is it 3-5 or 35?", "Is it 3 5 or 35?"),
        ("Is it -5 degrees?", "Is it 5 degrees?"),
        ("How do I use version 3.10?", "How do I use version 3.1?"),
        ("Who called the US?", "Who called us?"),
        ("What does 'a b' mean?", "What does 'a  b' mean?"),
        ("What does get_user do?", "What does Get_user do?"),
        ("Who left? Anna did.", "Who left Anna did."),
        ("Who is 5 mg?", "Who is 5 g?"),
        ("¿Cuántos años tiene Ana?", "¿Cuántos anos tiene Ana?"),
        ("Wie sind die Maße?", "Wie sind die Masse?"),
        ("Wie schalte ich das Gerät ein?", "Wie schalte ich das Gerät aus?"),
    ],
)
def test_what_looks_alike_and_is_not_reads_differently(one: str, other: str) -> None:
    assert read(one) != read(other)


def test_paraphrases_that_the_tables_were_fitted_to_read_the_same() -> None:
    read_alike = [read(pair.one) == read(pair.other) for pair in TUNE if pair.same]
    assert (sum(read_alike), len(read_alike)) == (33, 39)


def test_no_near_miss_of_either_half_reads_the_same() -> None:
    assert [pair for pair in (*TUNE, *REPORT) if not pair.same and read(pair.one) == read(pair.other)] == []


def test_two_words_that_change_places_make_another_question() -> None:
    """But for a day beside its month."""
    swapped = [swap for pair in (*TUNE, *REPORT) for swap in _swaps(pair.one)]
    assert len(swapped) > 1500
    assert [swap for swap in swapped if read(swap[0]) == read(swap[1])] == [
        ("What happened on 3 April 1968?", "What happened on April 3 1968?")
    ]


def _swaps(text: str) -> list[tuple[str, str]]:
    bare = text.rstrip("?.! ")
    pieces, stop = bare.split(), text[len(bare) :]
    return [
        (text, " ".join(_swapped(pieces, one, other)) + stop)
        for one, other in combinations(range(len(pieces)), 2)
        if pieces[one].lower() != pieces[other].lower()
    ]


def _swapped(pieces: list[str], one: int, other: int) -> list[str]:
    swapped = list(pieces)
    swapped[one], swapped[other] = pieces[other], pieces[one]
    return swapped


@given(st.text(max_size=MOST_CHARACTERS + 1))
def test_any_text_is_read_or_not_and_never_an_error(text: str) -> None:
    reading = read(text)
    assert reading is None or len(reading.digest) == 32


@given(st.sampled_from([pair.one for pair in (*TUNE, *REPORT) if not set(pair.one) & set('`"')]))
def test_spaces_and_a_last_stop_do_not_matter(text: str) -> None:
    stop = "" if text.endswith(("?", "？")) else " ... "
    assert read(f"  {text.replace(' ', '  ')}{stop} ") == read(text)


def test_only_a_question_word_makes_a_question_without_its_mark() -> None:
    assert read("Who is there") == read("Who is there?")
    assert read("Anna is there") != read("Anna is there?")


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_readings_have_one_digest_only_if_they_are_equal(one: list[str], other: list[str]) -> None:
    first, second = Reading("en", tuple(one)), Reading("en", tuple(other))
    assert (first.digest == second.digest) is (first == second)


def test_a_reading_does_not_show_its_words() -> None:
    assert "secret" not in repr(read("What is the secret?"))


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        "“",
        "„",
        "`",
        "'a ",
        "a'",
        "a_",
        "._",
        "to ",
        "do ",
        "in ",
        "1,",
        "how ",
        "https://.",
        "mai 1 ",
        "l'",
        "-t-",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    """A pattern that tries all ways to cut such a text would not end before the test's time is up."""
    for text in (
        piece * (MOST_CHARACTERS // len(piece)),
        "what is " + piece * 90 + " 's b",
        "to the " + piece * 90 + ",",
    ):
        read(text[:MOST_CHARACTERS])
